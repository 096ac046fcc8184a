thanos_fuzz(promql_lexer promql)
thanos_fuzz(promql_parser promql)
thanos_fuzz(promql_engine promql)
target_include_directories(fuzz_promql_engine PRIVATE ${PROJECT_SOURCE_DIR}/tests)
