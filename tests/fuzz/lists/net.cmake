thanos_fuzz(http_query net)
thanos_fuzz(web_config net)
