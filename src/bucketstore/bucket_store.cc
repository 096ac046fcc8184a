#include "bucketstore/bucket_store.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "block/block_labels.h"
#include "block/block_select.h"
#include "block/block_source.h"
#include "series/filter.h"
#include "thanos/trace.h"
#include "wire/store_messages.h"

namespace thanos::bucketstore {
namespace {

// Series whose chunks are fetched together; the byte window mostly ends a fill sooner.
constexpr uint32_t kFillSeries = 10'000;
constexpr size_t kFarFillBytes = 32 << 20;
constexpr size_t kFarFillShare = 64;  // Of what the budget of all calls still has.
// Labels are the same in all resolutions: the coarsest blocks are the cheapest to ask.
constexpr int64_t kAnyResolution = INT64_MAX;

// Cancelled, out of time, or over a limit: no block is to blame.
bool ConcernsAll(const Status& status) {
  switch (status.code()) {
    case StatusCode::kCancelled:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kResourceExhausted:
      return true;
    default:
      return false;
  }
}

std::vector<block::BlockCandidate> CandidatesOf(const std::vector<ServingBlock>& blocks) {
  std::vector<block::BlockCandidate> out;
  out.reserve(blocks.size());
  for (const ServingBlock& block : blocks) out.push_back({block.meta.get(), block.labels.view()});
  return out;
}

}  // namespace

// Reads that run on the executor: they use the store, which therefore waits for them at its end.
struct BucketStore::InFlight {
  std::mutex mutex;
  std::condition_variable changed;
  size_t count = 0;  // Guarded by mutex.

  void Begin() {
    std::lock_guard lock(mutex);
    ++count;
  }
  void End() {
    std::lock_guard lock(mutex);
    --count;
    changed.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return count == 0; });
  }
};

// Opens the blocks and reads one batch ahead on the executor. What runs there holds the state, not
// the cursor: the cursor's end cancels it and waits for nothing.
class BucketStore::Cursor : public SeriesCursor {
 public:
  using Open = std::function<Result<std::unique_ptr<SeriesCursor>>(const CallContext& context,
                                                                   Warnings* warnings)>;
  using AtEnd = std::function<void(const SelectEnd& end, const CallObservations& call)>;
  /// True when the blocks that are gone may have got successors: what was opened is then opened
  /// anew, once.
  using Renew = std::function<bool(const CallContext& context)>;
  Cursor(const CallContext& context, base::Executor* executor, std::shared_ptr<InFlight> in_flight,
         Open open, Renew renew, AtEnd at_end)
      : executor_(executor),
        in_flight_(std::move(in_flight)),
        state_(std::make_shared<State>()),
        at_end_(std::move(at_end)) {
    state_->context = context.WithCancel();
    state_->open = std::move(open);
    state_->renew = std::move(renew);
  }
  ~Cursor() override { state_->context.Cancel(); }

  void Start() override { Ask(); }

  Result<SeriesBatchRef> Next() override {
    std::unique_lock lock(state_->mutex);
    if (finished_) return *finished_;
    lock.unlock();
    if (AtHand()) {
      state_->Run();  // No other thread need be woken for that.
    } else {
      Ask();
    }
    lock.lock();
    state_->changed.wait(lock, [this] { return !state_->running; });
    Result<SeriesBatchRef> batch = std::move(*state_->ready);
    state_->ready.reset();
    const bool last = !batch.ok() || !*batch;
    if (last) {
      finished_ = batch;
      if (state_->inner) end_ = state_->inner->end();
      end_.partial |= state_->partial;
      at_end_(end_, state_->observed);
    }
    lock.unlock();
    if (!last && !AtHand()) Ask();
    return batch;
  }

  Warnings TakeWarnings() override {
    std::lock_guard lock(state_->mutex);
    return std::exchange(state_->warnings, {});
  }
  const SelectEnd& end() const override { return end_; }

 private:
  struct State {
    CallContext context;
    Open open;
    Renew renew;  // Null once the first batch is there.
    std::mutex mutex;
    std::condition_variable changed;
    bool running = false;                         // Guarded by mutex; the rest is the runner's.
    std::optional<Result<SeriesBatchRef>> ready;  // Guarded by mutex.
    Warnings warnings;                            // Guarded by mutex.
    bool partial = false;                         // Guarded by mutex.
    std::unique_ptr<SeriesCursor> inner;
    CallObservations observed;

