#include "block/series_pages.h"

#include <algorithm>
#include <cstring>

namespace thanos::block {
namespace {

using Item = IndexCache::Item;

std::vector<uint64_t> PagesOf(std::span<const ByteSpan> spans) {
  std::vector<uint64_t> pages;
  for (const ByteSpan& span : spans) {
    uint64_t page = span.begin / kSeriesPageBytes;
    if (!pages.empty()) page = std::max(page, pages.back() + 1);
    for (; page * kSeriesPageBytes < span.end; ++page) pages.push_back(page);
  }
  return pages;
}

ByteSpan SpanOfPage(const Block& block, uint64_t page) {
  return {std::max(page * kSeriesPageBytes, block.toc().series),
          std::min((page + 1) * kSeriesPageBytes, block.toc().series_end())};
}

}  // namespace

Result<SeriesPages> SeriesPages::Load(const CallContext& context, const Block& block,
                                      std::span<const ByteSpan> spans,
                                      const BlockReadOptions& options, bool ask_cache) {
  const std::vector<uint64_t> pages = PagesOf(spans);
  SeriesPages out;
  THANOS_ASSIGN_OR_RETURN(out.lease_,
                          BudgetLease::Take(context.budget(), pages.size() * kSeriesPageBytes));
  if (ask_cache) {
    out.pins_ = options.index_cache->Fetch(context, Item::kSeries, block.id(), pages);
  }
  std::vector<ByteSpan> missing;
  for (size_t i = 0; i < pages.size(); ++i) {
    const ByteSpan span = SpanOfPage(block, pages[i]);
    if (ask_cache && out.pins_[i].size() == span.end - span.begin) {
      out.pieces_.push_back({span.begin, out.pins_[i].bytes(), true});
    } else if (!missing.empty() && missing.back().end == span.begin) {
      missing.back().end = span.end;
    } else {
      missing.push_back(span);
    }
  }
  if (missing.empty()) return out;
  THANOS_ASSIGN_OR_RETURN(
      const FetchedRanges fetched,
      FetchRanges(context, block.index(), missing, options.Fetch(&ReadStats::series)));
  const size_t cached = out.pieces_.size();
  for (size_t i = 0; i < missing.size(); ++i) {
    if (fetched.ranges[i].size() != missing[i].end - missing[i].begin) {
      return DataLossError(block.index().name() + ": ends inside the series");
    }
    out.pieces_.push_back({missing[i].begin, fetched.ranges[i], false});
  }
  out.pins_.insert(out.pins_.end(), fetched.pieces.begin(), fetched.pieces.end());
  std::inplace_merge(out.pieces_.begin(), out.pieces_.begin() + static_cast<ptrdiff_t>(cached),
                     out.pieces_.end(),
                     [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
  return out;
}

void SeriesPages::Seek(uint64_t offset) {
  if (offset < pieces_[at_].begin) at_ = 0;
  while (at_ + 1 < pieces_.size() && pieces_[at_ + 1].begin <= offset) ++at_;
}

Result<std::span<const std::byte>> SeriesPages::From(uint64_t offset, uint64_t least) {
  Seek(offset);
  const auto rest = pieces_[at_].bytes.subspan(offset - pieces_[at_].begin);
  if (rest.size() >= least) return rest;
  size_t last = at_;
  const auto adjoins = [&](size_t i) {
    return i < pieces_.size() && pieces_[i].begin == pieces_[i - 1].end();
  };
  while (pieces_[last].end() < offset + least && adjoins(last + 1)) ++last;
  if (last == at_) return rest;
  const uint64_t size = std::min(least, pieces_[last].end() - offset);
  THANOS_RETURN_IF_ERROR(lease_.Grow(size));
  std::byte* const out = copies_.Allocate(size);
  std::memcpy(out, rest.data(), rest.size());
  for (uint64_t i = at_ + 1, done = rest.size(); i <= last; ++i) {
    const auto more = pieces_[i].bytes;
    const uint64_t take = std::min<uint64_t>(more.size(), size - done);
    std::memcpy(out + done, more.data(), take);
    done += take;
  }
  return std::span<const std::byte>(out, size);
}

bool SeriesPages::Cached(const ByteSpan& span) {
  Seek(span.begin);
  for (size_t i = at_; i < pieces_.size() && pieces_[i].begin < span.end; ++i) {
    if (pieces_[i].cached) return true;
  }
  return false;
}

void SeriesPages::Keep(const CallContext& context, const Block& block, IndexCache* cache) const {
  for (const Piece& piece : pieces_) {
    if (piece.cached) continue;
    for (uint64_t begin = piece.begin; begin < piece.end();) {
      const uint64_t page = begin / kSeriesPageBytes;
      const uint64_t end = std::min((page + 1) * kSeriesPageBytes, piece.end());
      cache->Store(context, Item::kSeries, block.id(), page,
                   piece.bytes.subspan(begin - piece.begin, end - begin));
      begin = end;
    }
  }
}

}  // namespace thanos::block
