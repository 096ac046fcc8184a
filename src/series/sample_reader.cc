#include "series/sample_reader.h"

#include <algorithm>
#include <string>
#include <vector>

#include "chunk/downsampled.h"
#include "series/dedup.h"

namespace thanos::series {
namespace {

const ChunkPart* FindPart(const ChunkView& chunk, Aggr aggr) {
  for (const ChunkPart& part : chunk.parts) {
    if (part.aggr == aggr) return &part;
  }
  return nullptr;
}

std::string Where(const ChunkView& chunk) {
  return "chunk [" + std::to_string(chunk.min_ms) + ", " + std::to_string(chunk.max_ms) + "]";
}

// Cuts everything from `from` on that is not behind `last`: chunks that overlap within one list
// (no deduplication asked for) are joined by leaving out what was seen.
void DropUntil(int64_t last, size_t from, size_t histogram_from, chunk::Columns* columns) {
  const auto drop_starts = [](std::vector<int64_t>& starts, size_t begin, size_t end) {
    if (begin >= starts.size()) return;
    starts.erase(starts.begin() + static_cast<ptrdiff_t>(begin),
                 starts.begin() + static_cast<ptrdiff_t>(std::min(end, starts.size())));
  };
  size_t skip = from;
  while (skip < columns->t.size() && columns->t[skip] <= last) ++skip;
  drop_starts(columns->st, from, skip);
  columns->t.erase(columns->t.begin() + static_cast<ptrdiff_t>(from),
                   columns->t.begin() + static_cast<ptrdiff_t>(skip));
  columns->v.erase(columns->v.begin() + static_cast<ptrdiff_t>(from),
                   columns->v.begin() + static_cast<ptrdiff_t>(skip));
  skip = histogram_from;
  while (skip < columns->histogram_t.size() && columns->histogram_t[skip] <= last) ++skip;
  drop_starts(columns->histogram_st, histogram_from, skip);
  columns->histogram_t.erase(columns->histogram_t.begin() + static_cast<ptrdiff_t>(histogram_from),
                             columns->histogram_t.begin() + static_cast<ptrdiff_t>(skip));
  columns->histograms.erase(columns->histograms.begin() + static_cast<ptrdiff_t>(histogram_from),
                            columns->histograms.begin() + static_cast<ptrdiff_t>(skip));
}

void Trim(int64_t min_ms, int64_t max_ms, chunk::Columns* columns) {
  const auto trim = [&](std::vector<int64_t>& t, auto& values, std::vector<int64_t>& starts) {
    const auto end = std::upper_bound(t.begin(), t.end(), max_ms);
    values.erase(values.begin() + (end - t.begin()), values.end());
    t.erase(end, t.end());
    const auto begin = std::lower_bound(t.begin(), t.end(), min_ms);
    values.erase(values.begin(), values.begin() + (begin - t.begin()));
    const auto skipped = static_cast<size_t>(begin - t.begin());
    starts.erase(starts.begin(),
                 starts.begin() + static_cast<ptrdiff_t>(std::min(skipped, starts.size())));
    t.erase(t.begin(), begin);
    if (starts.size() > t.size()) starts.resize(t.size());
  };
  if (!columns->t.empty() && (columns->t.front() < min_ms || columns->t.back() > max_ms)) {
    trim(columns->t, columns->v, columns->st);
  }
  if (!columns->histogram_t.empty()) {
    trim(columns->histogram_t, columns->histograms, columns->histogram_st);
  }
}

}  // namespace

struct SampleReader::Scratch {
  std::vector<std::vector<const ChunkView*>> lists;
  std::vector<const ChunkView*> all;
  std::vector<chunk::Columns> replicas;
  std::vector<const chunk::Columns*> pointers;
  std::vector<chunk::EncodedChunk> counter_chunks;