    // The first read opens the blocks.
    Result<SeriesBatchRef> ReadTimed(Warnings* found) {
      double& seconds = inner ? observed.merge_seconds : observed.get_all_seconds;
      const auto begin = std::chrono::steady_clock::now();
      auto batch = Read(found);
      seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      if (batch.ok() && *batch) observed.Take(**batch);
      return batch;
    }
    Result<SeriesBatchRef> Read(Warnings* found) {
      auto batch = ReadOnce(found);
      const Renew again = std::exchange(renew, nullptr);
      if (!again || !again(context)) return batch;
      inner.reset();
      found->clear();
      return ReadOnce(found);
    }
    Result<SeriesBatchRef> ReadOnce(Warnings* found) {
      if (!inner) {
        auto opened = open(context, found);
        if (!opened.ok()) return opened.status();
        inner = std::move(*opened);
        inner->Start();
      }
      auto batch = inner->Next();
      for (std::string& warning : inner->TakeWarnings()) found->push_back(std::move(warning));
      return batch;
    }
    void Run() {
      Warnings found;
      auto batch = ReadTimed(&found);
      std::lock_guard lock(mutex);
      partial |= !found.empty();
      std::move(found.begin(), found.end(), std::back_inserter(warnings));
      ready = std::move(batch);
      running = false;
      changed.notify_all();
    }
  };

  // The next batch needs no reading: the last read brought several.
  bool AtHand() const {
    std::lock_guard lock(state_->mutex);
    return !state_->running && !state_->ready && state_->inner && state_->inner->HasReady();
  }

  // Begins the next read unless one runs or has come in.
  void Ask() {
    {
      std::lock_guard lock(state_->mutex);
      if (state_->running || state_->ready || finished_) return;
      state_->running = true;
    }
    in_flight_->Begin();
    const auto run = [state = state_, in_flight = in_flight_]() mutable {
      state->Run();
      state.reset();  // What it opened ends before the store may.
      in_flight->End();
    };
    if (executor_ != nullptr && executor_->TrySubmit(run)) return;
    std::function<void()> here = run;
    here();
  }

  base::Executor* executor_;
  std::shared_ptr<InFlight> in_flight_;
  std::shared_ptr<State> state_;
  AtEnd at_end_;
  std::optional<Result<SeriesBatchRef>> finished_;
  SelectEnd end_;
};

BucketStore::BucketStore(BlockSet* blocks, BucketStoreOptions options, base::Executor* executor,
                         metrics::Registry* registry)
    : in_flight_(std::make_shared<InFlight>()),
      blocks_(blocks),
      options_(std::move(options)),
      executor_(executor),
      metrics_(registry) {}

BucketStore::~BucketStore() { in_flight_->Wait(); }

void BucketStore::Clip(int64_t* min_ms, int64_t* max_ms) const {
  if (options_.min_ms) *min_ms = std::max(*min_ms, options_.min_ms());
  if (options_.max_ms) *max_ms = std::min(*max_ms, options_.max_ms());
}

SourceInfo BucketStore::Info() const {
  const ServingBlocks serving = blocks_->Serving();
  std::vector<block::BlockCandidate> usable;
  for (const ServingBlock& block : *serving) {
    if (!block.quarantined) usable.push_back({block.meta.get(), block.labels.view()});
  }
  SourceInfo info = block::InfoOfBlocks(options_.name, usable);
  Clip(&info.min_ms, &info.max_ms);
  return info;
}

std::vector<BucketStore::Choice> BucketStore::Choose(
    std::span<const model::Matcher> matchers, int64_t min_ms, int64_t max_ms,
    int64_t max_resolution_ms, std::span<const model::Matcher> block_matchers) const {
  const ServingBlocks serving = blocks_->Serving();
  Clip(&min_ms, &max_ms);
  std::vector<Choice> out;
  for (auto& chosen : block::ChooseBlocks(
           CandidatesOf(*serving), {matchers, min_ms, max_ms, max_resolution_ms, block_matchers})) {
    const ServingBlock& block = (*serving)[chosen.index];
    out.push_back({block.meta->ulid, block.meta, std::move(chosen.matchers), block.quarantined});
  }
  return out;
}

bool BucketStore::AreCovered(const std::vector<Choice>& before) const {
  const ServingBlocks serving = blocks_->Serving();
  std::set<base::Ulid> ids;
  std::set<std::pair<int64_t, base::Ulid>> sources;  // A downsampled block is no successor.
  for (const ServingBlock& block : *serving) {
    ids.insert(block.meta->ulid);
    for (const base::Ulid& source : block.meta->compaction.sources) {
      sources.emplace(block.meta->thanos.resolution_ms, source);
    }
  }
  return std::all_of(before.begin(), before.end(), [&](const Choice& choice) {
    const auto& own = choice.meta->compaction.sources;
    return ids.contains(choice.id) ||
           (!own.empty() && std::all_of(own.begin(), own.end(), [&](const base::Ulid& source) {
             return sources.contains({choice.meta->thanos.resolution_ms, source});
           }));
  });
}

