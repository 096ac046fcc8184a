// Any bytes give tombstones that survive being written and read, or a status.
#include <cstdint>
#include <string>

#include "block/tombstones.h"
#include "codec/byte_reader.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto read = block::Tombstones::Parse(std::as_bytes(std::span(data, size)));
  if (!read.ok()) return 0;
  const std::string written = read->Write();
  const auto again = block::Tombstones::Parse(codec::AsBytes(written));
  if (!again.ok() || again->by_series() != read->by_series()) __builtin_trap();
  return 0;
}
