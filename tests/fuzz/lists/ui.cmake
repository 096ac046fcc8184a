thanos_fuzz(ui_headers ui)
