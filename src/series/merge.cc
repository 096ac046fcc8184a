#include "series/merge.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

#include "codec/byte_reader.h"
#include "codec/hash.h"
#include "series/batch_builder.h"

namespace thanos::series {
namespace {

constexpr std::string_view kUnsortedText = "series are not sorted: input ";

Status UnsortedError(size_t input, LabelsView before, LabelsView after) {
  return AbortedError(std::string(kUnsortedText) + std::to_string(input) + ": " + after.ToString() +
                      " came after " + before.ToString());
}

bool SameChunk(const ChunkView& a, const ChunkView& b) {
  return !ChunkBefore(a, b) && !ChunkBefore(b, a);
}

// One input and where it stands. Keeps the batch before the current one until the step between
// them was looked at.
class Input {
 public:
  explicit Input(std::unique_ptr<SeriesCursor> cursor) : cursor_(std::move(cursor)) {}

  void Start() { cursor_->Start(); }
  bool ended() const { return batch_ == nullptr; }
  LabelsView labels() const { return batch_->series()[at_].labels; }
  const SeriesView& series() const { return batch_->series()[at_]; }
  const SeriesBatchRef& batch() const { return batch_; }
  SeriesCursor& cursor() { return *cursor_; }

  // To the first series.
  Status Open() { return NextBatch(); }

  // To the next one, which must not have lesser labels.
  Status Advance() {
    const LabelsView old = labels();
    if (at_ + 1 < batch_->series().size()) {
      ++at_;
      return CheckStep(old);
    }
    const SeriesBatchRef before = batch_;  // Keeps `old` alive.
    THANOS_RETURN_IF_ERROR(NextBatch());
    return CheckStep(old);
  }

  size_t index = 0;

 private:
  Status CheckStep(LabelsView old) const {
    if (ended() || Compare(labels(), old) >= 0) return OkStatus();
    return UnsortedError(index, old, labels());
  }

  Status NextBatch() {
    do {
      THANOS_ASSIGN_OR_RETURN(batch_, cursor_->Next());
      at_ = 0;
    } while (batch_ && batch_->series().empty());
    return OkStatus();
  }

  std::unique_ptr<SeriesCursor> cursor_;
  SeriesBatchRef batch_;
  size_t at_ = 0;
};

class MergeCursor : public SeriesCursor {
 public:
  MergeCursor(const CallContext& context, std::vector<std::unique_ptr<SeriesCursor>> inputs,
              const MergeOptions& options)
      : context_(context), options_(options) {
    inputs_.reserve(inputs.size());
    for (auto& cursor : inputs) {
      inputs_.emplace_back(std::move(cursor));
      inputs_.back().index = inputs_.size() - 1;
    }
    pinned_.resize(inputs_.size());
  }

  void Start() override {
    for (Input& input : inputs_) input.Start();
  }

  Result<SeriesBatchRef> Next() override {
    if (!failure_.ok()) return failure_;
    Result<SeriesBatchRef> batch = Pull();
    if (!batch.ok()) failure_ = batch.status();
    return batch;
  }

  Warnings TakeWarnings() override {
    Warnings all;
    for (Input& input : inputs_) {
      for (std::string& warning : input.cursor().TakeWarnings()) all.push_back(std::move(warning));
    }
    return all;
  }

  const SelectEnd& end() const override { return end_; }

 private:
  Result<SeriesBatchRef> Pull() {
    if (done_) return SeriesBatchRef();
    if (!opened_) THANOS_RETURN_IF_ERROR(OpenAll());
    THANOS_RETURN_IF_ERROR(context_.Check());
    while (builder_.series_count() < options_.batch_series && !Exhausted()) {
      THANOS_RETURN_IF_ERROR(MergeOne());
      if (options_.limit != 0 && ++emitted_ >= options_.limit) {
        limited_ = true;
        break;
      }
    }
    std::fill(pinned_.begin(), pinned_.end(), nullptr);
    if (builder_.series_count() == 0) {
      Finish();
      return SeriesBatchRef();
    }
    if (limited_) Finish();
    end_.series += builder_.series_count();
    return builder_.Build(context_.budget());
  }

  void Finish() {
    done_ = true;
    for (Input& input : inputs_) {
      const SelectEnd& end = input.cursor().end();
      end_.chunks += end.chunks;
      end_.bytes += end.bytes;
      end_.partial |= end.partial;
      if (end_.hints.empty()) end_.hints = end.hints;
      end_.peers.insert(end_.peers.end(), end.peers.begin(), end.peers.end());
    }
  }

