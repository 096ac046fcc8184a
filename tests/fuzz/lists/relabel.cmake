thanos_fuzz(relabel_config relabel)
