// Whose a request is.
#pragma once

#include <string>

#include "net/http_server.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::api {

struct TenantOptions {
  std::string header = "THANOS-TENANT";
  std::string default_tenant = "default-tenant";
  /// Of the client's certificate, instead of the header: "organization", "organizationalUnit",
  /// "commonName"; "" for the header.
  std::string certificate_field;
  /// Every selector must be of the tenant: `label="tenant"` is added to it.
  bool enforce = false;
  std::string label = "tenant_id";
};

/// The tenant of the request's header or certificate. kInvalidArgument for a name that could be a
/// path of several parts, and when the certificate lacks what is asked of it.
Result<std::string> TenantOf(const TenantOptions& options, const net::HttpRequest& request);

/// The request's context with that tenant.
Result<CallContext> WithTenant(const TenantOptions& options, const CallContext& context,
                               const net::HttpRequest& request);

}  // namespace thanos::api
