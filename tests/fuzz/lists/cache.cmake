thanos_fuzz(cache_answers cache)
