// Thanos' aggregate chunks (encoding 0xFF of downsampled blocks): five sub-chunks in one.
// Format: formats/thanos-block §6.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "thanos/chunk.h"
#include "thanos/status.h"

namespace thanos::chunk {

/// The aggregates in the order of the chunk's bytes.
inline constexpr std::array<Aggr, 5> kAggregateOrder = {Aggr::kCount, Aggr::kSum, Aggr::kMin,
                                                        Aggr::kMax, Aggr::kCounter};

/// A sub-chunk; borrows from the chunk. Encoding kNone: absent.
struct AggregatePart {
  ChunkEncoding encoding = ChunkEncoding::kNone;
  std::span<const std::byte> data;
  bool present() const { return encoding != ChunkEncoding::kNone; }
};

/// Finds one aggregate. An absent one is a part that is not present(). kDataLoss when a length in
/// front of it, or its own, passes the end; kInvalidArgument for kRaw.
Result<AggregatePart> ReadAggregate(std::span<const std::byte> chunk, Aggr aggregate);

/// All five, in kAggregateOrder.
Result<std::array<AggregatePart, 5>> SplitAggregates(std::span<const std::byte> chunk);

/// Appends an aggregate chunk made of these parts, in kAggregateOrder.
void WriteAggregates(std::span<const AggregatePart, 5> parts, std::string* out);

/// Samples of an aggregate chunk: those of its count, 0 when it has none.
Result<uint32_t> AggregateSampleCount(std::span<const std::byte> chunk);

}  // namespace thanos::chunk
