#include "block/series_stream.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "block/postings_expand.h"
#include "block/series_load.h"
#include "thanos/trace.h"

namespace thanos::block {
namespace {

// A chunk ends where the next one begins, unless that is too far to be its neighbour.
constexpr uint64_t kNeighbourBytesMax = 4 << 20;
// Of a series, to guess the length of the last.
constexpr size_t kChunksCompared = 4;
constexpr size_t kHeadOverheadBytes = 128;

// 0 where `next` cannot follow `chunk`.
uint64_t Distance(const ChunkMeta& chunk, const ChunkMeta& next) {
  if (next.segment() != chunk.segment() || next.offset() <= chunk.offset()) return 0;
  const uint64_t distance = next.offset() - chunk.offset();
  return distance <= kNeighbourBytesMax ? distance : 0;
}

// Of the last chunk of a series nothing is known but that others are like it, and that the next
// series which is wanted begins behind it.
uint64_t GuessOfLast(std::span<const ChunkMeta> chunks, const ChunkMeta* next_series,
                     const BlockReadOptions& options) {
  uint64_t guess = options.chunk_bytes;
  if (options.pace != nullptr && options.pace->IsQuick()) {
    // A guess that was too small costs one more read, which is little here.
    uint64_t longest = 0;
    for (size_t i = chunks.size() - std::min(chunks.size(), kChunksCompared); i + 1 < chunks.size();
         ++i) {
      longest = std::max(longest, Distance(chunks[i], chunks[i + 1]));
    }
    if (longest > 0) guess = std::min(guess, 2 * longest);
  }
  const uint64_t most = next_series == nullptr ? 0 : Distance(chunks.back(), *next_series);
  return most == 0 ? guess : std::min(guess, most);
}

size_t BytesOf(const SeriesHead& head) {
  return head.labels.size() + head.chunks.size() * sizeof(WantedChunk) + kHeadOverheadBytes;
}

}  // namespace

struct SeriesStream::State {
  CallContext context;
  BlockRef block;
  StreamRequest request;
  BlockReadOptions options;
  bool opened = false;
  bool reserves_by_batch = false;  // Series are limited as they are read, not all at first.
  enum { kPlain, kStacked, kSorted } order = kPlain;

  model::Matchers deferred;
  Postings references;
  BudgetLease references_lease;
  size_t next_reference = 0;
  uint32_t batch_size = 0;

  std::deque<SeriesHead> batch;
  std::shared_ptr<series::Arena> arena;  // Of the batch that is being read.
  std::vector<WantedChunk> wanted;       // Scratch, as the next two.
  std::string labels_text;
  BudgetLease batch_lease;  // At most two batches: given back when the first is used up.
  Status ahead;             // Of LoadAhead.
  LabelsBuilder builder;
  std::optional<LabelsAssembler> assembler;
  SeriesEntry entry, following;

  SeriesHead current;
  std::vector<SeriesHead> stack;       // kStacked: proper prefixes, the longest on top.
  std::optional<SeriesHead> incoming;  // kStacked: read, not yet pushed.
  bool exhausted = false;
  std::vector<SeriesHead> sorted;  // kSorted.
  BudgetLease sorted_lease;
  size_t next_sorted = 0;
  bool sorted_ready = false;

  // Limits and cancellation concern the call, not the block.
  Status Context(const Status& status) const {
    switch (status.code()) {
      case StatusCode::kCancelled:
      case StatusCode::kDeadlineExceeded:
      case StatusCode::kResourceExhausted:
        return status;
      default:
        return status.WithContext("block " + block->id());
    }
  }

  Status AddHead(uint32_t reference, const SeriesEntry& series, const ChunkMeta* next_chunk);
  Result<bool> KeepLabels(const SeriesEntry& series, std::string_view* labels);
  void SelectChunks(uint32_t reference, const SeriesEntry& series, const ChunkMeta* next_chunk);
};

SeriesStream::SeriesStream(const CallContext& context, BlockRef block, StreamRequest request,
                           const BlockReadOptions& options)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.context = context;
  s.block = std::move(block);
  s.request = std::move(request);
  s.options = options;
  s.batch_size = options.batch_first;
  // Names that the block does not know need no care.
  std::erase_if(s.request.remove,
                [&](const std::string& name) { return !s.block->postings().HasLabelName(name); });
  bool replaces = false;
  for (const Label& label : s.request.add) {
    replaces |= s.block->postings().HasLabelName(label.name);
  }
  if (replaces || !s.request.remove.empty()) {
    s.order = State::kSorted;
  } else if (!s.request.add.empty()) {
    s.order = State::kStacked;
  }
}
SeriesStream::~SeriesStream() = default;

const Block& SeriesStream::block() const { return *state_->block; }
uint64_t SeriesStream::postings_count() const { return state_->references.size(); }

