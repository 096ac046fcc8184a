// Where a querier's endpoints come from: flags, --endpoint.sd-config, --store.sd-files.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "fanout/endpoint_config.h"
#include "thanos/status.h"

namespace thanos::fanout {

/// The targets of a file of Prometheus' file discovery: a JSON or YAML list of
/// {targets: [...], labels: {...}}; labels are left out. kInvalidArgument names what is wrong.
Result<std::vector<std::string>> ParseTargetFile(std::string_view text);

/// Files that name targets. They are looked at on every call and read when they changed, at the
/// latest after `interval`. A file that cannot be read or is not whole keeps its last targets, one
/// that is gone has none. One thread.
class TargetFiles {
 public:
  static constexpr size_t kFileBytesMax = 16 << 20;
  static constexpr size_t kFilesMax = 10000;
  TargetFiles(std::vector<std::string> globs, std::chrono::nanoseconds interval,
              base::Logger logger);
  std::vector<std::string> Targets();

 private:
  struct File {
    int64_t modified_ns = -1, size = -1;
    uint64_t inode = 0;
    std::vector<std::string> targets;
  };
  std::vector<std::string> Paths() const;
  void Read(const std::string& path, File* file) const;

  const std::vector<std::string> globs_;
  const std::chrono::nanoseconds interval_;
  const base::Logger logger_;
  std::chrono::steady_clock::time_point next_read_;
  std::map<std::string, File> files_;
};

struct DiscoveryOptions {
  std::vector<EndpointSpec> flags;  // Of --endpoint and its like; their connections are `global`'s.
  ClientSettings global;
  std::string config_text;  // --endpoint.sd-config.
  std::string config_path;  // --endpoint.sd-config-file, read again every `reload_interval`.
  std::chrono::nanoseconds reload_interval = std::chrono::minutes(5);
  std::vector<std::string> target_globs;  // --store.sd-files.
  std::chrono::nanoseconds target_interval = std::chrono::minutes(5);
};

/// What is wanted now. One thread.
class Discovery {
 public:
  /// kInvalidArgument for a configuration or an endpoint that cannot be; kNotFound and the like for
  /// a file that cannot be read.
  static Result<std::unique_ptr<Discovery>> Make(DiscoveryOptions options, base::Logger logger);
  /// A configuration that went bad is logged, and the last good one holds.
  std::vector<EndpointSpec> Wanted();

 private:
  Discovery(DiscoveryOptions options, base::Logger logger);
  Result<EndpointConfig> Load(const std::string& text) const;
  void Reload();

  const DiscoveryOptions options_;
  const base::Logger logger_;
  EndpointConfig config_;
  std::string config_text_;  // What config_ was read from.
  std::chrono::steady_clock::time_point next_reload_;
  TargetFiles target_files_;
};

}  // namespace thanos::fanout
