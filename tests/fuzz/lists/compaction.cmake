thanos_fuzz(float_merge compaction)
