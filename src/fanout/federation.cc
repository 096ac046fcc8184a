#include "fanout/federation.h"

#include <algorithm>

#include "fanout/federation_merge.h"
#include "fanout/label_sets.h"

namespace thanos::fanout {
namespace {

template <typename T>
void MoveInto(std::vector<T> from, std::vector<T>* into) {
  std::move(from.begin(), from.end(), std::back_inserter(*into));
}

void AddWarning(std::string warning, Warnings* warnings) {
  if (std::find(warnings->begin(), warnings->end(), warning) == warnings->end()) {
    warnings->push_back(std::move(warning));
  }
}

// The query for one peer: its selectors without the matchers that only its external labels meet,
// joined by an operator, since it is read for its selectors alone. "" when none of them can match.
std::string ExemplarQuery(const std::vector<model::Matchers>& selectors, const Endpoint& endpoint) {
  const auto state = endpoint.state();
  const std::vector<Labels>& sets = state->info.label_sets;
  const bool is_querier = state->info.component == "query";  // Chooses by these labels itself.
  const auto external = [&](const std::string& name) {
    return std::any_of(sets.begin(), sets.end(),
                       [&](const Labels& set) { return !set.Get(name).empty(); });
  };
  std::string query;
  for (const model::Matchers& matchers : selectors) {
    if (!AnySetMatches(sets, matchers)) continue;
    model::Matchers kept;
    for (const model::Matcher& matcher : matchers) {
      if (is_querier || !external(matcher.name())) kept.push_back(matcher);
    }
    // A selector needs a matcher that does not match everything.
    if (kept.empty()) kept.push_back(model::Matcher::NotEqual(std::string(kMetricName), ""));
    query += (query.empty() ? "" : "+") + model::ToString(kept);
  }
  return query;
}

}  // namespace

Federation::Federation(FederationOptions options, Endpoints endpoints)
    : options_(std::move(options)), endpoints_(std::move(endpoints)) {}

template <typename Request>
Federation::Calls<Request> Federation::ForAll(Api api, const Request& request) const {
  Calls<Request> calls;
  for (auto& endpoint : endpoints_()) {
    if (endpoint->queryable(api)) calls.emplace_back(std::move(endpoint), request);
  }
  return calls;
}

template <typename Response, typename Request, typename Take>
Result<Response> Federation::AskAll(const CallContext& context, std::string_view what,
                                    const Calls<Request>& calls, const Take& take) const {
  // Going away, it ends what is still under way.
  const CallContext call = context.WithCancel().WithTimeout(options_.call_timeout);
  std::vector<rpc::PendingAnswer<Response>> pending;
  for (const auto& [endpoint, request] : calls) {
    pending.push_back(endpoint->channel().Begin(call, request, options_.response_timeout));
  }
  Response all;
  for (size_t i = 0; i < calls.size(); ++i) {
    Result<Response> answer = pending[i].Await();
    if (answer.ok()) {
      for (std::string& warning : answer->warnings) AddWarning(std::move(warning), &all.warnings);
      take(*std::move(answer), &all);
      continue;
    }
    THANOS_RETURN_IF_ERROR(OwnFailure(context, answer.status()));
    std::string text = "receiving " + std::string(what) + " client " + calls[i].first->address() +
                       ": " + RpcErrorText(answer.status());
    if (calls[i].second.partial == PartialStrategy::kAbort) {
      return Status(answer.status().code(), std::move(text));
    }
    AddWarning(std::move(text), &all.warnings);
  }
  return all;
}

Result<wire::RulesResponse> Federation::Rules(const CallContext& context,
                                              const wire::RulesRequest& request) {
  return AskAll<wire::RulesResponse>(context, "rules from rules", ForAll(Api::kRules, request),
                                     [](wire::RulesResponse one, wire::RulesResponse* all) {
                                       MoveInto(std::move(one.groups), &all->groups);
                                     });
}

Result<wire::TargetsResponse> Federation::Targets(const CallContext& context,
                                                  const wire::TargetsRequest& request) {
  return AskAll<wire::TargetsResponse>(context, "targets from targets",
                                       ForAll(Api::kTargets, request),
                                       [](wire::TargetsResponse one, wire::TargetsResponse* all) {
                                         MoveInto(std::move(one.active), &all->active);
                                         MoveInto(std::move(one.dropped), &all->dropped);
                                       });
}

Result<wire::MetadataResponse> Federation::MetricMetadata(const CallContext& context,
                                                          const wire::MetadataRequest& request) {
  THANOS_ASSIGN_OR_RETURN(
      wire::MetadataResponse all,
      AskAll<wire::MetadataResponse>(context, "metric metadata from metadata",
                                     ForAll(Api::kMetadata, request), MergeMetadata));
  LimitMetadata(request.limit, &all);
  return all;
}

Result<wire::ExemplarsResponse> Federation::Exemplars(const CallContext& context,
                                                      const wire::ExemplarsRequest& request) {
  THANOS_ASSIGN_OR_RETURN(const std::vector<model::Matchers> written,
                          options_.selectors_of(request.query));
  std::vector<model::Matchers> selectors;
  bool only_selector_labels = written.empty();
  for (const model::Matchers& matchers : written) {
    model::Matchers rest;
    if (!StripSelectorLabels(options_.selector_labels, matchers, &rest)) continue;
    only_selector_labels |= rest.empty();
    if (!rest.empty()) selectors.push_back(std::move(rest));
  }
  if (only_selector_labels && selectors.empty()) {
    return InvalidArgumentError("no matchers specified (excluding external labels)");
  }
  Calls<wire::ExemplarsRequest> calls = ForAll(Api::kExemplars, request);
  for (auto& [endpoint, one] : calls) one.query = ExemplarQuery(selectors, *endpoint);
  std::erase_if(calls, [](const auto& call) { return call.second.query.empty(); });
  return AskAll<wire::ExemplarsResponse>(
      context, "exemplars from exemplars", calls,
      [](wire::ExemplarsResponse one, wire::ExemplarsResponse* all) {
        MoveInto(std::move(one.data), &all->data);
      });
}

Result<wire::TsdbStatisticsResponse> Federation::TsdbStatistics(
    const CallContext& context, const wire::TsdbStatisticsRequest& request) {
  return AskAll<wire::TsdbStatisticsResponse>(
      context, "tsdb statistics from status", ForAll(Api::kStatus, request),
      [](wire::TsdbStatisticsResponse one, wire::TsdbStatisticsResponse* all) {
        for (auto& [tenant, statistics] : one.by_tenant) {
          wire::Merge(statistics, &all->by_tenant[tenant]);
        }
      });
}

}  // namespace thanos::fanout
