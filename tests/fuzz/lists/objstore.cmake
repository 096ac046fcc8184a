thanos_fuzz(bucket_config objstore)