Status SeriesStream::Open() {
  State& s = *state_;
  s.opened = true;
  const Span span(s.context, "bucket_store_expanded_postings");
  if (span) span.Set("block.id", s.block->id());
  THANOS_ASSIGN_OR_RETURN(ExpandedPostings expanded, ExpandPostings(span.Enter(s.context), *s.block,
                                                                    s.request.matchers, s.options));
  s.references = std::move(expanded.references);
  s.deferred = std::move(expanded.deferred);
  THANOS_ASSIGN_OR_RETURN(s.references_lease,
                          BudgetLease::Take(s.context.budget(), 4 * s.references.size()));
  if (s.references.empty() && s.options.stats() != nullptr) ++s.options.stats()->empty_postings;
  // A caller that wants few series does not touch the others.
  if (s.request.limit != 0 && s.order != State::kSorted) {
    // One at the front of the merge, one behind it to know the order by.
    constexpr uint64_t kAhead = 2;
    if (s.request.limit < s.batch_size) {
      s.batch_size =
          static_cast<uint32_t>(std::min<uint64_t>(s.request.limit + kAhead, s.batch_size));
    }
    s.reserves_by_batch = true;
  }
  if (s.options.limiter != nullptr && s.deferred.empty() && !s.reserves_by_batch) {
    return s.options.limiter->ReserveSeries(s.references.size());
  }
  return OkStatus();
}

Status SeriesStream::LoadBatch() {
  State& s = *state_;
  THANOS_RETURN_IF_ERROR(s.context.Check());
  const size_t count = std::min<size_t>(s.batch_size, s.references.size() - s.next_reference);
  const auto references = std::span(s.references).subspan(s.next_reference, count);
  if (s.options.limiter != nullptr && s.deferred.empty() && s.reserves_by_batch) {
    THANOS_RETURN_IF_ERROR(s.options.limiter->ReserveSeries(count));
  }
  if (s.batch.empty()) {
    THANOS_ASSIGN_OR_RETURN(s.batch_lease, BudgetLease::Take(s.context.budget(), 0));
  }
  const size_t held = s.batch.size();
  s.arena = std::make_shared<series::Arena>();
  const Span span(s.context, "bucket_store_load_series");
  if (span) span.Set("block.id", s.block->id());
  span.Set("series", static_cast<int64_t>(count));
  THANOS_ASSIGN_OR_RETURN(const LoadedEntries entries,
                          LoadEntries(span.Enter(s.context), *s.block, references, s.options));
  // One entry ahead: its first chunk bounds the last chunk of the one before.
  for (size_t i = 0; i <= count; ++i) {
    if (i < count) {
      const Status status = DecodeSeries(entries.payloads[i], &s.following);
      if (!status.ok()) {
        return status.WithContext(s.block->index().name() + " at " +
                                  std::to_string(references[i] * s.block->reference_unit()));
      }
    }
    if (i > 0) {
      const bool has_next = i < count && !s.following.chunks.empty();
      const size_t kept = s.batch.size();
      THANOS_RETURN_IF_ERROR(
          s.AddHead(references[i - 1], s.entry, has_next ? &s.following.chunks[0] : nullptr));
      if (!s.deferred.empty() && s.batch.size() == kept && s.options.stats() != nullptr) {
        s.options.stats()->overfetched_bytes += entries.payloads[i - 1].size();
      }
    }
    std::swap(s.entry, s.following);
  }
  size_t head_bytes = 0;
  for (size_t i = held; i < s.batch.size(); ++i) head_bytes += BytesOf(s.batch[i]);
  THANOS_RETURN_IF_ERROR(s.batch_lease.Grow(head_bytes));
  s.next_reference += count;
  s.batch_size = std::min(2 * s.batch_size, s.options.batch_max);
  return OkStatus();
}

// Labels that are only added have names that no series has and no matcher asks for: they may stand
// in the set when deferred matchers are checked.
Result<bool> SeriesStream::State::KeepLabels(const SeriesEntry& series, std::string_view* labels) {
  if (!assembler) {
    assembler.emplace(block->symbols(), order == kStacked ? request.add.view() : LabelsView());
  }
  THANOS_ASSIGN_OR_RETURN(*labels, assembler->Assemble(series.labels));
  return model::AllMatch(deferred, LabelsView(*labels));
}

void SeriesStream::State::SelectChunks(uint32_t reference, const SeriesEntry& series,
                                       const ChunkMeta* next_chunk) {
  wanted.clear();
  const auto deleted = block->tombstones().Of(reference);
  for (size_t i = 0; i < series.chunks.size(); ++i) {
    const ChunkMeta& chunk = series.chunks[i];
    if (chunk.max_ms < request.min_ms || chunk.min_ms > request.max_ms) continue;
    if (CoversRange(deleted, chunk.min_ms, chunk.max_ms)) continue;
    uint64_t bytes = 0;
    if (i + 1 < series.chunks.size()) {
      bytes = Distance(chunk, series.chunks[i + 1]);
      if (bytes == 0) bytes = options.chunk_bytes;
    } else {
      bytes = GuessOfLast(series.chunks, next_chunk, options);
    }
    wanted.push_back(
        {chunk, static_cast<uint32_t>(bytes), TouchesRange(deleted, chunk.min_ms, chunk.max_ms)});
  }
}

