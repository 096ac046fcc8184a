#include "promql/scan_operator.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "promql/aggregate.h"
#include "promql/histogram_math.h"
#include "promql/label_sets.h"

namespace thanos::promql {
namespace {

// Scratch of whoever is computing.
struct Worker {
  Worker(const WindowSpec& window, const std::shared_ptr<Budget>& budget)
      : scratch(window, budget), lease(budget) {}
  series::SampleReader reader;
  WindowScratch scratch;
  std::string labels;
  GrowingLease lease;

  // Columns grow with the longest series seen.
  Status Charge() {
    const size_t bytes = reader.held_bytes() + scratch.held_bytes();
    if (bytes <= lease.held_bytes()) return OkStatus();
    return lease.Grow(bytes - lease.held_bytes());
  }
  uint64_t held_bytes() const {
    return lease.held_bytes() + scratch.cache.held_bytes() + scratch.histogram_cache.held_bytes();
  }
};

// What is not known of counter resets is found out: a sample against the one before.
void FindResets(std::vector<model::FloatHistogram>* histograms) {
  using Hint = model::CounterResetHint;
  const model::FloatHistogram* previous = nullptr;
  for (model::FloatHistogram& histogram : *histograms) {
    if (histogram.is_stale()) continue;
    if (histogram.hint == Hint::kUnknown && previous != nullptr) {
      histogram.hint = DetectsReset(histogram, *previous) ? Hint::kReset : Hint::kNotReset;
    }
    previous = &histogram;
  }
}

// What batches are computed with. Shared with tasks, which may outlive the operator.
class ScanCore {
 public:
  ScanCore(ScanSpec spec, std::shared_ptr<QueryState> state)
      : spec_(std::move(spec)), state_(std::move(state)), function_(spec_.function, state_) {}

  const ScanSpec& spec() const { return spec_; }
  QueryState& state() const { return *state_; }
  const Grid& grid() const { return spec_.function.window.grid; }

  std::unique_ptr<Worker> TakeWorker() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Worker> worker = std::move(idle_.back());
        idle_.pop_back();
        return worker;
      }
    }
    return std::make_unique<Worker>(spec_.function.window, state_->context.budget());
  }
  void GiveBack(std::unique_ptr<Worker> worker) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(worker));
  }

  // The values of one series; `bits` come zeroed.
  Status ReadSeries(const SeriesView& series, Worker* worker, double* values, uint64_t* bits) {
    THANOS_RETURN_IF_ERROR(state_->Check());
    chunk::Columns& columns = worker->scratch.columns;
    if (Status status = worker->reader.Read(series, spec_.read, &columns); !status.ok()) {
      return status.WithContext("expanding series");
    }
    if (spec_.function.explicit_hints) FindResets(&columns.histograms);
    state_->samples_decoded.fetch_add(columns.t.size() + columns.histogram_t.size(),
                                      std::memory_order_relaxed);
    THANOS_RETURN_IF_ERROR(worker->Charge());
    THANOS_RETURN_IF_ERROR(
        function_.Evaluate(columns, series.labels, &worker->scratch, values, bits));
    THANOS_RETURN_IF_ERROR(worker->scratch.status());
    samples_.fetch_add(columns.t.size() + columns.histogram_t.size(), std::memory_order_relaxed);
    state_->samples_queryable.fetch_add(std::exchange(worker->scratch.visited, 0),
                                        std::memory_order_relaxed);
    return OkStatus();
  }

  LabelsView OutputLabels(LabelsView labels, Worker* worker) const {
    return spec_.drop_metadata ? WithoutMetadata(labels, &worker->labels) : labels;
  }

  // Runs on any thread. Labels are copied, so that the chunks go away with the input.
  Result<RowBatchRef> Process(const SeriesBatch& input) {
    THANOS_ASSIGN_OR_RETURN(const auto turn, state_->TakeTurn());
    if (!measured.load(std::memory_order_relaxed)) return ProcessNow(input);
    const auto before = std::chrono::steady_clock::now();
    Result<RowBatchRef> output = ProcessNow(input);
    const auto spent = std::chrono::steady_clock::now() - before;
    worker_ns_.fetch_add(std::chrono::duration_cast<std::chrono::nanoseconds>(spent).count());
    return output;
  }

  // What workers that rest hold.
  uint64_t held_bytes() {
    const std::lock_guard lock(mutex_);
    uint64_t bytes = 0;
    for (const auto& worker : idle_) bytes += worker->held_bytes();
    return bytes;
  }
  uint64_t samples() const { return samples_.load(); }
  int64_t worker_ns() const { return worker_ns_.load(); }

  std::atomic<bool> measured{false};
  std::atomic<bool> abandoned{false};

 private:
  Result<RowBatchRef> ProcessNow(const SeriesBatch& input) {
    std::unique_ptr<Worker> worker = TakeWorker();
    RowBatchBuilder builder(state_, grid());
    double* values = nullptr;
    uint64_t* bits = nullptr;
    for (const SeriesView& series : input.series()) {
      // A series without points leaves its room to the next.
      if (values == nullptr) values = builder.NewValues();
      if (bits == nullptr) bits = builder.NewBits();
      THANOS_RETURN_IF_ERROR(ReadSeries(series, worker.get(), values, bits));
      const HistogramColumn* histograms = worker->scratch.cells.column();
      if (!AnyBit(bits, grid().words()) && histograms == nullptr) continue;
      const LabelsView labels = builder.CopyLabels(OutputLabels(series.labels, worker.get()));
      builder.Add({labels, spec_.mark_drop, values, bits, builder.CopyHistograms(histograms)});
      values = nullptr;
      bits = nullptr;
    }
    GiveBack(std::move(worker));
    return builder.Finish();
  }

  const ScanSpec spec_;
  const std::shared_ptr<QueryState> state_;
  const WindowFunction function_;
  std::atomic<uint64_t> samples_{0};
  std::atomic<int64_t> worker_ns_{0};
  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> idle_;  // Guarded by mutex_.
};

