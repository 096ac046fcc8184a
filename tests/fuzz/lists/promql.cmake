thanos_fuzz(promql_parser promql)
