thanos_fuzz(bucket_config objstore)
thanos_fuzz(s3_answers objstore)