// One batch on its way through the pool. Whoever claims it first computes it: a worker, or the
// consumer that needs it now, so that a full pool never stops a query.
class Ticket {
 public:
  explicit Ticket(SeriesBatchRef input) : input_(std::move(input)) {}

  void RunIfUnclaimed(ScanCore& core) {
    if (claimed_.exchange(true)) return;
    std::optional<Result<RowBatchRef>> output;
    if (core.abandoned.load(std::memory_order_relaxed)) {
      output.emplace(CancelledError("query was canceled in expression evaluation"));
    } else {
      output.emplace(core.Process(*input_));
    }
    input_.reset();
    const std::lock_guard lock(mutex_);
    output_ = std::move(output);
    done_.notify_all();
  }
  Result<RowBatchRef> Take(ScanCore& core) {
    RunIfUnclaimed(core);
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return output_.has_value(); });
    return std::move(*output_);
  }

 private:
  SeriesBatchRef input_;  // Of whoever claimed.
  std::atomic<bool> claimed_{false};
  std::mutex mutex_;
  std::condition_variable done_;
  std::optional<Result<RowBatchRef>> output_;  // Guarded by mutex_.
};

OperatorTraits TraitsOf(const ScanSpec& spec) {
  OperatorTraits traits;
  const bool function = spec.function.kind == WindowKind::kFunction;
  traits.name = "scan " + spec.text;
  if (function || spec.function.kind != WindowKind::kLatest) {
    traits.name += " with " + std::string(spec.function.name) + "()";
  }
  traits.order = RowOrder::kLabels;
  traits.unique_without_name = spec.name_is_fixed;
  return traits;
}

class ScanOperator final : public Operator {
 public:
  ScanOperator(ScanSpec spec, std::shared_ptr<QueryState> state)
      : Operator(spec.function.window.grid, TraitsOf(spec)),
        state_(state),
        core_(std::make_shared<ScanCore>(std::move(spec), std::move(state))) {
    const ScanSpec& mine = core_->spec();
    if (mine.drop_metadata && !mine.name_is_fixed) {
      guard_.emplace(state_->context.budget(), grid_, mine.function.kind == WindowKind::kFunction);
    }
  }
  ~ScanOperator() override { core_->abandoned.store(true, std::memory_order_relaxed); }

  void Profile(Profiler* to) override {
    Operator::Profile(to);
    core_->measured.store(state_->options.executor != nullptr);
  }

 protected:
  Result<RowBatchRef> Produce() override {
    while (true) {
      Result<RowBatchRef> batch = state_->options.executor != nullptr ? NextOfRing() : NextInline();
      if (!batch.ok() || *batch == nullptr) return batch;
      for (const Row& row : (*batch)->rows()) {
        if (guard_) THANOS_RETURN_IF_ERROR(guard_->Add(row.labels, row));
      }
      if (!(*batch)->rows().empty()) return batch;
    }
  }

  Status Drain(const RowSink& sink) override {
    if (state_->options.executor != nullptr || !state_->options.fuse) {
      return Operator::Drain(sink);
    }
    std::unique_ptr<Worker> worker = core_->TakeWorker();
    std::vector<double>& values = worker->scratch.values;
    std::vector<uint64_t>& bits = worker->scratch.bits;
    while (true) {
      THANOS_ASSIGN_OR_RETURN(const SeriesBatchRef input, Pull());
      if (input == nullptr) break;
      THANOS_ASSIGN_OR_RETURN(const auto turn, state_->TakeTurn());
      for (const SeriesView& series : input->series()) {
        std::fill(bits.begin(), bits.end(), 0);
        THANOS_RETURN_IF_ERROR(core_->ReadSeries(series, worker.get(), values.data(), bits.data()));
        const Row row{core_->OutputLabels(series.labels, worker.get()), core_->spec().mark_drop,
                      values.data(), bits.data(), worker->scratch.cells.column()};
        if (!row.HasPoints(bits.size())) continue;
        if (guard_) THANOS_RETURN_IF_ERROR(guard_->Add(row.labels, row));
        THANOS_RETURN_IF_ERROR(sink(row));
      }
    }
    core_->GiveBack(std::move(worker));
    return OkStatus();
  }

