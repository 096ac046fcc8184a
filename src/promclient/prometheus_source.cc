#include "promclient/prometheus_source.h"

#include <algorithm>
#include <set>

#include "promclient/order.h"
#include "promclient/read_cursor.h"
#include "series/batch_builder.h"
#include "series/filter.h"

namespace thanos::promclient {
namespace {

constexpr size_t kWaitingReadsMax = 4096;
constexpr size_t kRemovedNamesMax = 256;

// Matchers that are left after those on external labels; nothing when one of those fails.
std::optional<std::vector<model::Matcher>> StripExternal(
    const Labels& external, const std::vector<model::Matcher>& matchers) {
  std::vector<model::Matcher> left;
  for (const model::Matcher& matcher : matchers) {
    const std::string_view value = external.Get(matcher.name());
    if (value.empty()) {
      left.push_back(matcher);
    } else if (!matcher.Matches(value)) {
      return std::nullopt;
    }
  }
  return left;
}

bool Contains(const std::vector<std::string>& texts, std::string_view text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

// Prometheus wants at least one matcher: a selector of external labels only means everything.
void EnsureMatcher(std::vector<model::Matcher>* matchers) {
  if (!matchers->empty()) return;
  matchers->push_back(model::Matcher::NotEqual(std::string(kMetricName), ""));
}

// Label sets without chunks, sorted and unique already, as one batch after another.
Result<std::unique_ptr<SeriesCursor>> CursorOfLabels(const CallContext& context,
                                                     const std::vector<Labels>& labels,
                                                     uint32_t batch_series) {
  std::vector<SeriesBatchRef> batches;
  series::BatchBuilder builder;
  for (const Labels& set : labels) {
    builder.BeginSeries(set);
    builder.EndSeries();
    if (builder.series_count() < batch_series) continue;
    THANOS_ASSIGN_OR_RETURN(SeriesBatchRef batch, builder.Build(context.budget()));
    batches.push_back(std::move(batch));
  }
  THANOS_ASSIGN_OR_RETURN(SeriesBatchRef batch, builder.Build(context.budget()));
  batches.push_back(std::move(batch));
  return series::CursorOf(std::move(batches));
}

Labels WithoutEmpty(const Labels& labels) {
  LabelsBuilder builder(labels.view());
  for (const Label& label : labels) {
    if (label.value.empty()) builder.Remove(label.name);
  }
  return builder.Build();
}

}  // namespace

struct PrometheusSource::Impl {
  Impl(std::shared_ptr<PrometheusClient> prometheus, PrometheusSourceOptions given)
      : client(std::move(prometheus)),
        options(std::move(given)),
        pool("prom-read", options.reads_max, kWaitingReadsMax) {}

  PrometheusState Get() const {
    std::lock_guard lock(mutex);
    return state;
  }
  void MarkUnordered() { sorts.store(true); }
  /// Whether series carry a label that is to be removed is not known until CheckLabels has looked:
  /// until then answers are sorted.
  void Watch(const Labels& external, const std::vector<std::string>& without) {
    std::lock_guard lock(mutex);
    for (const std::string& name : without) {
      if (external.view().Find(name) || removed.size() >= kRemovedNamesMax) continue;
      if (removed.insert(name).second) sorts.store(true);
    }
  }

  const std::shared_ptr<PrometheusClient> client;
  const PrometheusSourceOptions options;
  std::atomic<bool> sorts{false};
  mutable std::mutex mutex;
  PrometheusState state;          // Guarded by mutex.
  std::set<std::string> removed;  // Guarded by mutex: names that requests wanted removed.
  base::Executor pool;            // Last: joins its tasks before what they use goes.
};

namespace {

// Reads in order as long as that works; where it does not, reads all and sorts, if the reader has
// got nothing yet. Keeps the source alive, whose pool does the work.
class SelectCursor : public SeriesCursor {
 public:
  SelectCursor(CallContext context, std::shared_ptr<const void> source, base::Executor* pool,
               ReadPlan plan, bool sorted, std::function<void()> on_unordered)
      : context_(std::move(context)),
        source_(std::move(source)),
        pool_(pool),
        plan_(std::move(plan)),
        on_unordered_(std::move(on_unordered)) {
    Open(sorted);
  }