Status SeriesStream::State::AddHead(uint32_t reference, const SeriesEntry& series,
                                    const ChunkMeta* next_chunk) {
  SelectChunks(reference, series, next_chunk);
  if (wanted.empty()) return OkStatus();
  std::string_view labels;
  THANOS_ASSIGN_OR_RETURN(const bool keep, KeepLabels(series, &labels));
  if (!keep) return OkStatus();
  if (options.limiter != nullptr) {
    if (!deferred.empty()) THANOS_RETURN_IF_ERROR(options.limiter->ReserveSeries(1));
    if (!request.skip_chunks) {
      THANOS_RETURN_IF_ERROR(options.limiter->ReserveChunks(wanted.size()));
    }
  }
  if (order == kSorted) {
    builder.Reset(LabelsView(labels));
    for (const std::string& name : request.remove) builder.Remove(name);
    for (const Label& label : request.add) builder.Set(label.name, label.value);
    builder.BuildTo(&labels_text);
    labels = labels_text;
  }
  batch.push_back({arena->CopyText(labels), reference,
                   arena->Copy(std::span<const WantedChunk>(wanted)), arena});
  return OkStatus();
}

bool SeriesStream::RunsLow() const {
  const State& s = *state_;
  if (!s.opened) return true;
  return s.next_reference < s.references.size() && s.batch.size() <= s.batch_size / 8;
}

void SeriesStream::LoadAhead() {
  State& s = *state_;
  if (!s.ahead.ok()) return;
  if (!s.opened) s.ahead = Open();
  if (s.ahead.ok() && s.next_reference < s.references.size()) s.ahead = LoadBatch();
}

Result<bool> SeriesStream::NextRaw(SeriesHead* out) {
  State& s = *state_;
  // What was loaded before the error comes first.
  if (s.batch.empty() && !s.ahead.ok()) return s.ahead;
  if (!s.opened) THANOS_RETURN_IF_ERROR(Open());
  while (s.batch.empty()) {
    if (s.next_reference >= s.references.size()) return false;
    THANOS_RETURN_IF_ERROR(LoadBatch());
  }
  *out = std::move(s.batch.front());
  s.batch.pop_front();
  return true;
}

// Added labels move a set back only past its own extensions: the stack holds a chain of prefixes.
// formats/algorithms §5.6.
Result<SeriesHead*> SeriesStream::NextStacked() {
  State& s = *state_;
  while (true) {
    if (!s.incoming && !s.exhausted) {
      SeriesHead head;
      THANOS_ASSIGN_OR_RETURN(const bool more, NextRaw(&head));
      s.exhausted = !more;
      if (more) s.incoming = std::move(head);
    }
    const bool pop =
        !s.stack.empty() && (!s.incoming || Compare(LabelsView(s.stack.back().labels),
                                                    LabelsView(s.incoming->labels)) < 0);
    if (pop) {
      s.current = std::move(s.stack.back());
      s.stack.pop_back();
      return &s.current;
    }
    if (!s.incoming) return nullptr;
    s.stack.push_back(std::move(*s.incoming));
    s.incoming.reset();
  }
}

// Removed labels bring together what was far apart: all heads are sorted, under the budget.
Result<SeriesHead*> SeriesStream::NextSorted() {
  State& s = *state_;
  if (!s.sorted_ready) {
    s.sorted_ready = true;
    THANOS_ASSIGN_OR_RETURN(s.sorted_lease, BudgetLease::Take(s.context.budget(), 0));
    size_t uncharged = 0;
    for (SeriesHead head;;) {
      THANOS_ASSIGN_OR_RETURN(const bool more, NextRaw(&head));
      if (!more) break;
      uncharged += BytesOf(head);
      s.sorted.push_back(std::move(head));
      if (uncharged >= 64 << 10) {
        THANOS_RETURN_IF_ERROR(s.sorted_lease.Grow(uncharged));
        uncharged = 0;
      }
    }
    THANOS_RETURN_IF_ERROR(s.sorted_lease.Grow(uncharged));
    std::stable_sort(s.sorted.begin(), s.sorted.end(),
                     [](const SeriesHead& a, const SeriesHead& b) {
                       return Compare(LabelsView(a.labels), LabelsView(b.labels)) < 0;
                     });
  }
  if (s.next_sorted == s.sorted.size()) return nullptr;
  return &s.sorted[s.next_sorted++];
}

Result<SeriesHead*> SeriesStream::Next() {
  State& s = *state_;
  const auto next = [&]() -> Result<SeriesHead*> {
    if (s.order == State::kStacked) return NextStacked();
    if (s.order == State::kSorted) return NextSorted();
    THANOS_ASSIGN_OR_RETURN(const bool more, NextRaw(&s.current));
    return more ? &s.current : nullptr;
  };
  auto head = next();
  if (!head.ok()) return s.Context(head.status());
  return head;
}

}  // namespace thanos::block
