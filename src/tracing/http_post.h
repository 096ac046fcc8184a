// Sending spans by POST, whatever their encoding.
#pragma once

#include <string>

#include "net/http_client.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::tracing {

/// The body of a 2xx answer. kUnavailable for statuses that ask to try again, kInvalidArgument for
/// others, with the first bytes of the collector's text.
Result<std::string> PostSpans(net::HttpClient& client, const CallContext& context,
                              net::ClientRequest request);

}  // namespace thanos::tracing