  void Start() override { inner_->Start(); }
  Result<SeriesBatchRef> Next() override {
    Result<SeriesBatchRef> batch = inner_->Next();
    if (!batch.ok() && IsUnorderedRead(batch.status())) {
      if (delivered_) {
        return AbortedError(std::string(batch.status().message()) +
                            "; what was sent is incomplete, the next query will sort");
      }
      Open(true);
      batch = inner_->Next();
    }
    return Cut(std::move(batch));
  }
  Warnings TakeWarnings() override { return inner_->TakeWarnings(); }
  const SelectEnd& end() const override { return inner_->end(); }

 private:
  void Open(bool sorted) {
    ReadPlan plan = plan_;
    plan.ordered = !sorted;
    plan.on_unordered = on_unordered_;
    const uint32_t batch_series = plan.batch_series;
    inner_ = MakeReadCursor(context_, pool_, std::move(plan));
    if (sorted) {
      inner_ = series::SortBuffered(context_, std::move(inner_), {}, batch_series);
    }
    sorted_ = sorted;
  }

  // The limit of a sorted read, which the reading itself does not know.
  Result<SeriesBatchRef> Cut(Result<SeriesBatchRef> batch) {
    if (!batch.ok() || !*batch) return batch;
    delivered_ = true;
    if (!sorted_ || plan_.limit == 0) return batch;
    if (given_ >= plan_.limit) return SeriesBatchRef();
    const auto series = (*batch)->series();
    const size_t left = static_cast<size_t>(plan_.limit - given_);
    given_ += std::min(series.size(), left);
    if (series.size() <= left) return batch;
    series::BatchBuilder builder;
    builder.Pin(*batch, 0);
    for (const SeriesView& view : series.first(left)) builder.AddSeriesBorrowed(view);
    return builder.Build(nullptr);
  }

