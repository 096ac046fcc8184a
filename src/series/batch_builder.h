// Building series batches: an arena for views and copied bytes, pins for borrowed ones.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "thanos/series.h"

namespace thanos::series {

/// Bump allocation; everything is freed at once. Addresses are stable.
class Arena {
 public:
  /// Aligned to 8.
  std::byte* Allocate(size_t size);
  template <typename T>
  std::span<T> Copy(std::span<const T> items) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= 8);
    auto* out = reinterpret_cast<T*>(Allocate(items.size_bytes()));
    std::uninitialized_copy(items.begin(), items.end(), out);
    return {out, items.size()};
  }
  std::string_view CopyText(std::string_view text);
  size_t allocated_bytes() const { return allocated_; }

 private:
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::byte* next_ = nullptr;
  size_t left_ = 0;
  size_t allocated_ = 0;
};

/// One thread. Build() hands over everything; the builder may then be used anew.
class BatchBuilder {
 public:
  BatchBuilder();
  ~BatchBuilder();

  /// What borrowed views point into; kept as long as the batch. `bytes` is what it pins.
  void Pin(std::shared_ptr<const void> owner, size_t bytes);
  /// Copied into the arena.
  void BeginSeries(LabelsView labels);
  /// Labels whose bytes a pin keeps alive.
  void BeginSeriesBorrowed(LabelsView labels);
  /// `parts` are copied; their data must be pinned or come from CopyBytes.
  void AddChunk(int64_t min_ms, int64_t max_ms, uint32_t source, std::span<const ChunkPart> parts);
  /// A chunk whose parts a pin keeps alive.
  void AddChunkBorrowed(const ChunkView& chunk) { chunks_.push_back(chunk); }
  /// A whole series whose views a pin keeps alive; its chunks must be sorted.
  void AddSeriesBorrowed(const SeriesView& series) { series_.push_back(series); }
  std::span<const std::byte> CopyBytes(std::span<const std::byte> bytes);
  /// Sorts the chunks (ChunkBefore) unless they already are.
  void EndSeries();

  size_t series_count() const { return series_.size(); }
  /// Arena and pins so far.
  size_t bytes() const { return arena_->allocated_bytes() + pinned_bytes_; }

  /// Charges the batch to `budget` (may be null): kResourceExhausted when refused.
  Result<SeriesBatchRef> Build(const std::shared_ptr<Budget>& budget);

 private:
  std::unique_ptr<Arena> arena_;
  std::vector<std::shared_ptr<const void>> pins_;
  size_t pinned_bytes_ = 0;
  std::vector<SeriesView> series_;
  std::vector<ChunkView> chunks_;  // Of the series that is open.
  LabelsView labels_;
};

/// By times; of equal ones by the tie rule of formats/algorithms §5.4, which decides what replica a
/// chunk is taken to be of.
bool ChunkBefore(const ChunkView& a, const ChunkView& b);
/// As ChunkBefore has it.
bool ChunksAreSorted(std::span<const ChunkView> chunks);

}  // namespace thanos::series
