#include "series/batch_builder.h"

#include <algorithm>
#include <cstring>

#include "codec/byte_reader.h"

namespace thanos::series {
namespace {

constexpr size_t kBlockBytesMin = 4 << 10;
constexpr size_t kBlockBytesMax = 256 << 10;

class ArenaBatch : public SeriesBatch {
 public:
  ArenaBatch(std::unique_ptr<Arena> arena, std::vector<std::shared_ptr<const void>> pins,
             std::vector<SeriesView> series, BudgetLease lease, size_t bytes)
      : arena_(std::move(arena)),
        pins_(std::move(pins)),
        views_(std::move(series)),
        lease_(std::move(lease)) {
    series_ = views_;
    charged_bytes_ = bytes;
  }

 private:
  std::unique_ptr<Arena> arena_;
  std::vector<std::shared_ptr<const void>> pins_;
  std::vector<SeriesView> views_;
  BudgetLease lease_;
};

int CompareParts(std::span<const ChunkPart> a, std::span<const ChunkPart> b) {
  // Raw, count, sum, min, max, counter in turn: set before unset, encoding ascending, then the
  // data *descending*. Parts are ascending by aggregate.
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (a[i].aggr != b[j].aggr) return a[i].aggr < b[j].aggr ? -1 : 1;
    if (a[i].encoding != b[j].encoding) return a[i].encoding < b[j].encoding ? -1 : 1;
    const int order = codec::AsText(a[i].data).compare(codec::AsText(b[j].data));
    if (order != 0) return order > 0 ? -1 : 1;
    ++i;
    ++j;
  }
  if (i < a.size()) return -1;
  return j < b.size() ? 1 : 0;
}

}  // namespace

std::byte* Arena::Allocate(size_t size) {
  size = (size + 7) & ~size_t{7};
  if (size > left_) {
    const size_t block = std::max(size, std::clamp(allocated_, kBlockBytesMin, kBlockBytesMax));
    blocks_.emplace_back(new std::byte[block]);
    allocated_ += block;
    next_ = blocks_.back().get();
    left_ = block;
  }
  std::byte* out = next_;
  next_ += size;
  left_ -= size;
  return out;
}

std::string_view Arena::CopyText(std::string_view text) {
  auto* out = reinterpret_cast<char*>(Allocate(text.size()));
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return {out, text.size()};
}

BatchBuilder::BatchBuilder() : arena_(std::make_unique<Arena>()) {}
BatchBuilder::~BatchBuilder() = default;

void BatchBuilder::Pin(std::shared_ptr<const void> owner, size_t bytes) {
  pins_.push_back(std::move(owner));
  pinned_bytes_ += bytes;
}

void BatchBuilder::BeginSeries(LabelsView labels) {
  labels_ = LabelsView(arena_->CopyText(labels.encoded()));
  chunks_.clear();
}

void BatchBuilder::BeginSeriesBorrowed(LabelsView labels) {
  labels_ = labels;
  chunks_.clear();
}

void BatchBuilder::AddChunk(int64_t min_ms, int64_t max_ms, uint32_t source,
                            std::span<const ChunkPart> parts) {
  chunks_.push_back({min_ms, max_ms, source, arena_->Copy(parts)});
}

std::span<const std::byte> BatchBuilder::CopyBytes(std::span<const std::byte> bytes) {
  return arena_->Copy(bytes);
}

void BatchBuilder::EndSeries() {
  if (!ChunksAreSorted(chunks_)) std::stable_sort(chunks_.begin(), chunks_.end(), ChunkBefore);
  series_.push_back({labels_, arena_->Copy(std::span<const ChunkView>(chunks_))});
}

Result<SeriesBatchRef> BatchBuilder::Build(const std::shared_ptr<Budget>& budget) {
  const size_t total = bytes() + series_.size() * sizeof(SeriesView);
  THANOS_ASSIGN_OR_RETURN(BudgetLease lease, BudgetLease::Take(budget, total));
  auto batch = std::make_shared<const ArenaBatch>(std::move(arena_), std::move(pins_),
                                                  std::move(series_), std::move(lease), total);
  arena_ = std::make_unique<Arena>();
  pins_.clear();
  series_.clear();
  pinned_bytes_ = 0;
  return SeriesBatchRef(std::move(batch));
}

bool ChunkBefore(const ChunkView& a, const ChunkView& b) {
  if (a.min_ms != b.min_ms) return a.min_ms < b.min_ms;
  if (a.max_ms != b.max_ms) return a.max_ms < b.max_ms;
  return CompareParts(a.parts, b.parts) < 0;
}

bool ChunksAreSorted(std::span<const ChunkView> chunks) {
  return std::is_sorted(chunks.begin(), chunks.end(), ChunkBefore);
}

}  // namespace thanos::series
