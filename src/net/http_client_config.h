// The YAML of HTTP clients (--prometheus.http-client): credentials, TLS, connections. common.md
// §4.2.
#pragma once

#include <string_view>

#include "net/http_client.h"
#include "thanos/status.h"

namespace thanos::net {

/// Sets what the YAML says in `*options`; the rest keeps its defaults. Unknown keys are left out,
/// as in the original. kInvalidArgument names the line and the key.
Status ReadHttpClientConfig(std::string_view yaml, HttpClientOptions* options);

}  // namespace thanos::net