  const CallContext context_;
  const std::shared_ptr<const void> source_;  // Before inner_: goes after it.
  base::Executor* const pool_;
  const ReadPlan plan_;
  const std::function<void()> on_unordered_;
  std::unique_ptr<SeriesCursor> inner_;
  bool sorted_ = false;
  bool delivered_ = false;
  uint64_t given_ = 0;
};

}  // namespace

std::shared_ptr<PrometheusSource> PrometheusSource::Make(std::shared_ptr<PrometheusClient> client,
                                                         PrometheusSourceOptions options) {
  auto impl = std::make_shared<Impl>(std::move(client), std::move(options));
  return std::shared_ptr<PrometheusSource>(new PrometheusSource(std::move(impl)));
}

PrometheusSource::PrometheusSource(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
PrometheusSource::~PrometheusSource() = default;

void PrometheusSource::Update(PrometheusState state) {
  state.external = WithoutEmpty(state.external);
  std::lock_guard lock(impl_->mutex);
  impl_->state = std::move(state);
}

PrometheusState PrometheusSource::state() const { return impl_->Get(); }
bool PrometheusSource::sorts() const { return impl_->sorts.load(); }

Status PrometheusSource::CheckLabels(const CallContext& context) {
  const PrometheusState state = impl_->Get();
  MetadataQuery query;
  query.min_ms = std::max<int64_t>(state.min_ms, 0);
  query.max_ms = INT64_MAX;
  THANOS_ASSIGN_OR_RETURN(std::vector<std::string> names,
                          impl_->client->LabelNames(context, query));
  std::lock_guard lock(impl_->mutex);
  const bool meets = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return state.external.view().Find(name).has_value() || impl_->removed.contains(name);
  });
  impl_->sorts.store(meets);
  return OkStatus();
}

SourceInfo PrometheusSource::Info() const {
  const PrometheusState state = impl_->Get();
  SourceInfo info;
  info.name = impl_->options.name;
  info.label_sets = {state.external};
  info.min_ms = state.min_ms;
  info.max_ms = INT64_MAX;
  info.tsdbs = {{state.external, state.min_ms, INT64_MAX}};
  return info;
}

Result<std::unique_ptr<SeriesCursor>> PrometheusSource::Select(const CallContext& context,
                                                               const SelectRequest& request) {
  if (request.matchers.empty()) {
    return InvalidArgumentError("no matchers specified (excluding external labels)");
  }
  const PrometheusState state = impl_->Get();
  std::optional<std::vector<model::Matcher>> matchers =
      StripExternal(state.external, request.matchers);
  const int64_t min_ms = std::max(request.min_ms, state.min_ms);
  if (!matchers || min_ms > request.max_ms) return series::EmptyCursor();
  EnsureMatcher(&*matchers);
  if (request.skip_chunks) {
    const MetadataQuery query{std::move(*matchers), min_ms, request.max_ms, request.limit};
    THANOS_ASSIGN_OR_RETURN(std::vector<Labels> found, impl_->client->Series(context, query));
    LabelChange change(state.external, request.without_labels);
    std::vector<Labels> labels;
    for (const Labels& set : found) {
      std::string encoded;
      change.Apply(set, &encoded);
      Labels final_set = Labels::FromEncoded(std::move(encoded));
      if (request.shard && !series::InShard(*request.shard, final_set)) continue;
      labels.push_back(std::move(final_set));
    }
    std::sort(labels.begin(), labels.end());
    labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
    if (request.limit > 0 && labels.size() > request.limit) labels.resize(request.limit);
    return CursorOfLabels(context, labels, std::max<uint32_t>(request.batch_series, 1));
  }
  ReadPlan plan;
  plan.client = impl_->client;
  plan.query = {min_ms, request.max_ms, std::move(*matchers), std::nullopt};
  plan.external = state.external;
  plan.without = request.without_labels;
  plan.shard = request.shard;
  plan.limit = request.limit;
  plan.batch_series = std::max<uint32_t>(request.batch_series, 1);
  plan.window_bytes = request.window_bytes;
  impl_->Watch(state.external, request.without_labels);
  return std::make_unique<SelectCursor>(context, impl_, &impl_->pool, std::move(plan),
                                        impl_->sorts.load(), [impl = std::weak_ptr<Impl>(impl_)] {
                                          if (auto alive = impl.lock()) alive->MarkUnordered();
                                        });
}

Result<LabelsResult> PrometheusSource::LabelNames(const CallContext& context,
                                                  const LabelsRequest& request) {
  const PrometheusState state = impl_->Get();
  std::optional<std::vector<model::Matcher>> matchers =
      StripExternal(state.external, request.matchers);
  if (!matchers) return LabelsResult();
  const MetadataQuery query{std::move(*matchers), std::max(request.min_ms, state.min_ms),
                            request.max_ms, request.limit};
  std::set<std::string> names;
  if (query.matchers.empty() || state.labels_take_matchers) {
    THANOS_ASSIGN_OR_RETURN(std::vector<std::string> found,
                            impl_->client->LabelNames(context, query));
    names.insert(found.begin(), found.end());
  } else {
    THANOS_ASSIGN_OR_RETURN(std::vector<Labels> found, impl_->client->Series(context, query));
    for (const Labels& set : found) {
      for (const Label& label : set) names.emplace(label.name);
    }
  }
  if (names.empty()) return LabelsResult();
  for (const Label& label : state.external) names.emplace(label.name);
  for (const std::string& name : request.without_labels) names.erase(name);
  LabelsResult result{{names.begin(), names.end()}, {}, false};
  if (request.limit > 0 && result.values.size() > request.limit) {
    result.values.resize(request.limit);
  }
  return result;
}

Result<LabelsResult> PrometheusSource::LabelValues(const CallContext& context,
                                                   const std::string& name,
                                                   const LabelsRequest& request) {
  if (name.empty()) return InvalidArgumentError("label name parameter cannot be empty");
  if (Contains(request.without_labels, name)) return LabelsResult();
  const PrometheusState state = impl_->Get();
  std::optional<std::vector<model::Matcher>> matchers =
      StripExternal(state.external, request.matchers);
  if (!matchers) return LabelsResult();
  MetadataQuery query{std::move(*matchers), std::max(request.min_ms, state.min_ms), request.max_ms,
                      request.limit};
  const std::string_view external = state.external.Get(name);
  if (!external.empty()) {
    if (!query.matchers.empty()) {
      // The one value, if there is a series at all.
      query.limit = 1;
      THANOS_ASSIGN_OR_RETURN(std::vector<Labels> found, impl_->client->Series(context, query));
      if (found.empty()) return LabelsResult();
    }
    return LabelsResult{{std::string(external)}, {}, false};
  }
  std::set<std::string> values;
  if (query.matchers.empty() || state.labels_take_matchers) {
    THANOS_ASSIGN_OR_RETURN(std::vector<std::string> found,
                            impl_->client->LabelValues(context, name, query));
    values.insert(found.begin(), found.end());
  } else {
    query.limit = 0;
    THANOS_ASSIGN_OR_RETURN(std::vector<Labels> found, impl_->client->Series(context, query));
    for (const Labels& set : found) {
      if (const auto value = set.view().Find(name)) values.emplace(*value);
    }
  }
  LabelsResult result{{values.begin(), values.end()}, {}, false};
  if (request.limit > 0 && result.values.size() > request.limit) {
    result.values.resize(request.limit);
  }
  return result;
}

}  // namespace thanos::promclient
