thanos_fuzz(index_walk block)
thanos_fuzz(index_header block)
thanos_fuzz(tombstones block)
thanos_fuzz(meta_json block)
