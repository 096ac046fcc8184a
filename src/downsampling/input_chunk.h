// A chunk that is to be downsampled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "thanos/chunk.h"

namespace thanos::downsampling {

/// As it was read; the bytes are borrowed.
struct InputChunk {
  int64_t min_ms = 0, max_ms = 0;  // As the index states them; inclusive.
  ChunkEncoding encoding = ChunkEncoding::kNone;
  std::span<const std::byte> data;

  /// For messages.
  std::string Place() const {
    return "chunk [" + std::to_string(min_ms) + ", " + std::to_string(max_ms) + "]";
  }
};

}  // namespace thanos::downsampling
