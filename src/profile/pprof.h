// Profiles in the format of `go tool pprof`: gzipped profile.proto with mappings and names.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "profile/stack.h"

namespace thanos::profile {

struct ProfileHeader {
  /// Of each value of a stack: {"cpu", "nanoseconds"}. The last one is shown first.
  std::vector<std::pair<std::string, std::string>> value_types;
  std::pair<std::string, std::string> period_type;
  int64_t period = 0;
  int64_t time_ns = 0;  // Since the epoch.
  int64_t duration_ns = 0;
  std::vector<std::string> comments;
};

/// Addresses are those of this process.
std::string EncodeProfile(const ProfileHeader& header, const StackValues& stacks);

}  // namespace thanos::profile
