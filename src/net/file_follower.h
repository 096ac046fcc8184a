// Files that are read again when they change: certificates, keys, configuration.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace thanos::net {

/// Tells whether any of some files changed: by time, size or identity, so that a file that is
/// renamed into place counts too. A file that is not there has a stamp as well. One thread.
class FileFollower {
 public:
  FileFollower() = default;
  /// Empty paths are left out.
  explicit FileFollower(std::vector<std::string> paths);
  /// True when something differs from the last call, or from the construction.
  bool Changed();

 private:
  struct Stamp {
    int64_t modified_ns = -1, size = -1;
    uint64_t inode = 0, device = 0;
    bool operator==(const Stamp&) const = default;
  };
  static Stamp Look(const std::string& path);
  std::vector<std::string> paths_;
  std::vector<Stamp> stamps_;
};

}  // namespace thanos::net
