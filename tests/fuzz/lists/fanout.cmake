thanos_fuzz(endpoint_config fanout)
