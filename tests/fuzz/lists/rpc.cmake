thanos_fuzz(snappy_frames rpc)
