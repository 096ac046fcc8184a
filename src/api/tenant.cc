#include "api/tenant.h"

namespace thanos::api {

Result<CallContext> WithTenant(const TenantOptions& options, const CallContext& context,
                               const net::HttpRequest& request) {
  std::string tenant(request.headers.Get(options.header));
  if (tenant.empty()) tenant = std::string(request.headers.Get("THANOS-TENANT"));
  if (tenant.empty()) tenant = options.default_tenant;
  if (tenant.find('/') != std::string::npos || tenant == "." || tenant == "..") {
    return InvalidArgumentError("Tenant name not valid");
  }
  return context.WithTenant(std::move(tenant));
}

}  // namespace thanos::api
