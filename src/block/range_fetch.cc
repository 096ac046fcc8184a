#include "block/range_fetch.h"

#include <algorithm>

namespace thanos::block {
namespace {

constexpr int64_t kQuickNs = 1'000'000;
// What reading them costs a quick storage is about what one more read costs.
constexpr uint64_t kQuickGapBytes = 16 << 10;
constexpr int64_t kNsPerByte = 1;  // Of a local disk, or better: this much is no waiting.

struct Piece {
  ByteSpan span;
  size_t first = 0;  // Of the ranges it holds.
  size_t count = 0;
};

std::vector<Piece> JoinRanges(std::span<const ByteSpan> ranges, uint64_t size,
                              const FetchOptions& options) {
  const bool quick = options.pace != nullptr && options.pace->IsQuick();
  const uint64_t gap_max =
      quick ? std::min(options.gap_bytes_max, kQuickGapBytes) : options.gap_bytes_max;
  std::vector<Piece> pieces;
  for (size_t i = 0; i < ranges.size(); ++i) {
    const ByteSpan range{std::min(ranges[i].begin, size), std::min(ranges[i].end, size)};
    if (!pieces.empty()) {
      ByteSpan& last = pieces.back().span;
      const bool near = range.begin <= last.end || range.begin - last.end <= gap_max;
      const uint64_t joined = std::max(last.end, range.end) - last.begin;
      if (near && (joined <= options.piece_bytes_max || range.end <= last.end)) {
        last.end = std::max(last.end, range.end);
        ++pieces.back().count;
        continue;
      }
    }
    pieces.push_back({range, i, 1});
  }
  return pieces;
}

Result<base::PinnedBytes> ReadTimed(const CallContext& context, base::RangeReader& reader,
                                    const ByteSpan& span, ReadPace* pace) {
  const auto begin = std::chrono::steady_clock::now();
  auto bytes = reader.Read(context, span.begin, span.end - span.begin);
  if (pace != nullptr && bytes.ok()) {
    pace->Observe(std::chrono::steady_clock::now() - begin, bytes->size());
  }
  return bytes;
}

Result<base::PinnedBytes> ReadPiece(const CallContext& context, base::RangeReader& reader,
                                    const ByteSpan& span, const FetchOptions& options) {
  const bool quick = options.pace != nullptr && options.pace->IsQuick();
  if (options.flights == nullptr || quick) return ReadTimed(context, reader, span, options.pace);
  THANOS_ASSIGN_OR_RETURN(
      auto flight,
      options.flights->Board(context, reader.name() + ":" + std::to_string(span.begin) + ":" +
                                          std::to_string(span.end)));
  if (const auto shared = flight.Result<base::PinnedBytes>()) return *shared;
  THANOS_ASSIGN_OR_RETURN(base::PinnedBytes bytes, ReadTimed(context, reader, span, options.pace));
  flight.Land(std::make_shared<const base::PinnedBytes>(bytes));
  return bytes;
}

}  // namespace

void ReadPace::Observe(std::chrono::nanoseconds spent, uint64_t bytes) {
  // What moving so many bytes takes anyhow says nothing about the storage.
  const int64_t waited = std::max<int64_t>(
      spent.count() - kNsPerByte * static_cast<int64_t>(std::min<uint64_t>(bytes, 1 << 30)), 1);
  // Of two observations at once one may be lost: it is an average.
  const int64_t before = smoothed_ns_.load(std::memory_order_relaxed);
  const int64_t now = before == 0 ? waited : before + (waited - before) / 8;
  smoothed_ns_.store(std::max<int64_t>(now, 1), std::memory_order_relaxed);
}

bool ReadPace::IsQuick() const {
  const int64_t ns = smoothed_ns_.load(std::memory_order_relaxed);
  return ns > 0 && ns < kQuickNs;
}

bool ReadPace::IsSlow() const { return smoothed_ns_.load(std::memory_order_relaxed) >= kQuickNs; }

Result<FetchedRanges> FetchRanges(const CallContext& context, base::RangeReader& reader,
                                  std::span<const ByteSpan> ranges, const FetchOptions& options) {
  const uint64_t size = reader.size();
  const std::vector<Piece> pieces = JoinRanges(ranges, size, options);
  if (options.admit) {
    uint64_t total = 0;
    for (const Piece& piece : pieces) total += piece.span.end - piece.span.begin;
    THANOS_RETURN_IF_ERROR(options.admit(total));
  }
  FetchedRanges out;
  out.ranges.resize(ranges.size());
  out.pieces.resize(pieces.size());
  const auto read = [&](size_t index) -> Status {
    const Piece& piece = pieces[index];
    THANOS_RETURN_IF_ERROR(context.Check());
    if (piece.span.begin == piece.span.end) return OkStatus();
    THANOS_ASSIGN_OR_RETURN(out.pieces[index], ReadPiece(context, reader, piece.span, options));
    const std::span<const std::byte> bytes = out.pieces[index].bytes();
    for (size_t i = piece.first; i < piece.first + piece.count; ++i) {
      const uint64_t from = std::min(ranges[i].begin, size) - piece.span.begin;
      const uint64_t to = std::min(ranges[i].end, size) - piece.span.begin;
      out.ranges[i] = bytes.subspan(from, to - from);
    }
    return OkStatus();
  };
  THANOS_RETURN_IF_ERROR(base::ParallelFor(options.executor, pieces.size(), read));
  return out;
}

}  // namespace thanos::block
