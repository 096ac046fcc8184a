#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

#include "metrics/registry.h"
#include "thanos/version.h"

namespace thanos::metrics {
namespace {

using Samples = std::vector<Registry::Sample>;

struct Stat {
  double virtual_bytes = 0, resident_bytes = 0, start_ticks = 0;
};

Stat ReadStat() {
  Stat stat;
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const size_t paren = text.rfind(')');  // The name may hold spaces.
  if (paren == std::string::npos) return stat;
  std::istringstream fields(text.substr(paren + 2));
  std::string field;
  for (int i = 3; i <= 24 && fields >> field; ++i) {
    if (i == 22) stat.start_ticks = std::stod(field);
    if (i == 23) stat.virtual_bytes = std::stod(field);
    if (i == 24)
      stat.resident_bytes = std::stod(field) * static_cast<double>(sysconf(_SC_PAGESIZE));
  }
  return stat;
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double StartSeconds() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("btime ", 0) == 0) {
      return std::stod(line.substr(6)) +
             ReadStat().start_ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
    }
  }
  return 0;
}

double OpenDescriptors() {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  return count > 0 ? count - 1 : 0;  // Without the one that lists.
}

double MaxDescriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

}  // namespace

void AddProcessMetrics(Registry* registry) {
  const auto add = [registry](std::string_view name, std::string_view help, bool counter,
                              double (*value)()) {
    registry->AddCallback(name, help, counter, [value] { return Samples{{{}, value()}}; });
  };
  add("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", true,
      CpuSeconds);
  add("process_open_fds", "Number of open file descriptors.", false, OpenDescriptors);
  add("process_max_fds", "Maximum number of open file descriptors.", false, MaxDescriptors);
  add(
      "process_virtual_memory_bytes", "Virtual memory size in bytes.", false,
      +[] { return ReadStat().virtual_bytes; });
  add(
      "process_resident_memory_bytes", "Resident memory size in bytes.", false,
      +[] { return ReadStat().resident_bytes; });
  const double start = StartSeconds();
  registry->AddCallback("process_start_time_seconds",
                        "Start time of the process since unix epoch in seconds.", false,
                        [start] { return Samples{{{}, start}}; });
  registry
      ->AddGauge("thanos_build_info",
                 "A metric with a constant '1' value labeled by version, revision, branch, "
                 "goversion from which thanos was built, and the goos and goarch for the build.",
                 {{"version", std::string(kVersion)},
                  {"revision", std::string(kRevision)},
                  {"branch", ""},
                  {"goversion", ""},
                  {"goos", "linux"},
                  {"goarch", kArchitecture},
                  {"tags", ""}})
      .Set(1);
}

}  // namespace thanos::metrics
