#include "fanout/fanout_source.h"

#include <algorithm>
#include <set>

#include "base/time_text.h"
#include "fanout/label_sets.h"
#include "model/matcher.h"
#include "series/filter.h"
#include "series/merge.h"
#include "thanos/trace.h"

namespace thanos::fanout {
namespace {

constexpr std::string_view kRepeatText = "series came out of order from ";

// One endpoint's stream in a fan-out: its error becomes a warning where partial answers are
// allowed, and gets the words that name the store.
class GuardedCursor : public SeriesCursor {
 public:
  GuardedCursor(const CallContext& context, std::unique_ptr<SeriesCursor> inner, SourceInfo info,
                PartialStrategy partial, metrics::Counter empty_streams)
      : context_(context),
        inner_(std::move(inner)),
        info_(std::move(info)),
        partial_(partial),
        empty_streams_(empty_streams) {}

  void Start() override { inner_->Start(); }

  Result<SeriesBatchRef> Next() override {
    if (ended_) return SeriesBatchRef();
    Result<SeriesBatchRef> batch = inner_->Next();
    Collect();
    if (batch.ok()) {
      if (*batch) {
        any_ = true;
      } else {
        Finish();
        if (!any_) empty_streams_.Add();
      }
      if (partial_ == PartialStrategy::kAbort && !warnings_.empty()) {
        return AbortedError(warnings_.front());
      }
      return batch;
    }
    const Status& status = batch.status();
    THANOS_RETURN_IF_ERROR(OwnFailure(context_, status));
    if (size_t input; series::IsUnsortedInput(status, &input)) return status;
    const bool never_opened = !any_ && status.code() == StatusCode::kUnavailable;
    std::string text = never_opened ? "fetch series for " + DescribeSource(info_, true)
                                    : "receive series from " + DescribeSource(info_, false);
    text += ": " + RpcErrorText(status);
    if (partial_ == PartialStrategy::kAbort) {
      return Status(never_opened ? status.code() : StatusCode::kAborted, std::move(text));
    }
    warnings_.push_back(std::move(text));
    Finish();
    end_.partial = true;
    return SeriesBatchRef();
  }

  Warnings TakeWarnings() override {
    Collect();
    return std::exchange(warnings_, {});
  }
  const SelectEnd& end() const override { return end_; }

 private:
  void Collect() {
    for (std::string& warning : inner_->TakeWarnings()) {
      warnings_.push_back(std::move(warning));
      warned_ = true;
    }
  }
  void Finish() {
    ended_ = true;
    end_ = inner_->end();
    end_.partial |= warned_;
  }

  CallContext context_;
  std::unique_ptr<SeriesCursor> inner_;
  SourceInfo info_;
  PartialStrategy partial_;
  metrics::Counter empty_streams_;
  Warnings warnings_;
  bool ended_ = false, any_ = false, warned_ = false;
  SelectEnd end_;
};

// The merge over all endpoints. When one of them proves to be out of order before anything was
// handed on, the select begins again with that one buffered and sorted.
class FanoutCursor : public SeriesCursor {
 public:
  FanoutCursor(const CallContext& context, SelectRequest request,
               std::vector<AskedEndpoint> endpoints, Warnings absent,
               metrics::Counter empty_streams)
      : span_(context, "querier_select"),
        context_(span_.Enter(context).WithCancel()),
        request_(std::move(request)),
        endpoints_(std::move(endpoints)),
        empty_streams_(empty_streams),
        kept_(std::move(absent)),
        incomplete_(!kept_.empty()) {}
  ~FanoutCursor() override { context_.Cancel(); }

  void Start() override {
    if (merge_) return;
    Open();
    merge_->Start();
  }

  Result<SeriesBatchRef> Next() override {
    Start();
    for (;;) {
      Result<SeriesBatchRef> batch = merge_->Next();
      size_t input = 0;
      if (batch.ok() || !series::IsUnsortedInput(batch.status(), &input)) {
        any_ |= batch.ok() && *batch != nullptr;
        end_ = merge_->end();
        end_.partial |= incomplete_;
        return batch;
      }
      endpoints_[input].endpoint->MarkUnsorted();
      if (any_) {
        return AbortedError(std::string(kRepeatText) + endpoints_[input].endpoint->address() +
                            "; it is sorted here from now on, the request may be repeated");
      }
      for (std::string& warning : merge_->TakeWarnings()) kept_.push_back(std::move(warning));
      Open();
      merge_->Start();
    }
  }

  Warnings TakeWarnings() override {
    Warnings all = std::exchange(kept_, {});
    if (merge_) {
      for (std::string& warning : merge_->TakeWarnings()) all.push_back(std::move(warning));
    }
    return all;
  }
  const SelectEnd& end() const override { return end_; }

 private:
  void Open() {
    std::vector<std::unique_ptr<SeriesCursor>> inputs;
    for (const AskedEndpoint& asked : endpoints_) inputs.push_back(OpenOne(asked));
    merge_ = series::MergeCursors(
        context_, std::move(inputs),
        {.batch_series = std::max<uint32_t>(request_.batch_series, 1), .limit = request_.limit});
  }

