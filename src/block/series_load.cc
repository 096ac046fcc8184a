#include "block/series_load.h"

#include <algorithm>
#include <string>

#include "block/series_entry.h"

namespace thanos::block {
namespace {

using Item = IndexCache::Item;

// An entry ends before the next one that is known begins.
ByteSpan SpanOf(const Block& block, std::span<const uint32_t> references, size_t i,
                uint64_t guess) {
  const uint64_t unit = block.reference_unit();
  const uint64_t begin = references[i] * unit;
  uint64_t stop = std::min(begin + guess, block.toc().series_end());
  if (i + 1 < references.size()) stop = std::min(stop, references[i + 1] * unit);
  return {begin, std::max(begin, stop)};
}

class Loader {
 public:
  Loader(const CallContext& context, const Block& block, std::span<const uint32_t> references,
         const BlockReadOptions& options)
      : context_(context), block_(block), references_(references), options_(options) {
    if (options.index_cache != nullptr && options.index_cache->Keeps(Item::kSeries)) {
      cache_ = options.index_cache;
    }
  }

  Result<std::vector<LoadedEntry>> Load() {
    out_.resize(references_.size());
    THANOS_RETURN_IF_ERROR(FromCache());
    THANOS_RETURN_IF_ERROR(FromIndex());
    if (ReadStats* stats = options_.stats()) {
      uint64_t bytes = 0;
      for (const LoadedEntry& entry : out_) bytes += entry.payload.size();
      stats->series.Touch(out_.size(), bytes);
      stats->series.fetched.fetch_add(missing_.size(), std::memory_order_relaxed);
    }
    return std::move(out_);
  }

 private:
  Status FromCache() {
    if (cache_ == nullptr) {
      for (size_t i = 0; i < references_.size(); ++i) missing_.push_back(i);
      return OkStatus();
    }
    const std::vector<uint64_t> keys(references_.begin(), references_.end());
    std::vector<base::PinnedBytes> kept = cache_->Fetch(context_, Item::kSeries, block_.id(), keys);
    uint64_t bytes = 0;
    for (size_t i = 0; i < kept.size(); ++i) {
      const auto entry =
          kept[i].owner() ? ReadSeriesBytes(kept[i].bytes()) : Result<SeriesBytes>(SeriesBytes());
      if (!entry.ok() || entry->payload.empty()) {
        missing_.push_back(i);
        continue;
      }
      bytes += kept[i].size();
      out_[i] = {entry->payload, std::move(kept[i])};
    }
    return options_.ReserveBytes(bytes);
  }

  Status FromIndex() {
    if (missing_.empty()) return OkStatus();
    std::vector<ByteSpan> spans;
    spans.reserve(missing_.size());
    for (const size_t i : missing_) {
      spans.push_back(SpanOf(block_, references_, i, options_.series_bytes));
    }
    THANOS_ASSIGN_OR_RETURN(auto fetched, FetchRanges(context_, block_.index(), spans,
                                                      options_.Fetch(&ReadStats::series)));
    for (size_t i = 0; i < missing_.size(); ++i) {
      Status status = TakeEntry(spans[i].begin, std::move(fetched[i].bytes), missing_[i]);
      if (!status.ok()) {
        return status.WithContext(block_.index().name() + " at " + std::to_string(spans[i].begin));
      }
    }
    return OkStatus();
  }

  Status TakeEntry(uint64_t offset, base::PinnedBytes bytes, size_t at) {
    const uint64_t end = block_.toc().series_end();
    if (offset < block_.toc().series || offset >= end) {
      return DataLossError("series reference lies outside the series");
    }
    THANOS_ASSIGN_OR_RETURN(SeriesBytes entry, ReadSeriesBytes(bytes.bytes()));
    if (entry.payload.empty()) {
      if (entry.entry_bytes > end - offset) {
        return DataLossError("series entry passes the end of the series");
      }
      THANOS_RETURN_IF_ERROR(options_.ReserveBytes(entry.entry_bytes));
      if (ReadStats* stats = options_.stats()) {
        stats->series.refetched.fetch_add(1, std::memory_order_relaxed);
        stats->series.fetched_bytes.fetch_add(entry.entry_bytes, std::memory_order_relaxed);
      }
      THANOS_ASSIGN_OR_RETURN(bytes, block_.index().Read(context_, offset, entry.entry_bytes));
      THANOS_ASSIGN_OR_RETURN(entry, ReadSeriesBytes(bytes.bytes()));
      if (entry.payload.empty()) return DataLossError("series entry changed its length");
    }
    if (cache_ != nullptr) {
      cache_->Store(context_, Item::kSeries, block_.id(), references_[at],
                    bytes.bytes().first(entry.entry_bytes));
    }
    out_[at] = {entry.payload, std::move(bytes)};
    return OkStatus();
  }

  const CallContext& context_;
  const Block& block_;
  std::span<const uint32_t> references_;
  const BlockReadOptions& options_;
  IndexCache* cache_ = nullptr;
  std::vector<LoadedEntry> out_;
  std::vector<size_t> missing_;
};

}  // namespace

Result<std::vector<LoadedEntry>> LoadEntries(const CallContext& context, const Block& block,
                                             std::span<const uint32_t> references,
                                             const BlockReadOptions& options) {
  ReadStats* stats = options.stats();
  const ReadTimer timer(stats == nullptr ? nullptr : &stats->series.fetch_ns);
  const auto begin = std::chrono::steady_clock::now();
  auto out = Loader(context, block, references, options).Load();
  if (stats != nullptr && stats->on_series_batch) {
    const auto spent = std::chrono::steady_clock::now() - begin;
    stats->on_series_batch(std::chrono::duration<double>(spent).count());
  }
  return out;
}

uint64_t EntryBytesBound(const Block& block, std::span<const uint32_t> references,
                         const BlockReadOptions& options) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < references.size(); ++i) {
    const ByteSpan span = SpanOf(block, references, i, options.series_bytes);
    bytes += span.end - span.begin;
  }
  return bytes;
}

}  // namespace thanos::block
