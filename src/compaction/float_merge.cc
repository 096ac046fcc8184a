#include "compaction/float_merge.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "chunk/xor.h"
#include "series/dedup.h"

namespace thanos::compaction {
namespace {

using chunk::Columns;

constexpr size_t kPiecesKept = 4;
constexpr int64_t kTimeMax = int64_t{1} << 60;  // Beyond it sums of times could overflow.

// Samples inside of a malformed chunk have any times: their arithmetic wraps.
int64_t AddWrapping(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

bool SameBytes(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

// Merging ends because samples ascend: a chunk whose times go back is refused.
Status Decode(const HeldChunk& chunk, Columns* out) {
  const size_t before = out->t.size();
  THANOS_RETURN_IF_ERROR(chunk::DecodeChunk(chunk.encoding, chunk.data, out));
  return block::CheckAscending(std::span(out->t).subspan(before));
}

// The union of two ascending sequences. False where they have a time in common with different
// values, or do not ascend: the order of the chunks decides then.
bool UniteAscending(const Columns& a, const Columns& b, Columns* out) {
  const size_t n = a.t.size(), m = b.t.size();
  out->t.resize(n + m);
  out->v.resize(n + m);
  size_t i = 0, j = 0, k = 0;
  int64_t last = INT64_MIN;
  while (i < n || j < m) {
    const bool take_a = j == m || (i < n && a.t[i] <= b.t[j]);
    const int64_t t = take_a ? a.t[i] : b.t[j];
    const double v = take_a ? a.v[i] : b.v[j];
    if (k > 0 && t <= last) {
      if (t < last || std::bit_cast<uint64_t>(v) != std::bit_cast<uint64_t>(out->v[k - 1])) {
        return false;
      }
    } else {
      out->t[k] = last = t;
      out->v[k++] = v;
    }
    ++(take_a ? i : j);
  }
  out->t.resize(k);
  out->v.resize(k);
  return true;
}

}  // namespace

std::byte* ChunkArena::Allocate(size_t bytes) {
  while (current_ < pieces_.size() && used_ + bytes > pieces_[current_].size) {
    ++current_;
    used_ = 0;
  }
  if (current_ == pieces_.size()) {
    const size_t size = std::max(bytes, kPieceBytes);
    pieces_.push_back({std::make_unique_for_overwrite<std::byte[]>(size), size});
  }
  std::byte* out = pieces_[current_].bytes.get() + used_;
  used_ += bytes;
  return out;
}

std::span<const std::byte> ChunkArena::Copy(std::span<const std::byte> bytes) {
  std::byte* to = Allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return {to, bytes.size()};
}

void ChunkArena::Reset() {
  if (pieces_.size() > kPiecesKept) pieces_.resize(kPiecesKept);
  std::erase_if(pieces_, [](const Piece& piece) { return piece.size > kPieceBytes; });
  current_ = used_ = 0;
}

Status FloatMerger::Merge(std::span<const std::vector<HeldChunk>> lists, ChunkArena* arena,
                          std::vector<HeldChunk>* out) {
  heap_.Clear();
  for (const auto& list : lists) heap_.Push(List{list});
  while (!heap_.empty()) {
    const HeldChunk first = heap_.Take();
    group_.clear();
    int64_t max_ms = first.max_ms;
    while (!heap_.empty() && heap_.top().min_ms <= max_ms) {
      const HeldChunk next = heap_.Take();
      const HeldChunk& before = group_.empty() ? first : group_.back();
      if (next.min_ms == before.min_ms && next.max_ms == before.max_ms &&
          SameBytes(next.data, before.data)) {
        continue;
      }
      max_ms = std::max(max_ms, next.max_ms);
      group_.push_back(next);
    }
    if (group_.empty()) {
      out->push_back(first);
      continue;
    }
    List merged;
    THANOS_RETURN_IF_ERROR(MergeGroup(first, arena, &merged.chunks));
    if (merged.empty()) continue;
    // The first is done; the rest is compared with what is still to come.
    out->push_back(merged.front());
    merged.pop_front();
    heap_.Push(std::move(merged));
  }
  return OkStatus();
}

Status FloatMerger::MergeGroup(const HeldChunk& first, ChunkArena* arena,
                               std::vector<HeldChunk>* out) {
  THANOS_RETURN_IF_ERROR(merge_ == block::OverlapMerge::kPenalty ? Penalty(first) : Chain(first));
  Encode(arena, out);
  return OkStatus();
}

Status FloatMerger::Chain(const HeldChunk& first) {
  THANOS_ASSIGN_OR_RETURN(const bool done, ChainByLanes(first));
  return done ? OkStatus() : ChainByChunks(first);
}

// Chunks that follow each other are one lane: as many as there are replicas.
Result<bool> FloatMerger::ChainByLanes(const HeldChunk& first) {
  size_t used = 0;
  const auto add = [&](const HeldChunk& chunk) -> Status {
    size_t lane = 0;
    while (lane < used && lanes_[lane].t.back() >= chunk.min_ms) ++lane;
    if (lane == used) {
      if (used == lanes_.size()) lanes_.emplace_back();
      lanes_[used++].Clear();
    }
    const size_t before = lanes_[lane].t.size();
    THANOS_RETURN_IF_ERROR(Decode(chunk, &lanes_[lane]));
    // A chunk without samples makes no lane.
    if (before == 0 && lanes_[lane].t.empty()) --used;
    return OkStatus();
  };
  THANOS_RETURN_IF_ERROR(add(first));
  for (const HeldChunk& chunk : group_) THANOS_RETURN_IF_ERROR(add(chunk));
  merged_.Clear();
  if (used == 0) return true;
  std::swap(merged_, lanes_[0]);
  for (size_t lane = 1; lane < used; ++lane) {
    if (!UniteAscending(merged_, lanes_[lane], &scratch_)) return false;
    std::swap(merged_, scratch_);
  }
  return true;
}

Status FloatMerger::ChainByChunks(const HeldChunk& first) {
  std::vector<Columns> columns(group_.size() + 1);
  std::vector<const Columns*> pointers;
  for (size_t i = 0; i < columns.size(); ++i) {
    // The one that was taken first comes last.
    THANOS_RETURN_IF_ERROR(Decode(i < group_.size() ? group_[i] : first, &columns[i]));
    pointers.push_back(&columns[i]);
  }
  series::ChainMerge(pointers, &merged_);
  return OkStatus();
}

// The fold of the penalty merge from the left, one chunk at a time, over arrays.
Status FloatMerger::Penalty(const HeldChunk& first) {
  merged_.Clear();
  reach_.clear();
  THANOS_RETURN_IF_ERROR(Decode(first, &merged_));
  for (const HeldChunk& chunk : group_) {
    next_.Clear();
    THANOS_RETURN_IF_ERROR(Decode(chunk, &next_));
    FoldPenalty();
  }
  return OkStatus();
}

// How many samples at the beginning of merged_ are taken as they are, with next_ untouched, and
// leave no trace behind: a merge of the rest gives what a merge of all gives. reach_[i] is the
// greatest of t + 1 + penalty up to sample i: next_ is skipped into only where it begins before.
size_t FloatMerger::Untouched() {
  const std::vector<int64_t>& t = merged_.t;
  if (t.empty() || t.front() < -kTimeMax || t.back() > kTimeMax || next_.t[0] < -kTimeMax) return 0;
  for (size_t i = reach_.size(); i < t.size(); ++i) {
    const int64_t penalty = i == 0 ? series::kInitialPenaltyMs : series::PenaltyMs(t[i - 1], t[i]);
    const int64_t reach = AddWrapping(AddWrapping(t[i], 1), penalty);
    reach_.push_back(i == 0 ? reach : std::max(reach_[i - 1], reach));
  }
  const int64_t begins = next_.t[0];
  const auto taken = std::upper_bound(reach_.begin(), reach_.end(), begins) - reach_.begin();
  // The rest begins with the initial penalty, which must not reach next_ either; the penalty of the
  // sample behind it is the true one again, so that sample must be among those taken.
  const auto far =
      std::upper_bound(t.begin(), t.end(), begins - 1 - series::kInitialPenaltyMs) - t.begin();
  return static_cast<size_t>(std::max<ptrdiff_t>(std::min(taken - 2, far - 1), 0));
}

// merged_ = penalty(merged_, next_).
void FloatMerger::FoldPenalty() {
  if (next_.t.empty()) return;
  std::vector<int64_t>& t = merged_.t;
  const size_t front = Untouched();
  scratch_.Clear();
  scratch_.t.assign(t.begin() + static_cast<ptrdiff_t>(front), t.end());
  scratch_.v.assign(merged_.v.begin() + static_cast<ptrdiff_t>(front), merged_.v.end());
  const Columns* sides[] = {&scratch_, &next_};
  Columns& tail = lanes_.empty() ? lanes_.emplace_back() : lanes_[0];
  series::PenaltyMerge(sides, series::CounterAdjust::kNone, &tail);
  t.resize(front);
  merged_.v.resize(front);
  reach_.resize(std::min(reach_.size(), front));
  t.insert(t.end(), tail.t.begin(), tail.t.end());
  merged_.v.insert(merged_.v.end(), tail.v.begin(), tail.v.end());
}

void FloatMerger::Encode(ChunkArena* arena, std::vector<HeldChunk>* out) const {
  for (size_t begin = 0; begin < merged_.t.size(); begin += block::kMergedChunkSamples) {
    const size_t count = std::min(block::kMergedChunkSamples, merged_.t.size() - begin);
    const size_t room = chunk::XorBytesMax(count);
    std::byte* to = arena->Allocate(room);
    const size_t bytes =
        chunk::EncodeXor(merged_.t.data() + begin, merged_.v.data() + begin, count, to);
    arena->Shrink(room - bytes);
    out->push_back(
        {merged_.t[begin], merged_.t[begin + count - 1], ChunkEncoding::kXor, {to, bytes}});
  }
}

}  // namespace thanos::compaction
