// The YAML that names a cache: `type` and `config`, as the index cache, the caching bucket and
// others have it. components/store §5.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cache/memory_cache.h"
#include "config/yaml.h"
#include "thanos/status.h"

namespace thanos::cache {

/// `config` of type IN-MEMORY. Unknown keys are let pass, as Go does here.
Result<MemoryCacheOptions> ReadMemoryConfig(const config::YamlNode& node);

/// Keys that are written in the YAML of a cache behind a network and change nothing here, so that
/// whoever set them can be told.
std::vector<std::string> KeysWithoutEffect(std::string_view yaml);

/// Upper case, as types are compared.
std::string UpperType(std::string_view type);

}  // namespace thanos::cache
