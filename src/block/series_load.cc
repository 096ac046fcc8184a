#include "block/series_load.h"

#include <algorithm>
#include <string>

#include "block/series_entry.h"

namespace thanos::block {
namespace {

using Item = IndexCache::Item;

// The length in front of an entry, a varint of 32 bits.
constexpr uint64_t kLengthBytesMax = 5;
// Of an entry that a cache may claim without being doubted.
constexpr uint64_t kPlausibleBytes = 64 << 10;

// An entry that is looked for.
struct Want {
  size_t at = 0;  // Among the references.
  ByteSpan span;  // Where it lies; its end is mostly a guess.
};

class Loader {
 public:
  Loader(const CallContext& context, const Block& block, std::span<const uint32_t> references,
         const BlockReadOptions& options)
      : context_(context), block_(block), references_(references), options_(options) {
    if (options.index_cache != nullptr && options.index_cache->Keeps(Item::kSeries)) {
      cache_ = options.index_cache;
    }
  }

  Result<LoadedEntries> Load() {
    out_.payloads.resize(references_.size());
    THANOS_ASSIGN_OR_RETURN(const std::vector<Want> wants, FirstWants());
    THANOS_RETURN_IF_ERROR(Take(wants, cache_ != nullptr));
    if (!longer_.empty()) THANOS_RETURN_IF_ERROR(TakeLonger(cache_ != nullptr));
    if (!doubted_.empty()) {
      std::vector<Want> again = std::exchange(doubted_, {});
      std::sort(again.begin(), again.end(),
                [](const Want& a, const Want& b) { return a.at < b.at; });
      THANOS_RETURN_IF_ERROR(Take(again, false));
      if (!longer_.empty()) THANOS_RETURN_IF_ERROR(TakeLonger(false));
    }
    if (ReadStats* stats = options_.stats()) {
      uint64_t bytes = 0;
      for (const auto& payload : out_.payloads) bytes += payload.size();
      stats->series.Touch(out_.payloads.size(), bytes);
      stats->series.fetched.fetch_add(fetched_, std::memory_order_relaxed);
    }
    return std::move(out_);
  }

 private:
  Status At(uint64_t offset, const Status& status) const {
    if (status.code() != StatusCode::kDataLoss) return status;
    return status.WithContext(block_.index().name() + " at " + std::to_string(offset));
  }

  // An entry ends before the next one that is known begins.
  Result<std::vector<Want>> FirstWants() const {
    const uint64_t unit = block_.reference_unit();
    const uint64_t first = block_.toc().series, end = block_.toc().series_end();
    std::vector<Want> wants;
    wants.reserve(references_.size());
    for (size_t i = 0; i < references_.size(); ++i) {
      const uint64_t begin = references_[i] * unit;
      if (begin < first || begin >= end) {
        return At(begin, DataLossError("series reference lies outside the series"));
      }
      uint64_t stop = std::min(begin + options_.series_bytes, end);
      if (i + 1 < references_.size()) stop = std::min(stop, references_[i + 1] * unit);
      wants.push_back({i, {begin, std::max(stop, begin + 1)}});
    }
    return wants;
  }

  // Entries whose length is known now.
  Status TakeLonger(bool ask_cache) {
    if (ReadStats* stats = options_.stats()) {
      stats->series.refetched.fetch_add(longer_.size(), std::memory_order_relaxed);
    }
    const std::vector<Want> wants = std::exchange(longer_, {});
    THANOS_RETURN_IF_ERROR(Take(wants, ask_cache));
    if (longer_.empty()) return OkStatus();
    return At(longer_[0].span.begin, DataLossError("series entry changed its length"));
  }

  // What needs another look is left in longer_ and, where the cache may be to blame, in doubted_.
  Status Take(std::span<const Want> wants, bool ask_cache) {
    std::vector<ByteSpan> spans;
    spans.reserve(wants.size());
    for (const Want& want : wants) spans.push_back(want.span);
    THANOS_ASSIGN_OR_RETURN(SeriesPages pages,
                            SeriesPages::Load(context_, block_, spans, options_, ask_cache));
    uint64_t cached_bytes = 0;
    for (const Want& want : wants) {
      const bool cached = ask_cache && pages.Cached(want.span);
      const Status status = TakeEntry(want, pages, cached);
      if (status.code() == StatusCode::kDataLoss && cached) {
        doubted_.push_back(want);
      } else if (!status.ok()) {
        return At(want.span.begin, status);
      } else if (cached) {
        cached_bytes += out_.payloads[want.at].size();
      } else {
        fetched_ += out_.payloads[want.at].empty() ? 0 : 1;
      }
    }
    THANOS_RETURN_IF_ERROR(options_.ReserveBytes(cached_bytes));
    if (cache_ != nullptr) pages.Keep(context_, block_, cache_);
    out_.pages.push_back(std::move(pages));
    return OkStatus();
  }

  Status TakeEntry(const Want& want, SeriesPages& pages, bool cached) {
    const uint64_t offset = want.span.begin;
    THANOS_ASSIGN_OR_RETURN(auto bytes, pages.From(offset, kLengthBytesMax));
    THANOS_ASSIGN_OR_RETURN(SeriesBytes entry, ReadSeriesBytes(bytes));
    if (entry.payload.empty()) {
      if (entry.entry_bytes > block_.toc().series_end() - offset) {
        return DataLossError("series entry passes the end of the series");
      }
      if (cached && entry.entry_bytes > kPlausibleBytes) {
        return DataLossError("series entry of " + std::to_string(entry.entry_bytes) + " bytes");
      }
      THANOS_ASSIGN_OR_RETURN(bytes, pages.From(offset, entry.entry_bytes));
      THANOS_ASSIGN_OR_RETURN(entry, ReadSeriesBytes(bytes));
    }
    if (entry.payload.empty()) {
      longer_.push_back({want.at, {offset, offset + entry.entry_bytes}});
    }
    out_.payloads[want.at] = entry.payload;
    return OkStatus();
  }

  const CallContext& context_;
  const Block& block_;
  std::span<const uint32_t> references_;
  const BlockReadOptions& options_;
  IndexCache* cache_ = nullptr;
  LoadedEntries out_;
  std::vector<Want> longer_, doubted_;  // By reference.
  uint64_t fetched_ = 0;
};

}  // namespace

Result<LoadedEntries> LoadEntries(const CallContext& context, const Block& block,
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

}  // namespace thanos::block
