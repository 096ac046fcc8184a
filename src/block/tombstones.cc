#include "block/tombstones.h"

#include <algorithm>

#include "codec/byte_reader.h"
#include "codec/hash.h"

namespace thanos::block {
namespace {

constexpr uint32_t kMagic = 0x0130BA30;
constexpr uint8_t kVersion = 1;
constexpr size_t kHeaderBytes = 5;
constexpr size_t kChecksumBytes = 4;

bool InSorted(std::span<const Interval> intervals, int64_t t, size_t* at) {
  while (*at < intervals.size() && intervals[*at].max_ms < t) ++*at;
  return *at < intervals.size() && intervals[*at].min_ms <= t;
}

}  // namespace

void AddInterval(Interval interval, std::vector<Interval>* intervals) {
  // Adjacent is as good as overlapping; the ends of int64 have no neighbour outside.
  const auto before = [&](const Interval& other) {
    return interval.min_ms != INT64_MIN && other.max_ms < interval.min_ms - 1;
  };
  const auto behind = [&](const Interval& other) {
    return interval.max_ms != INT64_MAX && other.min_ms > interval.max_ms + 1;
  };
  auto first = intervals->begin();
  while (first != intervals->end() && before(*first)) ++first;
  auto last = first;
  for (; last != intervals->end() && !behind(*last); ++last) {
    interval.min_ms = std::min(interval.min_ms, last->min_ms);
    interval.max_ms = std::max(interval.max_ms, last->max_ms);
  }
  intervals->insert(intervals->erase(first, last), interval);
}

bool CoversRange(std::span<const Interval> intervals, int64_t min_ms, int64_t max_ms) {
  return std::any_of(intervals.begin(), intervals.end(), [&](const Interval& interval) {
    return interval.min_ms <= min_ms && max_ms <= interval.max_ms;
  });
}

bool TouchesRange(std::span<const Interval> intervals, int64_t min_ms, int64_t max_ms) {
  return std::any_of(intervals.begin(), intervals.end(), [&](const Interval& interval) {
    return interval.min_ms <= max_ms && min_ms <= interval.max_ms;
  });
}

void DeleteSamples(std::span<const Interval> intervals, chunk::Columns* columns) {
  size_t kept = 0, at = 0;
  for (size_t i = 0; i < columns->t.size(); ++i) {
    if (InSorted(intervals, columns->t[i], &at)) continue;
    columns->t[kept] = columns->t[i];
    columns->v[kept++] = columns->v[i];
  }
  columns->t.resize(kept);
  columns->v.resize(kept);
  kept = at = 0;
  for (size_t i = 0; i < columns->histogram_t.size(); ++i) {
    if (InSorted(intervals, columns->histogram_t[i], &at)) continue;
    columns->histogram_t[kept] = columns->histogram_t[i];
    if (kept != i) columns->histograms[kept] = std::move(columns->histograms[i]);
    ++kept;
  }
  columns->histogram_t.resize(kept);
  columns->histograms.resize(kept);
}

Result<Tombstones> Tombstones::Parse(std::span<const std::byte> file) {
  if (file.size() < kHeaderBytes + kChecksumBytes) {
    return DataLossError("tombstones: file is too short");
  }
  if (codec::LoadBe32(file.data()) != kMagic) return DataLossError("tombstones: bad magic number");
  if (std::to_integer<uint8_t>(file[4]) != kVersion) {
    return DataLossError("tombstones: unknown version " +
                         std::to_string(std::to_integer<int>(file[4])));
  }
  const auto entries = file.subspan(kHeaderBytes, file.size() - kHeaderBytes - kChecksumBytes);
  if (codec::LoadBe32(file.data() + file.size() - kChecksumBytes) != codec::Crc32c(entries)) {
    return DataLossError("tombstones: checksum mismatch");
  }
  Tombstones out;
  codec::ByteReader in(entries);
  while (in.remaining() > 0) {
    const uint64_t series = in.Uvarint();
    Interval interval;
    interval.min_ms = in.Varint();
    interval.max_ms = in.Varint();
    THANOS_RETURN_IF_ERROR(in.Check("tombstones"));
    out.Add(series, interval);
  }
  return out;
}

std::string Tombstones::Write() const {
  std::string out;
  codec::ByteWriter writer(&out);
  writer.Be32(kMagic);
  writer.U8(kVersion);
  for (const auto& [series, intervals] : by_series_) {
    for (const Interval& interval : intervals) {
      writer.Uvarint(series);
      writer.Varint(interval.min_ms);
      writer.Varint(interval.max_ms);
    }
  }
  writer.Be32(codec::Crc32c(codec::AsBytes(out).subspan(kHeaderBytes)));
  return out;
}

std::span<const Interval> Tombstones::Of(uint64_t series) const {
  const auto it = by_series_.find(series);
  return it == by_series_.end() ? std::span<const Interval>() : std::span(it->second);
}

uint64_t Tombstones::interval_count() const {
  uint64_t count = 0;
  for (const auto& [series, intervals] : by_series_) count += intervals.size();
  return count;
}

}  // namespace thanos::block
