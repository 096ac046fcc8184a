thanos_fuzz(chunk_decode chunk)
