thanos_fuzz(http_query net)