std::vector<base::Ulid> BucketStore::BlocksOf(const SelectRequest& request,
                                              const StoreSelect& more) const {
  std::vector<base::Ulid> out;
  for (const Choice& choice : Choose(request.matchers, request.min_ms, request.max_ms,
                                     request.max_resolution_ms, more.block_matchers)) {
    out.push_back(choice.id);
  }
  return out;
}

block::BlockCursorOptions BucketStore::CursorOptions(PartialStrategy partial) const {
  block::BlockCursorOptions options;
  options.read.gap_bytes_max = options_.gap_bytes_max;
  options.read.series_bytes = options_.series_bytes;
  options.read.chunk_bytes = options_.chunk_bytes;
  options.read.batch_first = std::min<uint32_t>(1024, options_.series_batch_max);
  options.read.batch_max = options_.series_batch_max;
  options.read.executor = executor_;
  options.read.index_cache = options_.index_cache;
  options.read.pace = &pace_;
  options.read.flights = &flights_;
  options.transcode = options_.transcode;
  options.fill_series = kFillSeries;
  options.far_fill_bytes =
      options_.room ? std::min(kFarFillBytes, options_.room() / kFarFillShare) : kFarFillBytes;
  options.on_failure = [blocks = blocks_, partial](const block::Block& block,
                                                   const Status& status) {
    if (status.code() == StatusCode::kDataLoss || status.code() == StatusCode::kNotFound) {
      blocks->ReportDamage(block.meta().ulid, status);
    }
    return partial == PartialStrategy::kWarn;
  };
  return options;
}

Status BucketStore::OpenChosen(const CallContext& context, std::vector<Choice> choices,
                               PartialStrategy partial,
                               std::vector<block::BlockSelection>* selections, Warnings* warnings,
                               Status* told) const {
  std::vector<Result<block::BlockRef>> opened(choices.size(), block::BlockRef());
  std::vector<size_t> closed;
  for (size_t i = 0; i < choices.size(); ++i) {
    opened[i] = blocks_->IfOpen(choices[i].id);
    if (*opened[i] == nullptr) closed.push_back(i);
  }
  const auto open = [&](size_t i) -> Status {
    opened[closed[i]] = blocks_->Open(context, choices[closed[i]].id);
    return context.Check();
  };
  THANOS_RETURN_IF_ERROR(base::ParallelFor(executor_, closed.size(), open));
  Status failed;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (opened[i].ok()) {
      selections->push_back({std::move(*opened[i]), std::move(choices[i].matchers)});
      continue;
    }
    const Status& status = opened[i].status();
    if (ConcernsAll(status) || partial == PartialStrategy::kAbort) return status;
    warnings->emplace_back(status.message());
    // What was put aside before is known to be missing; what fails now may be the whole answer.
    if (!choices[i].quarantined) failed = status;
  }
  // An answer of warnings alone would look like one that knows there is nothing.
  if (selections->empty()) return failed;
  if (told != nullptr) *told = failed;
  return OkStatus();
}

// What the reads of one call share. One thread at a time.
struct BucketStore::Call {
  SelectRequest request;  // Cut to the store's times.
  StoreSelect more;
  std::string tenant;
  std::vector<Choice> choices;  // Of the next opening.
  std::shared_ptr<CallLimiter> limiter;
  std::atomic<bool> lost{false};  // An object of a block is gone.
};

Result<std::unique_ptr<SeriesCursor>> BucketStore::OpenCall(const CallContext& context,
                                                            const std::shared_ptr<Call>& call,
                                                            Warnings* warnings) const {
  std::vector<block::BlockSelection> selections;
  Status told;
  const Span span(context, "bucket_store_open_blocks");
  span.Set("blocks", static_cast<int64_t>(call->choices.size()));
  const Status opened = OpenChosen(span.Enter(context), call->choices, call->request.partial,
                                   &selections, warnings, &told);
  if (opened.code() == StatusCode::kNotFound || told.code() == StatusCode::kNotFound) {
    call->lost = true;
  }
  THANOS_RETURN_IF_ERROR(opened);
  call->limiter = std::make_shared<CallLimiter>(options_.limits, metrics_.dropped(), call->tenant);
  metrics_.Follow(call->tenant, &call->limiter->stats());
  block::BlockCursorOptions options = CursorOptions(call->request.partial);
  options.already_failed = told;
  options.on_failure = [call, report = options.on_failure](const block::Block& block,
                                                           const Status& status) {
    if (status.code() == StatusCode::kNotFound) call->lost = true;
    return report(block, status);
  };
  return block::MakeBlockCursor(context, std::move(selections), call->request, options,
                                call->limiter);
}

