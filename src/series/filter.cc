#include "series/filter.h"

#include <algorithm>

#include "codec/hash.h"
#include "series/batch_builder.h"
#include "series/merge.h"

namespace thanos::series {
namespace {

// Passes everything on but Next().
class Wrapper : public SeriesCursor {
 public:
  explicit Wrapper(std::unique_ptr<SeriesCursor> inner) : inner_(std::move(inner)) {}
  void Start() override { inner_->Start(); }
  Warnings TakeWarnings() override { return inner_->TakeWarnings(); }
  const SelectEnd& end() const override { return inner_->end(); }

 protected:
  std::unique_ptr<SeriesCursor> inner_;
};

class ShardCursor : public Wrapper {
 public:
  ShardCursor(std::unique_ptr<SeriesCursor> inner, Shard shard)
      : Wrapper(std::move(inner)), shard_(std::move(shard)) {}

  Result<SeriesBatchRef> Next() override {
    for (;;) {
      THANOS_ASSIGN_OR_RETURN(SeriesBatchRef batch, inner_->Next());
      if (!batch) return batch;
      builder_.Pin(batch, 0);
      for (const SeriesView& series : batch->series()) {
        if (InShard(shard_, series.labels)) builder_.AddSeriesBorrowed(series);
      }
      if (builder_.series_count() > 0) return builder_.Build(nullptr);
    }
  }

 private:
  Shard shard_;
  BatchBuilder builder_;
};

class SortCursor : public Wrapper {
 public:
  SortCursor(const CallContext& context, std::unique_ptr<SeriesCursor> inner,
             std::vector<std::string> without, uint32_t batch_series)
      : Wrapper(std::move(inner)),
        context_(context),
        without_(std::move(without)),
        batch_series_(std::max<uint32_t>(batch_series, 1)) {}

  Result<SeriesBatchRef> Next() override {
    if (!read_) THANOS_RETURN_IF_ERROR(ReadAll());
    THANOS_RETURN_IF_ERROR(context_.Check());
    while (at_ < entries_.size() && builder_.series_count() < batch_series_) AddOne();
    if (builder_.series_count() == 0) return SeriesBatchRef();
    builder_.Pin(held_, 0);
    return builder_.Build(context_.budget());
  }

 private:
  struct Entry {
    LabelsView labels;
    std::span<const ChunkView> chunks;
  };

  Status ReadAll() {
    read_ = true;
    std::string changed;
    for (;;) {
      THANOS_RETURN_IF_ERROR(context_.Check());
      THANOS_ASSIGN_OR_RETURN(SeriesBatchRef batch, inner_->Next());
      if (!batch) break;
      for (const SeriesView& series : batch->series()) {
        LabelsView labels = series.labels;
        if (RemoveLabels(labels, without_, &changed)) {
          labels = LabelsView(arena_->CopyText(changed));
        }
        entries_.push_back({labels, series.chunks});
      }
      held_->push_back(std::move(batch));
    }
    std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
      return Compare(a.labels, b.labels) < 0;
    });
    THANOS_ASSIGN_OR_RETURN(
        lease_, BudgetLease::Take(context_.budget(),
                                  arena_->allocated_bytes() + entries_.size() * sizeof(Entry)));
    return OkStatus();
  }

  void AddOne() {
    const LabelsView labels = entries_[at_].labels;
    builder_.BeginSeries(labels);
    for (; at_ < entries_.size() && entries_[at_].labels == labels; ++at_) {
      for (const ChunkView& chunk : entries_[at_].chunks) builder_.AddChunkBorrowed(chunk);
    }
    builder_.EndSeries();
  }

  CallContext context_;
  std::vector<std::string> without_;
  uint32_t batch_series_;
  bool read_ = false;
  std::unique_ptr<Arena> arena_ = std::make_unique<Arena>();
  // All that was read; each output batch borrows from it.
  std::shared_ptr<std::vector<SeriesBatchRef>> held_ =
      std::make_shared<std::vector<SeriesBatchRef>>();
  std::vector<Entry> entries_;
  BudgetLease lease_;
  size_t at_ = 0;
  BatchBuilder builder_;
};

class ReadyCursor : public SeriesCursor {
 public:
  explicit ReadyCursor(std::vector<SeriesBatchRef> batches) : batches_(std::move(batches)) {}
  void Start() override {}
  Result<SeriesBatchRef> Next() override {
    if (at_ == batches_.size()) return SeriesBatchRef();
    end_.series += batches_[at_]->series().size();
    return std::move(batches_[at_++]);
  }
  Warnings TakeWarnings() override { return {}; }
  const SelectEnd& end() const override { return end_; }

 private:
  std::vector<SeriesBatchRef> batches_;
  size_t at_ = 0;
  SelectEnd end_;
};

}  // namespace

bool InShard(const Shard& shard, LabelsView labels) {
  if (shard.total < 1) return true;
  thread_local std::string buffer;
  buffer.clear();
  for (const Label& label : labels) {
    const bool named =
        std::find(shard.labels.begin(), shard.labels.end(), label.name) != shard.labels.end();
    if (named != shard.by) continue;
    buffer.append(label.name).push_back('\xff');
    buffer.append(label.value).push_back('\xff');
  }
  return static_cast<int64_t>(codec::Xxh64(buffer) % static_cast<uint64_t>(shard.total)) ==
         shard.index;
}

bool RemoveLabels(LabelsView labels, const std::vector<std::string>& names, std::string* out) {
  const auto removed = [&](const Label& label) {
    return std::find(names.begin(), names.end(), label.name) != names.end();
  };
  if (names.empty() || std::none_of(labels.begin(), labels.end(), removed)) return false;
  out->clear();
  LabelsEncoder encoder(out);
  for (const Label& label : labels) {
    if (!removed(label)) encoder.Add(label.name, label.value);
  }
  return true;
}

std::unique_ptr<SeriesCursor> FilterShard(std::unique_ptr<SeriesCursor> inner, Shard shard) {
  return std::make_unique<ShardCursor>(std::move(inner), std::move(shard));
}

std::unique_ptr<SeriesCursor> SortBuffered(const CallContext& context,
                                           std::unique_ptr<SeriesCursor> inner,
                                           std::vector<std::string> without,
                                           uint32_t batch_series) {
  return std::make_unique<SortCursor>(context, std::move(inner), std::move(without), batch_series);
}

std::unique_ptr<SeriesCursor> EmptyCursor() { return CursorOf({}); }

std::unique_ptr<SeriesCursor> CursorOf(std::vector<SeriesBatchRef> batches) {
  return std::make_unique<ReadyCursor>(std::move(batches));
}

}  // namespace thanos::series
