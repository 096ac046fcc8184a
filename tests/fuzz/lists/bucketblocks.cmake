thanos_fuzz(marks bucketblocks)
