// XOR2 chunks (encoding 4): reading only. Private.
// Format: formats/tsdb-block §6.8.
#pragma once

#include <cstddef>
#include <span>

#include "chunk/decode.h"

namespace thanos::chunk {

/// Appends the samples of the chunk; what came before a malformed one stays.
Status DecodeXor2(std::span<const std::byte> data, Columns* out);

}  // namespace thanos::chunk
