#include "base/usable_memory.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

#include <unistd.h>

namespace thanos::base {
namespace {

std::string ReadText(const std::string& path) {
  std::ifstream in(path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// "max", a number, or nothing.
uint64_t LimitIn(const std::string& path) {
  const std::string text = ReadText(path);
  uint64_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  return error == std::errc() && end != text.data() ? limit : UINT64_MAX;
}

// Of the group and all above it. In a container the group's own path may not be visible: what is
// mounted at the root is its group then.
uint64_t LeastLimit(const std::string& mount, std::string path, const std::string& file) {
  uint64_t least = LimitIn(mount + "/" + file);
  while (path.size() > 1) {
    least = std::min(least, LimitIn(mount + path + "/" + file));
    path.resize(path.rfind('/'));
  }
  return least;
}

}  // namespace

uint64_t GroupMemoryLimit(const std::string& root, std::string_view membership) {
  uint64_t least = UINT64_MAX;
  while (!membership.empty()) {
    const size_t end = std::min(membership.find('\n'), membership.size());
    const std::string_view line = membership.substr(0, end);
    membership.remove_prefix(std::min(end + 1, membership.size()));
    // "0::/path", or "4:cpu,memory:/path".
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string_view::npos || !line.substr(second + 1).starts_with('/')) continue;
    const std::string controllers =
        "," + std::string(line.substr(first + 1, second - first - 1)) + ",";
    const std::string path(line.substr(second + 1));
    if (controllers == ",,") {
      least = std::min(least, LeastLimit(root, path, "memory.max"));
    } else if (controllers.find(",memory,") != std::string::npos) {
      least = std::min(least, LeastLimit(root + "/memory", path, "memory.limit_in_bytes"));
    }
  }
  return least;
}

uint64_t UsableMemory() {
  const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
  const uint64_t machine = pages > 0 && page_bytes > 0
                               ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes)
                               : UINT64_MAX;
  return std::min(machine, GroupMemoryLimit("/sys/fs/cgroup", ReadText("/proc/self/cgroup")));
}

}  // namespace thanos::base
