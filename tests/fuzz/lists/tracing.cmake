thanos_fuzz(trace_headers tracing)
thanos_fuzz(tracing_config tracing requestlog)