  Status OpenAll() {
    opened_ = true;
    for (Input& input : inputs_) THANOS_RETURN_IF_ERROR(input.Open());
    // A loser tree: leaf i at node count + i, losers in 1 … count - 1, the winner apart.
    const size_t count = inputs_.size();
    losers_.assign(std::max<size_t>(count, 1), SIZE_MAX);
    if (count == 0) return OkStatus();
    winner_ = Build(1);
    return OkStatus();
  }

  size_t Build(size_t node) {
    const size_t count = inputs_.size();
    if (node >= count) return node - count;
    const size_t a = Build(2 * node), b = Build(2 * node + 1);
    const bool a_wins = Less(a, b);
    losers_[node] = a_wins ? b : a;
    return a_wins ? a : b;
  }

  // Ended inputs last; of equal labels the lower index first.
  bool Less(size_t a, size_t b) const {
    if (inputs_[a].ended() || inputs_[b].ended()) {
      return inputs_[a].ended() == inputs_[b].ended() ? a < b : inputs_[b].ended();
    }
    const int order = Compare(inputs_[a].labels(), inputs_[b].labels());
    return order != 0 ? order < 0 : a < b;
  }

  void Replay() {
    const size_t count = inputs_.size();
    size_t current = winner_;
    for (size_t node = (winner_ + count) / 2; node >= 1; node /= 2) {
      if (Less(losers_[node], current)) std::swap(losers_[node], current);
    }
    winner_ = current;
  }

  bool Exhausted() const { return inputs_.empty() || inputs_[winner_].ended(); }

  // Each input batch that the batch under construction borrows from is pinned once.
  void PinInput(size_t index) {
    const SeriesBatchRef& batch = inputs_[index].batch();
    if (pinned_[index] == batch.get()) return;
    builder_.Pin(batch, 0);
    pinned_[index] = batch.get();
  }

  // One label set: all inputs that have it, and all their entries of it.
  Status MergeOne() {
    const LabelsView labels = inputs_[winner_].labels();  // Its batch is pinned just below.
    parts_.clear();
    do {
      const size_t index = winner_;
      PinInput(index);
      parts_.push_back({inputs_[index].series(), static_cast<uint32_t>(index)});
      THANOS_RETURN_IF_ERROR(inputs_[index].Advance());
      Replay();
    } while (!Exhausted() && inputs_[winner_].labels() == labels);
    if (parts_.size() == 1 && !options_.tag_sources && ChunksAreSorted(parts_[0].series.chunks)) {
      builder_.AddSeriesBorrowed(parts_[0].series);
      return OkStatus();
    }
    chunks_.clear();
    for (const Part& part : parts_) {
      for (ChunkView chunk : part.series.chunks) {
        chunk.source = part.input;
        chunks_.push_back(chunk);
      }
    }
    OrderChunks(options_.drop_equal_chunks, &chunks_);
    builder_.BeginSeriesBorrowed(labels);
    for (const ChunkView& chunk : chunks_) builder_.AddChunkBorrowed(chunk);
    builder_.EndSeries();
    return OkStatus();
  }

  struct Part {
    SeriesView series;
    uint32_t input;
  };

  CallContext context_;
  MergeOptions options_;
  std::vector<Input> inputs_;
  std::vector<size_t> losers_;
  size_t winner_ = 0;
  bool opened_ = false, done_ = false, limited_ = false;
  uint64_t emitted_ = 0;
  BatchBuilder builder_;
  std::vector<const SeriesBatch*> pinned_;
  std::vector<Part> parts_;        // Scratch of MergeOne.
  std::vector<ChunkView> chunks_;  // Scratch of MergeOne.
  SelectEnd end_;
  Status failure_;
};

}  // namespace

bool IsUnsortedInput(const Status& status, size_t* input) {
  if (status.code() != StatusCode::kAborted) return false;
  std::string_view text = status.message();
  if (!text.starts_with(kUnsortedText)) return false;
  text.remove_prefix(kUnsortedText.size());
  return std::from_chars(text.data(), text.data() + text.size(), *input).ec == std::errc();
}

void OrderChunks(bool drop_equal, std::vector<ChunkView>* chunks) {
  std::stable_sort(chunks->begin(), chunks->end(), ChunkBefore);
  if (!drop_equal) return;
  chunks->erase(std::unique(chunks->begin(), chunks->end(), SameChunk), chunks->end());
}

std::unique_ptr<SeriesCursor> MergeCursors(const CallContext& context,
                                           std::vector<std::unique_ptr<SeriesCursor>> inputs,
                                           const MergeOptions& options) {
  return std::make_unique<MergeCursor>(context, std::move(inputs), options);
}

}  // namespace thanos::series