  uint64_t held_bytes() const override { return core_->held_bytes(); }
  void AddOwnStats(OperatorStats* stats) const override {
    stats->series = series_;
    stats->bytes = bytes_;
    stats->samples = core_->samples();
    stats->worker_ns = core_->worker_ns();
    stats->peers = peers_;
  }

 private:
  Status OpenCursor() {
    opened_ = true;
    if (grid_.count == 0) {
      ended_ = true;
      return OkStatus();
    }
    state_->selects.fetch_add(1, std::memory_order_relaxed);
    Result<std::unique_ptr<SeriesCursor>> cursor =
        state_->source->Select(state_->context, core_->spec().request);
    if (!cursor.ok()) return SourceError(cursor.status());
    cursor_ = std::move(*cursor);
    cursor_->Start();
    return OkStatus();
  }

  Status SourceError(const Status& status) const {
    if (status.code() == StatusCode::kCancelled || status.code() == StatusCode::kDeadlineExceeded) {
      if (Status mine = state_->Check(); !mine.ok()) return mine;
    }
    return status.WithContext("expanding series");
  }

  // The next batch of the source, null at the end. The stream is closed as soon as it ends.
  Result<SeriesBatchRef> Pull() {
    if (!opened_) THANOS_RETURN_IF_ERROR(OpenCursor());
    if (ended_) return SeriesBatchRef();
    THANOS_RETURN_IF_ERROR(state_->Check());
    Result<SeriesBatchRef> batch = cursor_->Next();
    if (!batch.ok()) return SourceError(batch.status());
    if (*batch == nullptr) {
      ended_ = true;
      state_->AddWarnings(cursor_->TakeWarnings(), cursor_->end().partial);
      if (profiler() != nullptr) peers_ = cursor_->end().peers;
      cursor_.reset();
      return SeriesBatchRef();
    }
    THANOS_RETURN_IF_ERROR(state_->CountSeries((*batch)->series().size()));
    if (profiler() != nullptr) CountBatch(**batch);
    return batch;
  }

  void CountBatch(const SeriesBatch& batch) {
    series_ += batch.series().size();
    for (const SeriesView& series : batch.series()) {
      for (const ChunkView& chunk : series.chunks) {
        for (const ChunkPart& part : chunk.parts) bytes_ += part.data.size();
      }
    }
  }

  Result<RowBatchRef> NextInline() {
    THANOS_ASSIGN_OR_RETURN(const SeriesBatchRef input, Pull());
    if (input == nullptr) return RowBatchRef();
    return core_->Process(*input);
  }

  // Batches are computed by the pool in any order and handed on in the order of their tickets.
  Result<RowBatchRef> NextOfRing() {
    base::Executor& executor = *state_->options.executor;
    const size_t ring_max = 2 * executor.threads() + 1;
    while (ring_.size() < ring_max && !ended_) {
      THANOS_ASSIGN_OR_RETURN(SeriesBatchRef input, Pull());
      if (input == nullptr) break;
      ring_.push_back(std::make_shared<Ticket>(std::move(input)));
      // A pool that is full leaves the work to the consumer.
      executor.TrySubmit([core = core_, ticket = ring_.back()] { ticket->RunIfUnclaimed(*core); });
    }
    if (ring_.empty()) return RowBatchRef();
    const std::shared_ptr<Ticket> ticket = std::move(ring_.front());
    ring_.pop_front();
    return ticket->Take(*core_);
  }

  const std::shared_ptr<QueryState> state_;
  const std::shared_ptr<ScanCore> core_;
  std::optional<DuplicateGuard> guard_;
  std::unique_ptr<SeriesCursor> cursor_;
  bool opened_ = false;
  bool ended_ = false;
  uint64_t series_ = 0, bytes_ = 0;  // When profiled, as is
  std::vector<PeerShare> peers_;     // who was asked.
  std::deque<std::shared_ptr<Ticket>> ring_;
};

}  // namespace

OperatorPtr MakeScan(ScanSpec spec, std::shared_ptr<QueryState> state) {
  return std::make_unique<ScanOperator>(std::move(spec), std::move(state));
}

}  // namespace thanos::promql
