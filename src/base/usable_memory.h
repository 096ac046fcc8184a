// How much memory this process may use.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace thanos::base {

/// Bytes: the least of the machine's memory and the limits of the process' control group (version
/// 1 or 2) and of those above it.
uint64_t UsableMemory();

/// The least limit of the groups that `membership` (/proc/self/cgroup) names below `root`
/// (/sys/fs/cgroup). UINT64_MAX when there is none.
uint64_t GroupMemoryLimit(const std::string& root, std::string_view membership);

}  // namespace thanos::base
