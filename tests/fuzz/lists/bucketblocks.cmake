thanos_fuzz(marks bucketblocks)
thanos_fuzz(meta_pack bucketblocks)