  Status ReadList(std::span<const ChunkView* const> chunks, const ReadOptions& options,
                  bool take_out_resets, chunk::Columns* out);
  size_t SplitReplicas(std::span<const ChunkView> chunks);
  Status ReadReplica(std::span<const ChunkView* const> chunks, const ReadOptions& options,
                     bool take_out_resets, chunk::Columns* out);
  Status ReadCounters(std::span<const ChunkView* const> chunks, chunk::Columns* out);
  Status ReadChunk(const ChunkView& chunk, const ReadOptions& options, chunk::Columns* out);
};

SampleReader::SampleReader() : scratch_(std::make_unique<Scratch>()) {}
SampleReader::~SampleReader() = default;

size_t SampleReader::held_bytes() const {
  size_t bytes = 0;
  for (const chunk::Columns& replica : scratch_->replicas) bytes += replica.held_bytes();
  return bytes;
}

Status SampleReader::Scratch::ReadChunk(const ChunkView& chunk, const ReadOptions& options,
                                        chunk::Columns* out) {
  if (const ChunkPart* raw = FindPart(chunk, Aggr::kRaw)) {
    return chunk::DecodeChunk(raw->encoding, raw->data, out);
  }
  const AggrSet wanted = options.aggregates;
  if (wanted.Has(Aggr::kCount) && wanted.Has(Aggr::kSum)) {
    const ChunkPart* count = FindPart(chunk, Aggr::kCount);
    const ChunkPart* sum = FindPart(chunk, Aggr::kSum);
    if (count == nullptr || sum == nullptr) return DataLossError("no valid chunk found");
    return chunk::ReadAverage({count->encoding, count->data}, {sum->encoding, sum->data}, out);
  }
  for (const Aggr aggr : {Aggr::kCount, Aggr::kSum, Aggr::kMin, Aggr::kMax}) {
    if (!wanted.Has(aggr)) continue;
    const ChunkPart* part = FindPart(chunk, aggr);
    if (part == nullptr) return DataLossError("no valid chunk found");
    return chunk::DecodeChunk(part->encoding, part->data, out);
  }
  return DataLossError("no valid chunk found");
}

Status SampleReader::Scratch::ReadCounters(std::span<const ChunkView* const> chunks,
                                           chunk::Columns* out) {
  counter_chunks.clear();
  for (const ChunkView* chunk : chunks) {
    const ChunkPart* part = FindPart(*chunk, Aggr::kCounter);
    if (part == nullptr) part = FindPart(*chunk, Aggr::kRaw);
    if (part == nullptr) return DataLossError("no valid chunk found").WithContext(Where(*chunk));
    counter_chunks.push_back({part->encoding, part->data});
  }
  return chunk::ReadCounter(counter_chunks, out);
}

Status SampleReader::Scratch::ReadList(std::span<const ChunkView* const> chunks,
                                       const ReadOptions& options, bool take_out_resets,
                                       chunk::Columns* out) {
  if (take_out_resets) return ReadCounters(chunks, out);
  int64_t last = INT64_MIN;
  for (const ChunkView* chunk : chunks) {
    const size_t from = out->t.size(), histogram_from = out->histogram_t.size();
    if (Status status = ReadChunk(*chunk, options, out); !status.ok()) {
      return status.WithContext(Where(*chunk));
    }
    const bool overlaps =
        (from < out->t.size() && out->t[from] <= last && from > 0) ||
        (histogram_from < out->histogram_t.size() && out->histogram_t[histogram_from] <= last);
    if (overlaps && from + histogram_from > 0) DropUntil(last, from, histogram_from, out);
    if (!out->t.empty()) last = std::max(last, out->t.back());
    if (!out->histogram_t.empty()) last = std::max(last, out->histogram_t.back());
  }
  return OkStatus();
}

// One list for each source.
size_t SampleReader::Scratch::SplitReplicas(std::span<const ChunkView> chunks) {
  size_t used = 0;
  for (const ChunkView& chunk : chunks) {
    size_t i = 0;
    while (i < used && lists[i].front()->source != chunk.source) ++i;
    if (i == used) {
      if (used == lists.size()) lists.emplace_back();
      lists[used++].clear();
    }
    lists[i].push_back(&chunk);
  }
  return used;
}

// What several stores have of one replica: every time once.
Status SampleReader::Scratch::ReadReplica(std::span<const ChunkView* const> chunks,
                                          const ReadOptions& options, bool take_out_resets,
                                          chunk::Columns* out) {
  bool overlaps = false;
  for (size_t i = 1; i < chunks.size() && !overlaps; ++i) {
    overlaps = chunks[i]->min_ms <= chunks[i - 1]->max_ms;
  }
  if (!overlaps) return ReadList(chunks, options, take_out_resets, out);
  std::vector<ChunkView> views;
  for (const ChunkView* chunk : chunks) views.push_back(*chunk);
  std::vector<std::vector<const ChunkView*>> copies;
  const size_t count = SplitOverlaps(views, &copies);
  std::vector<chunk::Columns> read(count);
  std::vector<const chunk::Columns*> all_read;
  for (size_t i = 0; i < count; ++i) {
    THANOS_RETURN_IF_ERROR(ReadList(copies[i], options, take_out_resets, &read[i]));
    all_read.push_back(&read[i]);
  }
  ChainMerge(all_read, out);
  return OkStatus();
}

Status SampleReader::Read(const SeriesView& series, const ReadOptions& options,
                          chunk::Columns* out) {
  out->Clear();
  Scratch& s = *scratch_;
  const bool downsampled = std::any_of(
      series.chunks.begin(), series.chunks.end(),
      [](const ChunkView& chunk) { return FindPart(chunk, Aggr::kCounter) != nullptr; });
  // Downsampled counters need their marks read; raw ones reach the engine as they are.
  const bool take_out_resets =
      options.aggregates.Has(Aggr::kCounter) && (downsampled || options.counter_always_adjusted);
  size_t lists = 1;
  const bool steady = options.dedup == DedupAlgorithm::kSteady;
  if (steady) {
    lists = s.SplitReplicas(series.chunks);
  } else if (options.dedup != DedupAlgorithm::kNone) {
    lists = SplitOverlaps(series.chunks, &s.lists);
  }
  if (lists <= 1 && steady && !series.chunks.empty()) {
    THANOS_RETURN_IF_ERROR(s.ReadReplica(s.lists[0], options, take_out_resets, out));
    Trim(options.min_ms, options.max_ms, out);
    return OkStatus();
  }
  if (lists <= 1) {
    s.all.clear();
    for (const ChunkView& chunk : series.chunks) s.all.push_back(&chunk);
    THANOS_RETURN_IF_ERROR(s.ReadList(s.all, options, take_out_resets, out));
    Trim(options.min_ms, options.max_ms, out);
    return OkStatus();
  }
  if (s.replicas.size() < lists) s.replicas.resize(lists);
  s.pointers.clear();
  for (size_t i = 0; i < lists; ++i) {
    s.replicas[i].Clear();
    THANOS_RETURN_IF_ERROR(steady
                               ? s.ReadReplica(s.lists[i], options, take_out_resets, &s.replicas[i])
                               : s.ReadList(s.lists[i], options, take_out_resets, &s.replicas[i]));
    Trim(options.min_ms, options.max_ms, &s.replicas[i]);
    s.pointers.push_back(&s.replicas[i]);
  }
  if (options.dedup == DedupAlgorithm::kChain) {
    ChainMerge(s.pointers, out);
    return OkStatus();
  }
  if (steady) {
    SteadyMerge(s.pointers, options.counter, out);
    return OkStatus();
  }
  CounterAdjust adjust = CounterAdjust::kNone;
  if (options.counter) {
    adjust = take_out_resets ? CounterAdjust::kLift : CounterAdjust::kLiftKeepResets;
  }
  PenaltyMerge(s.pointers, adjust, out);
  return OkStatus();
}

}  // namespace thanos::series
