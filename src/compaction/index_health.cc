#include "compaction/index_health.h"

#include <algorithm>
#include <compare>
#include <vector>

#include "block/series_scanner.h"

namespace thanos::compaction {
namespace {

using block::ChunkMeta;
using block::SeriesEntry;
using block::SymbolPair;

std::strong_ordering CompareLabels(const std::vector<SymbolPair>& a,
                                   const std::vector<SymbolPair>& b) {
  return std::lexicographical_compare_three_way(
      a.begin(), a.end(), b.begin(), b.end(), [](const SymbolPair& x, const SymbolPair& y) {
        return x.name != y.name ? x.name <=> y.name : x.value <=> y.value;
      });
}

// One walk; keeps what the next entry is compared with.
class Walk {
 public:
  Walk(const block::IndexReader& index, int64_t min_ms, int64_t max_ms)
      : index_(index), min_ms_(min_ms), max_ms_(max_ms) {}

  Status Visit(uint32_t reference, const SeriesEntry& entry) {
    if (entry.labels.empty()) return Error(reference, "has no labels");
    if (entry.chunks.empty()) return Error(reference, "has no chunks");
    // Symbols are sorted: their numbers (or places, in version 1) compare as their texts do.
    if (health_.series > 0 && CompareLabels(last_labels_, entry.labels) >= 0) {
      return Error(reference, "is out of order");
    }
    THANOS_RETURN_IF_ERROR(CheckLabels(reference, entry));
    last_labels_ = entry.labels;
    if (health_.series > 0) {
      const uint64_t bytes = uint64_t{reference - last_reference_} * index_.reference_unit();
      health_.series_size_max = std::max(health_.series_size_max, static_cast<int64_t>(bytes));
    }
    last_reference_ = reference;
    ++health_.series;
    CheckChunks(entry.chunks);
    return OkStatus();
  }
  const IndexHealth& health() const { return health_; }

 private:
  Status Error(uint32_t reference, const char* what) const {
    return DataLossError(index_.file().name() + ": series " + std::to_string(reference) + " " +
                         what);
  }

  Status CheckLabels(uint32_t reference, const SeriesEntry& entry) {
    for (size_t i = 0; i < entry.labels.size(); ++i) {
      std::string_view ignored;
      if (!index_.symbols().TryLookup(entry.labels[i].name, &ignored) ||
          !index_.symbols().TryLookup(entry.labels[i].value, &ignored)) {
        return Error(reference, "has a label that is no symbol");
      }
      if (i > 0 && entry.labels[i].name < entry.labels[i - 1].name) ++health_.out_of_order_labels;
    }
    return OkStatus();
  }

  void CheckChunks(const std::vector<ChunkMeta>& chunks) {
    const uint64_t before = health_.out_of_order_chunks;
    for (size_t i = 0; i < chunks.size(); ++i) {
      CheckBounds(chunks[i]);
      if (i == 0) continue;
      const ChunkMeta &last = chunks[i - 1], &chunk = chunks[i];
      if (chunk.min_ms == last.min_ms && chunk.max_ms == last.max_ms) {
        ++health_.duplicated_chunks;
      } else if (chunk.min_ms <= last.max_ms) {
        ++health_.out_of_order_chunks;
      }
      if (i + 1 < chunks.size() && chunk.segment() == last.segment()) {
        health_.chunk_size_max =
            std::max(health_.chunk_size_max, int64_t{chunk.offset()} - int64_t{last.offset()});
      }
    }
    health_.chunks += chunks.size();
    if (health_.out_of_order_chunks > before) ++health_.out_of_order_series;
  }

  void CheckBounds(const ChunkMeta& chunk) {
    if (chunk.min_ms >= min_ms_ && chunk.max_ms <= max_ms_) return;
    ++health_.outside_chunks;
    if (chunk.min_ms > max_ms_ || chunk.max_ms < min_ms_) {
      ++health_.complete_outside;
    } else if (chunk.min_ms == max_ms_) {
      ++health_.at_end_outside;
    }
  }

  const block::IndexReader& index_;
  const int64_t min_ms_, max_ms_;
  IndexHealth health_;
  std::vector<SymbolPair> last_labels_;
  uint32_t last_reference_ = 0;
};

std::string Of(uint64_t some, uint64_t all, const char* what) {
  return std::to_string(some) + " of " + std::to_string(all) + " " + what;
}

}  // namespace

Status IndexHealth::CriticalError() const {
  if (complete_outside == 0 && outside_chunks == at_end_outside) return OkStatus();
  return DataLossError("index: " + Of(outside_chunks, chunks, "chunks lie outside of the block") +
                       ", " + std::to_string(complete_outside) + " of them completely");
}

Status IndexHealth::AtEndError() const {
  if (at_end_outside == 0) return OkStatus();
  return DataLossError("index: " + Of(at_end_outside, chunks, "chunks begin at the block's end"));
}

Status IndexHealth::OutOfOrderChunksError() const {
  if (out_of_order_chunks == 0) return OkStatus();
  return DataLossError("index: " + Of(out_of_order_series, series, "series have") + " " +
                       Of(out_of_order_chunks, chunks, "chunks out of order"));
}

Status IndexHealth::OutOfOrderLabelsError() const {
  if (out_of_order_labels == 0) return OkStatus();
  return DataLossError("index: " + std::to_string(out_of_order_labels) +
                       " label names are out of order");
}

Status IndexHealth::AnyError() const {
  THANOS_RETURN_IF_ERROR(CriticalError());
  THANOS_RETURN_IF_ERROR(AtEndError());
  THANOS_RETURN_IF_ERROR(OutOfOrderLabelsError());
  return OutOfOrderChunksError();
}

Result<IndexHealth> CheckIndex(const CallContext& context, const block::IndexReader& index,
                               int64_t min_ms, int64_t max_ms) {
  Walk walk(index, min_ms, max_ms);
  block::SeriesScanner scanner(&index.file(), index.toc(), index.reference_unit());
  SeriesEntry entry;
  while (true) {
    THANOS_ASSIGN_OR_RETURN(const bool more, scanner.Next(context, &entry));
    if (!more) return walk.health();
    THANOS_RETURN_IF_ERROR(walk.Visit(scanner.reference(), entry));
  }
}

Result<IndexHealth> CheckIndexFile(const CallContext& context, const std::string& directory,
                                   const block::BlockMeta& meta) {
  const std::string path = directory + "/" + std::string(block::kIndexFile);
  THANOS_ASSIGN_OR_RETURN(auto file, base::OpenFileReader(path));
  THANOS_ASSIGN_OR_RETURN(const auto index, block::IndexReader::Open(context, std::move(file), {}));
  return CheckIndex(context, *index, meta.min_ms, meta.max_ms);
}

}  // namespace thanos::compaction
