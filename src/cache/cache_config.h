// The YAML that names a cache: `type` and `config`, as the index cache, the caching bucket and
// others have it. components/store §5.
#pragma once

#include <string>
#include <string_view>

#include "cache/memory_cache.h"
#include "config/yaml.h"
#include "thanos/status.h"

namespace thanos::cache {

/// `config` of type IN-MEMORY. Unknown keys are let pass, as Go does here.
Result<MemoryCacheOptions> ReadMemoryConfig(const config::YamlNode& node);

/// Upper case, as types are compared.
std::string UpperType(std::string_view type);

}  // namespace thanos::cache
