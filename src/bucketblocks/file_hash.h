// SHA-256 of local files, as meta.json lists them with --hash-func.
#pragma once

#include <string>

#include "thanos/status.h"

namespace thanos::bucketblocks {

/// In hexadecimal. Reads the file in pieces.
Result<std::string> Sha256OfFile(const std::string& path);

}  // namespace thanos::bucketblocks
