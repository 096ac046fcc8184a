thanos_fuzz(series_frame wire)
thanos_fuzz(remote_read wire)
thanos_fuzz(unary_messages wire)
