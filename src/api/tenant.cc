#include "api/tenant.h"

namespace thanos::api {

namespace {

Result<std::string> TenantOfCertificate(const std::string& field, const net::PeerSubject* peer) {
  if (peer == nullptr) {
    return InvalidArgumentError("could not get required certificate field from client cert");
  }
  const std::string& value = field == "organization"         ? peer->organization
                             : field == "organizationalUnit" ? peer->organizational_unit
                                                             : peer->common_name;
  if (value.empty()) {
    return InvalidArgumentError("could not get " + field + " field from client cert");
  }
  return value;
}

}  // namespace

Result<std::string> TenantOf(const TenantOptions& options, const net::HttpRequest& request) {
  std::string tenant(request.headers.Get(options.header));
  if (tenant.empty()) tenant = std::string(request.headers.Get("THANOS-TENANT"));
  if (tenant.empty()) tenant = options.default_tenant;
  if (!options.certificate_field.empty()) {
    THANOS_ASSIGN_OR_RETURN(tenant,
                            TenantOfCertificate(options.certificate_field, request.peer.get()));
  }
  if (tenant.find('/') != std::string::npos || tenant == "." || tenant == "..") {
    return InvalidArgumentError("Tenant name not valid");
  }
  return tenant;
}

Result<CallContext> WithTenant(const TenantOptions& options, const CallContext& context,
                               const net::HttpRequest& request) {
  THANOS_ASSIGN_OR_RETURN(std::string tenant, TenantOf(options, request));
  return context.WithTenant(std::move(tenant));
}

}  // namespace thanos::api
