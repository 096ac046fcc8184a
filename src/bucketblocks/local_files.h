// Small local files that must be whole or absent.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "thanos/status.h"

namespace thanos::bucketblocks {

Result<std::string> ReadLocalFile(const std::string& path, size_t bytes_max);
/// `path`.tmp, fsync, rename, fsync of the directory.
Status WriteFileAtomically(const std::string& path, std::string_view content);

}  // namespace thanos::bucketblocks
