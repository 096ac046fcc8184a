thanos_fuzz(rule_file tools)
thanos_fuzz(rewrite_config tools)
