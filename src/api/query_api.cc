#include "api/query_api.h"

#include "api/query_handlers.h"

namespace thanos::api {

Result<CallContext> QueryApiState::WithTenant(const CallContext& context,
                                              const net::HttpRequest& request) const {
  std::string tenant(request.headers.Get(options.tenant_header));
  if (tenant.empty()) tenant = std::string(request.headers.Get("THANOS-TENANT"));
  if (tenant.empty()) tenant = options.default_tenant;
  if (tenant.find('/') != std::string::npos || tenant == "." || tenant == "..") {
    return InvalidArgumentError("Tenant name not valid");
  }
  return context.WithTenant(std::move(tenant));
}

void AddQueryApi(ApiRoutes* routes, QueryApiOptions options, query::Driver* driver,
                 EndpointsFunction endpoints) {
  const StateRef state = std::make_shared<const QueryApiState>(
      QueryApiState{std::move(options), driver, std::move(endpoints)});
  // All of these run under the request's tenant.
  const auto with_state = [state](auto handler) -> net::HttpHandler {
    return [state, handler](const CallContext& context, const net::HttpRequest& request) {
      auto tenant = state->WithTenant(context, request);
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
  routes->Handle(both, "/labels", "label_names", with_state(HandleLabelNames));
  routes->Handle({"GET"}, "/label/:name/values", "label_values", with_state(HandleLabelValues));
  routes->Handle(both, "/series", "series", with_state(HandleSeries));
  routes->Handle({"GET"}, "/stores", "stores",
                 [state](const CallContext&, const net::HttpRequest&) {
                   return HandleStores(*state);
                 });
}

}  // namespace thanos::api
