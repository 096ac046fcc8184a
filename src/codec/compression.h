// Compression with a cap on what comes out: a small input cannot make a large allocation.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "thanos/status.h"

namespace thanos::codec {

/// Snappy's block format (remote read and write).
std::string SnappyCompress(std::string_view bytes);
/// kDataLoss when malformed, kResourceExhausted when the output would pass `bytes_max`.
Result<std::string> SnappyDecompress(std::string_view bytes, size_t bytes_max);

std::string GzipCompress(std::string_view bytes, int level);
Result<std::string> GzipDecompress(std::string_view bytes, size_t bytes_max);

std::string ZstdCompress(std::string_view bytes, int level);
Result<std::string> ZstdDecompress(std::string_view bytes, size_t bytes_max);

}  // namespace thanos::codec