  std::unique_ptr<SeriesCursor> OpenOne(const AskedEndpoint& asked) {
    Endpoint& endpoint = *asked.endpoint;
    SourceInfo info = endpoint.Info();
    SelectRequest request = request_;
    request.matchers.insert(request.matchers.end(), asked.matchers.begin(), asked.matchers.end());
    const bool strip = !info.supports_without_labels && !request.without_labels.empty();
    if (strip) request.without_labels.clear();
    const bool shard = request.shard.has_value() && !info.supports_sharding;
    if (shard) request.shard.reset();
    // Never refused: it does nothing before Start().
    std::unique_ptr<SeriesCursor> cursor = *endpoint.Select(context_, request);
    if (strip || endpoint.sends_unsorted()) {
      cursor = series::SortBuffered(context_, std::move(cursor),
                                    strip ? request_.without_labels : std::vector<std::string>{},
                                    request_.batch_series);
    }
    if (shard) cursor = series::FilterShard(std::move(cursor), *request_.shard);
    return std::make_unique<GuardedCursor>(context_, std::move(cursor), std::move(info),
                                           request_.partial, empty_streams_);
  }

  Span span_;
  CallContext context_;
  SelectRequest request_;
  std::vector<AskedEndpoint> endpoints_;
  metrics::Counter empty_streams_;
  std::unique_ptr<SeriesCursor> merge_;
  Warnings kept_;
  const bool incomplete_;
  bool any_ = false;
  SelectEnd end_;
};

bool AddressMatches(const std::string& address,
                    const std::vector<std::vector<model::Matcher>>& store_match) {
  if (store_match.empty()) return true;
  return std::any_of(store_match.begin(), store_match.end(), [&](const auto& matchers) {
    return std::all_of(matchers.begin(), matchers.end(), [&](const model::Matcher& matcher) {
      return matcher.name() != "__address__" || matcher.Matches(address);
    });
  });
}

}  // namespace

FanoutSource::FanoutSource(FanoutOptions options, Endpoints endpoints, metrics::Registry* registry)
    : options_(std::move(options)),
      endpoints_(std::move(endpoints)),
      empty_streams_(
          registry->AddCounter("thanos_proxy_store_empty_stream_responses_total",
                               "Total number of empty responses received from stores.")) {}

SourceInfo FanoutSource::Info() const {
  SourceInfo info;
  info.name = options_.component;
  bool any = false;
  std::set<Labels> sets;
  for (const auto& endpoint : endpoints_()) {
    if (!endpoint->queryable()) continue;
    SourceInfo one = endpoint->Info();
    auto selected = options_.tsdb_selector.Choose(one.label_sets);
    if (!selected) continue;
    one.label_sets = std::move(selected->kept);
    std::erase_if(one.tsdbs, [&](const TsdbInfo& tsdb) {
      return !options_.tsdb_selector.Choose({tsdb.labels}).has_value();
    });
    info.min_ms = any ? std::min(info.min_ms, one.min_ms) : one.min_ms;
    info.max_ms = any ? std::max(info.max_ms, one.max_ms) : one.max_ms;
    any = true;
    for (const Labels& labels : one.label_sets) {
      LabelsBuilder builder(labels);
      for (const Label& label : options_.selector_labels) builder.Set(label.name, label.value);
      sets.insert(builder.Build());
    }
    info.tsdbs.insert(info.tsdbs.end(), one.tsdbs.begin(), one.tsdbs.end());
    if (!one.tsdbs.empty()) continue;
    // Whoever asks must not take what we know of for all there is.
    for (const Labels& labels : one.label_sets) {
      info.tsdbs.push_back({labels, one.min_ms, one.max_ms});
    }
    if (one.label_sets.empty()) info.tsdbs.push_back({Labels(), one.min_ms, one.max_ms});
  }
  if (sets.empty() && !options_.selector_labels.empty()) sets.insert(options_.selector_labels);
  info.label_sets.assign(sets.begin(), sets.end());
  return info;
}

FanoutSource::Choice FanoutSource::Choose(
    const std::vector<model::Matcher>& matchers, int64_t min_ms, int64_t max_ms,
    const std::vector<std::vector<model::Matcher>>& store_match) const {
  Choice choice;
  for (const auto& endpoint : endpoints_()) {
    const bool absent = endpoint->absent();
    if (!absent && !endpoint->queryable()) continue;
    const SourceInfo info = endpoint->Info();
    if (min_ms > info.max_ms || max_ms < info.min_ms) continue;
    if (!AddressMatches(endpoint->address(), store_match)) continue;
    auto selected = options_.tsdb_selector.Choose(info.label_sets);
    if (!selected || !AnySetMatches(selected->kept, matchers)) continue;
    if (absent) {
      choice.absent.push_back("not asked, since it is unhealthy: " + DescribeSource(info, true) +
                              ": " + endpoint->state()->last_error);
    } else {
      choice.asked.push_back({endpoint, std::move(selected->matchers)});
    }
  }
  return choice;
}

Result<std::unique_ptr<SeriesCursor>> FanoutSource::Select(const CallContext& context,
                                                           const SelectRequest& request) {
  SelectRequest inner = request;
  inner.matchers.clear();
  if (!StripSelectorLabels(options_.selector_labels, request.matchers, &inner.matchers))
    return series::EmptyCursor();
  if (inner.matchers.empty()) {
    return InvalidArgumentError("no matchers specified (excluding selector labels)");
  }
  if (request.partial == PartialStrategy::kAbort && endpoints_().empty()) {
    return UnknownError("No StoreAPIs available");
  }
  inner.store_match.clear();
  inner.hints_any.clear();
  Choice choice = Choose(inner.matchers, request.min_ms, request.max_ms, request.store_match);
  if (request.partial == PartialStrategy::kAbort) choice.absent.clear();
  if (choice.asked.empty() && choice.absent.empty()) return series::EmptyCursor();
  return std::unique_ptr<SeriesCursor>(
      std::make_unique<FanoutCursor>(context, std::move(inner), std::move(choice.asked),
                                     std::move(choice.absent), empty_streams_));
}

// All are asked at once, from this thread: many that hang cost one timeout.
Result<LabelsResult> FanoutSource::AskAll(const CallContext& context, const LabelsRequest& request,
                                          std::string_view what, const Begin& begin) {
  LabelsRequest inner = request;
  inner.matchers.clear();
  inner.store_match.clear();
  LabelsResult all;
  if (!StripSelectorLabels(options_.selector_labels, request.matchers, &inner.matchers)) return all;
  Choice choice = Choose(inner.matchers, request.min_ms, request.max_ms, request.store_match);
  if (request.partial == PartialStrategy::kWarn) all.warnings = std::move(choice.absent);
  all.partial = !all.warnings.empty();
  const Span span(context, what == "label names" ? "querier_label_names" : "querier_label_values");
  const CallContext call = span.Enter(context).WithCancel();
  std::vector<rpc::PendingAnswer<LabelsResult>> pending;
  for (const AskedEndpoint& asked : choice.asked) {
    LabelsRequest own = inner;
    own.matchers.insert(own.matchers.end(), asked.matchers.begin(), asked.matchers.end());
    pending.push_back(begin(*asked.endpoint, call, own));
  }
  std::set<std::string> values;
  for (size_t i = 0; i < pending.size(); ++i) {
    Result<LabelsResult> one = pending[i].Await();
    if (!one.ok()) {
      THANOS_RETURN_IF_ERROR(OwnFailure(context, one.status()));
      std::string text = "fetch " + std::string(what) + " from store " +
                         DescribeSource(choice.asked[i].endpoint->Info(), false) + ": " +
                         RpcErrorText(one.status());
      if (request.partial == PartialStrategy::kAbort) {
        return Status(one.status().code(), std::move(text));
      }
      all.warnings.push_back(std::move(text));
      all.partial = true;
      continue;
    }
    values.insert(one->values.begin(), one->values.end());
    for (std::string& warning : one->warnings) all.warnings.push_back(std::move(warning));
    all.partial |= one->partial;
  }
  for (const std::string& value : values) {
    if (request.limit != 0 && all.values.size() >= request.limit) break;
    all.values.push_back(value);
  }
  return all;
}

Result<LabelsResult> FanoutSource::LabelNames(const CallContext& context,
                                              const LabelsRequest& request) {
  LabelsRequest unlimited = request;
  unlimited.limit = 0;  // A peer's cut would hide names that others do not have.
  THANOS_ASSIGN_OR_RETURN(
      LabelsResult result,
      AskAll(context, unlimited, "label names",
             [](Endpoint& endpoint, const CallContext& call, const LabelsRequest& inner) {
               return endpoint.channel().BeginLabelNames(call, inner, endpoint.response_timeout());
             }));
  for (const Label& label : options_.selector_labels) {
    const auto at = std::lower_bound(result.values.begin(), result.values.end(), label.name);
    if (at == result.values.end() || *at != label.name) {
      result.values.insert(at, std::string(label.name));
    }
  }
  if (request.limit != 0 && result.values.size() > request.limit) {
    result.values.resize(request.limit);
  }
  return result;
}

Result<LabelsResult> FanoutSource::LabelValues(const CallContext& context, const std::string& name,
                                               const LabelsRequest& request) {
  return AskAll(context, request, "label values",
                [&](Endpoint& endpoint, const CallContext& call, const LabelsRequest& inner) {
                  return endpoint.channel().BeginLabelValues(call, name, inner,
                                                             endpoint.response_timeout());
                });
}

bool IsWorthRepeating(const Status& status) {
  return status.code() == StatusCode::kAborted && status.message().starts_with(kRepeatText);
}

}  // namespace thanos::fanout
