// The page that a browser gets at the root of a role.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "net/http_server.h"

namespace thanos::api {

struct LandingPageOptions {
  std::string role;             // "query"
  std::string route_prefix;     // "/thanos", where the pages are served; "" is the root.
  std::string external_prefix;  // What links and redirects begin with, "" for route_prefix.
  std::string prefix_header;    // A request header that says it instead; "" is none.
  std::string page;             // "/graph": where "/" leads; "" is the route prefix itself.
  std::vector<std::pair<std::string, std::string>>
      links;  // Path below the prefix, and what is there.
};

/// `/` and the route prefix lead to the page, which names the role, its version and its links.
void AddLandingPage(net::HttpServer* server, LandingPageOptions options);

}  // namespace thanos::api
