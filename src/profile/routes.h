// /debug/pprof/: profiles of this process on demand.
#pragma once

#include "net/http_server.h"

namespace thanos::profile {

/// /debug/pprof/profile?seconds=30 and /debug/pprof/heap?seconds=30 (1 to 300). Not `open`: all of
/// them are 403, with the flag that opens them.
void AddProfileRoutes(net::HttpServer* server, bool open);

}  // namespace thanos::profile
