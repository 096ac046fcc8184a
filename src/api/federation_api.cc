#include "api/federation_api.h"

#include <algorithm>
#include <memory>

#include "api/federation_json.h"
#include "base/number_text.h"
#include "fanout/federation_merge.h"
#include "promapi/params.h"

namespace thanos::api {
namespace {

using net::HttpRequest;
using net::HttpResponse;
using promapi::ErrorKind;

struct FederationState {
  FederationApiOptions options;
  fanout::Federation* federation;
};

PartialStrategy StrategyOf(bool partial) {
  return partial ? PartialStrategy::kWarn : PartialStrategy::kAbort;
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return upper;
}

// `what` stands in front: "retrieving targets: proxy Targets".
HttpResponse AnswerError(std::string_view what, const Status& status) {
  if (status.code() == StatusCode::kCancelled) {
    return Failure(ErrorKind::kCanceled, status.message());
  }
  std::string text(what);
  return Failure(ErrorKind::kInternal, text.append(": ").append(status.message()));
}

// All rules that the request asks for, filtered and deduplicated.
Result<wire::RulesResponse> AskRules(const FederationState& state, const CallContext& context,
                                     const wire::RulesRequest& request,
                                     const std::vector<model::Matchers>& selectors) {
  THANOS_ASSIGN_OR_RETURN(wire::RulesResponse rules, state.federation->Rules(context, request));
  fanout::FilterRules(selectors, &rules.groups);
  fanout::FilterRules(request, &rules.groups);
  fanout::DedupRules(state.options.replica_labels, &rules.groups);
  return rules;
}

constexpr char kRulesError[] = "error retrieving rules: proxy Rules";

HttpResponse HandleRules(const FederationState& state, const CallContext& context,
                         const HttpRequest& http) {
  wire::RulesRequest request;
  const std::string_view type = http.query.Get("type");
  if (const std::string upper = Upper(type); upper == "ALERT") {
    request.type = wire::RulesType::kAlert;
  } else if (upper == "RECORD") {
    request.type = wire::RulesType::kRecord;
  } else if (!upper.empty() && upper != "ALL") {
    return Failure(ErrorKind::kBadData, "invalid rules parameter type='" + std::string(type) + "'");
  }
  if (!http.form_error.ok()) {
    return Failure(ErrorKind::kInternal, "error parsing request form='match[]'");
  }
  request.partial = StrategyOf(state.options.rules_partial);
  request.matcher_strings = http.form.GetAll("match[]");
  request.rule_names = http.form.GetAll("rule_name[]");
  request.rule_groups = http.form.GetAll("rule_group[]");
  request.files = http.form.GetAll("file[]");
  auto selectors = SelectorParams(http, "match[]");
  if (!selectors.ok()) {
    return AnswerError("error retrieving rules: parser ParseMetricSelector", selectors.status());
  }
  auto rules = AskRules(state, context, request, *selectors);
  if (!rules.ok()) return AnswerError(kRulesError, rules.status());
  return Success(RulesJson(*rules), rules->warnings);
}

HttpResponse HandleAlerts(const FederationState& state, const CallContext& context,
                          const HttpRequest&) {
  wire::RulesRequest request;
  request.type = wire::RulesType::kAlert;
  request.partial = StrategyOf(state.options.rules_partial);
  auto rules = AskRules(state, context, request, {});
  if (!rules.ok()) return AnswerError(kRulesError, rules.status());
  return Success(AlertsJson(*rules), rules->warnings);
}

HttpResponse HandleTargets(const FederationState& state, const CallContext& context,
                           const HttpRequest& http) {
  wire::TargetsRequest request;
  const std::string_view text = http.query.Get("state");
  if (const std::string upper = Upper(text); upper == "ACTIVE") {
    request.state = wire::TargetsState::kActive;
  } else if (upper == "DROPPED") {
    request.state = wire::TargetsState::kDropped;
  } else if (!upper.empty() && upper != "ANY") {
    return Failure(ErrorKind::kBadData,
                   "invalid targets parameter state='" + std::string(text) + "'");
  }
  request.partial = StrategyOf(state.options.targets_partial);
  auto targets = state.federation->Targets(context, request);
  if (!targets.ok()) return AnswerError("retrieving targets: proxy Targets", targets.status());
  fanout::DedupTargets(state.options.replica_labels, &*targets);
  return Success(TargetsJson(*targets), targets->warnings);
}

HttpResponse HandleMetadata(const FederationState& state, const CallContext& context,
                            const HttpRequest& http) {
  wire::MetadataRequest request;
  request.metric = std::string(http.query.Get("metric"));
  if (const std::string_view text = http.query.Get("limit"); !text.empty()) {
    const auto limit = base::ParseGoInt(text);
    if (!limit.ok() || *limit < INT32_MIN || *limit > INT32_MAX) {
      return Failure(ErrorKind::kBadData, "invalid metric metadata limit='0'");
    }
    request.limit = static_cast<int32_t>(*limit);
  }
  request.partial = StrategyOf(state.options.metadata_partial);
  auto metadata = state.federation->MetricMetadata(context, request);
  if (!metadata.ok()) {
    return AnswerError("retrieving metadata: proxy MetricMetadata", metadata.status());
  }
  return Success(MetadataJson(*metadata), metadata->warnings);
}

HttpResponse HandleExemplars(const FederationState& state, const CallContext& context,
                             const HttpRequest& http) {
  wire::ExemplarsRequest request;
  const std::pair<const char*, int64_t> times[] = {{"start", kMinTimeMs}, {"end", kMaxTimeMs}};
  for (const auto& [name, fallback] : times) {
    const auto ms = TimeParam(http, name, fallback);
    if (!ms.ok()) {
      return Failure(ErrorKind::kBadData, "Invalid time value for '" + std::string(name) +
                                              "': " + std::string(ms.status().message()));
    }
    (name[0] == 's' ? request.min_ms : request.max_ms) = *ms;
  }
  request.query = std::string(http.form.Get("query"));
  request.partial = StrategyOf(state.options.exemplars_partial);
  auto exemplars = state.federation->Exemplars(context, request);
  if (!exemplars.ok()) {
    return AnswerError("retrieving exemplars: proxy Exemplars", exemplars.status());
  }
  fanout::DedupExemplars(state.options.replica_labels, &exemplars->data);
  return Success(ExemplarsJson(*exemplars), exemplars->warnings);
}

HttpResponse HandleTsdbStatus(const FederationState& state, const CallContext& context,
                              const HttpRequest& http) {
  constexpr char kError[] = "retrieving tsdb statistics";
  if (!http.form_error.ok()) return AnswerError("parse form", http.form_error);
  const auto limit = promapi::ParseLimitParam(http.form.Get("limit"));
  if (!limit.ok()) return Failure(ErrorKind::kBadData, limit.status().message());
  if (*limit > INT32_MAX) {
    return Failure(ErrorKind::kBadData, "limit " + std::to_string(*limit) + " overflows int32");
  }
  wire::TsdbStatisticsRequest request;
  if (*limit > 0) request.limit = static_cast<int32_t>(*limit);
  request.partial = StrategyOf(state.options.status_partial);
  const auto selectors = SelectorParams(http, "match[]");
  if (!selectors.ok()) return Failure(ErrorKind::kBadData, selectors.status().message());
  for (const model::Matchers& matchers : *selectors) {
    request.matchers.insert(request.matchers.end(), matchers.begin(), matchers.end());
  }
  const TenantOptions& tenant = state.options.tenant;
  if (tenant.enforce) {
    request.matchers.push_back(model::Matcher::Equal(tenant.label, context.tenant()));
  }
  auto answer = state.federation->TsdbStatistics(context, request);
  if (!answer.ok()) {
    return AnswerError(std::string(kError) + ": proxy TSDBStatistics", answer.status());
  }
  wire::TsdbStatistics all;
  for (const auto& [name, statistics] : answer->by_tenant) {
    if (!tenant.enforce || name == context.tenant()) wire::Merge(statistics, &all);
  }
  if (tenant.enforce && !answer->by_tenant.contains(context.tenant())) {
    return AnswerError(kError, NotFoundError(context.tenant() + " tenant not found"));
  }
  return Success(TsdbStatisticsJson(all, static_cast<size_t>(request.limit)), answer->warnings);
}

}  // namespace

void AddFederationApi(ApiRoutes* routes, FederationApiOptions options,
                      fanout::Federation* federation) {
  const auto state =
      std::make_shared<const FederationState>(FederationState{std::move(options), federation});
  const auto with_state = [state](auto handler) -> net::HttpHandler {
    return [state, handler](const CallContext& context, const HttpRequest& request) {
      auto tenant = WithTenant(state->options.tenant, context, request);
      if (!tenant.ok()) return Failure(ErrorKind::kBadData, tenant.status().message());
      const auto& with_budget = state->options.with_budget;
      return handler(*state, with_budget ? with_budget(*tenant) : *tenant, request);
    };
  };
  routes->Handle({"GET"}, "/rules", "rules", with_state(HandleRules));
  routes->Handle({"GET"}, "/alerts", "alerts", with_state(HandleAlerts));
  routes->Handle({"GET"}, "/targets", "targets", with_state(HandleTargets));
  routes->Handle({"GET"}, "/metadata", "metadata", with_state(HandleMetadata));
  routes->Handle({"GET", "POST"}, "/query_exemplars", "exemplars", with_state(HandleExemplars));
  routes->Handle({"GET"}, "/status/tsdb", "status_tsdb", with_state(HandleTsdbStatus));
}

}  // namespace thanos::api
