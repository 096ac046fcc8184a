#include "api/query_api.h"

#include "api/query_handlers.h"

namespace thanos::api {

std::optional<query::LabelBinding> QueryApiState::BindingOf(const CallContext& context) const {
  if (!options.tenant.enforce) return std::nullopt;
  return query::LabelBinding{options.tenant.label, context.tenant()};
}

std::shared_ptr<SeriesSource> QueryApiState::SourceOf(const CallContext& context) const {
  SeriesSource& source = driver->source();
  if (auto binding = BindingOf(context)) return query::BindSource(&source, *std::move(binding));
  return {std::shared_ptr<void>(), &source};  // Not owned: the driver outlives the server.
}

void AddQueryApi(ApiRoutes* routes, QueryApiOptions options, query::Driver* driver,
                 EndpointsFunction endpoints, metrics::Registry* registry) {
  constexpr double kHour = 3600, kDay = 24 * kHour;
  const QueryTelemetry telemetry = options.telemetry;
  const StateRef state = std::make_shared<const QueryApiState>(QueryApiState{
      std::move(options), driver, std::move(endpoints),
      registry->AddHistogram("thanos_query_range_requested_timespan_duration_seconds",
                             "A histogram of the query range window in seconds",
                             {15 * 60, 30 * 60, kHour, 6 * kHour, 12 * kHour, kDay, 2 * kDay,
                              7 * kDay, 30 * kDay, 90 * kDay, 180 * kDay, 365 * kDay}),
      registry->AddHistogramFamily("thanos_store_api_query_duration_seconds",
                                   "Duration of the Thanos Store API select phase for a query.",
                                   telemetry.duration_bounds)});
  // All of these run under the request's tenant.
  const auto with_state = [state](auto handler) -> net::HttpHandler {
    return [state, handler](const CallContext& context, const net::HttpRequest& request) {
      auto tenant = WithTenant(state->options.tenant, context, request);
      if (!tenant.ok()) return Failure(promapi::ErrorKind::kBadData, tenant.status().message());
      return handler(*state, *tenant, request);
    };
  };
  const std::vector<std::string> both = {"GET", "POST"};
  routes->Handle(both, "/query", "query", with_state(HandleInstantQuery));
  routes->Handle(both, "/query_range", "query_range", with_state(HandleRangeQuery));
  routes->Handle(both, "/query_explain", "query_explain",
                 [state](const CallContext&, const net::HttpRequest& request) {
                   return HandleExplain(*state, request, false);
                 });
  routes->Handle(both, "/query_range_explain", "query_range_explain",
                 [state](const CallContext&, const net::HttpRequest& request) {
                   return HandleExplain(*state, request, true);
                 });
  routes->Handle(both, "/format_query", "format_query",
                 [](const CallContext&, const net::HttpRequest& request) {
                   return HandleFormatQuery(request);
                 });
  routes->Handle(both, "/parse_query", "parse_query",
                 [](const CallContext&, const net::HttpRequest& request) {
                   return HandleParseQuery(request);
                 });
  routes->Handle(both, "/labels", "label_names", with_state(HandleLabelNames));
  routes->Handle({"GET"}, "/label/:name/values", "label_values", with_state(HandleLabelValues));
  routes->Handle(both, "/series", "series", with_state(HandleSeries));
  routes->Handle(
      {"GET"}, "/stores", "stores",
      [state](const CallContext&, const net::HttpRequest&) { return HandleStores(*state); });
}

}  // namespace thanos::api
