// A folder that goes away with the test.
#pragma once

#include <filesystem>
#include <string>

#include <stdlib.h>

namespace thanos::testing {

class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(
      const std::filesystem::path& below = std::filesystem::temp_directory_path()) {
    std::string pattern = (below / "thanos-test-XXXXXX").native();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace thanos::testing