Result<std::unique_ptr<SeriesCursor>> BucketStore::SelectBlocks(const CallContext& context,
                                                                const SelectRequest& request,
                                                                const StoreSelect& more) {
  if (request.min_ms > request.max_ms) {
    return series::EmptyCursor();
  }
  auto call = std::make_shared<Call>();
  const auto choose = [this](Call& of) {
    of.choices = Choose(of.request.matchers, of.request.min_ms, of.request.max_ms,
                        of.request.max_resolution_ms, of.more.block_matchers);
  };
  call->request = request;
  Clip(&call->request.min_ms, &call->request.max_ms);
  call->more = more;
  call->tenant = context.tenant();
  call->limiter = std::make_shared<CallLimiter>(options_.limits, metrics_.dropped(), call->tenant);
  choose(*call);
  metrics_.BlocksQueried(call->tenant, call->choices.size());
  auto open = [this, call](const CallContext& of, Warnings* warnings) {
    return OpenCall(of, call, warnings);
  };
  auto renew = [this, call, choose](const CallContext& of) {
    if (!call->lost || !options_.refresh) return false;
    if (!options_.refresh(of).ok()) return false;
    // A block that is gone for good must be told, not left out.
    if (!AreCovered(call->choices)) return false;
    choose(*call);
    return true;
  };
  auto at_end = [this, call](const SelectEnd& end, const CallObservations& observed) {
    metrics_.Finish(call->tenant, call->limiter->stats(), observed, end.series);
  };
  return std::unique_ptr<SeriesCursor>(std::make_unique<Cursor>(
      context, executor_, in_flight_, std::move(open), std::move(renew), std::move(at_end)));
}

// The blocks that a call for labels asks.
struct BucketStore::LabelBlocks {
  std::vector<block::BlockSelection> selections;
  std::vector<std::string> ulids;
  Warnings warnings;

  void Finish(wire::LabelCall call, LabelsResult* out) const {
    out->partial |= !warnings.empty();
    out->warnings.insert(out->warnings.begin(), warnings.begin(), warnings.end());
    out->hints = wire::EncodeLabelResponseHints(call, ulids);
  }
};

Result<BucketStore::LabelBlocks> BucketStore::OpenForLabels(const CallContext& context,
                                                            const LabelsRequest& request,
                                                            const StoreSelect& more) const {
  LabelBlocks out;
  std::vector<Choice> choices =
      Choose(request.matchers, request.min_ms, request.max_ms, kAnyResolution, more.block_matchers);
  for (const Choice& choice : choices) out.ulids.push_back(choice.id.ToString());
  THANOS_RETURN_IF_ERROR(
      OpenChosen(context, std::move(choices), request.partial, &out.selections, &out.warnings));
  return out;
}

Result<LabelsResult> BucketStore::LabelNamesOf(const CallContext& context,
                                               const LabelsRequest& request,
                                               const StoreSelect& more) {
  LabelsRequest clipped = request;
  Clip(&clipped.min_ms, &clipped.max_ms);
  THANOS_ASSIGN_OR_RETURN(LabelBlocks blocks, OpenForLabels(context, request, more));
  auto limiter =
      std::make_shared<CallLimiter>(options_.limits, metrics_.dropped(), context.tenant());
  THANOS_ASSIGN_OR_RETURN(LabelsResult out,
                          block::BlockLabelNames(context, std::move(blocks.selections), clipped,
                                                 CursorOptions(request.partial), limiter));
  blocks.Finish(wire::LabelCall::kNames, &out);
  return out;
}

Result<LabelsResult> BucketStore::LabelValuesOf(const CallContext& context, const std::string& name,
                                                const LabelsRequest& request,
                                                const StoreSelect& more) {
  LabelsRequest clipped = request;
  Clip(&clipped.min_ms, &clipped.max_ms);
  THANOS_ASSIGN_OR_RETURN(LabelBlocks blocks, OpenForLabels(context, request, more));
  auto limiter =
      std::make_shared<CallLimiter>(options_.limits, metrics_.dropped(), context.tenant());
  THANOS_ASSIGN_OR_RETURN(
      LabelsResult out, block::BlockLabelValues(context, std::move(blocks.selections), name,
                                                clipped, CursorOptions(request.partial), limiter));
  blocks.Finish(wire::LabelCall::kValues, &out);
  return out;
}

}  // namespace thanos::bucketstore
