// Where a browser finds the pages of a role.
#pragma once

#include <string>
#include <string_view>

#include "net/http_server.h"

namespace thanos::ui {

struct PrefixOptions {
  std::string route;     // "/thanos", where the pages are served; "" is the root.
  std::string external;  // What links and redirects begin with; "" for `route`.
  std::string header;    // A request header that says it instead; "" is none.
};

/// Whether a prefix from outside may go into pages and redirects: "" or "/part/part", of letters,
/// digits and "-._~", no part being "." or "..". So it names neither a host nor a scheme.
bool IsPlainPrefix(std::string_view prefix);

/// What links of the answer to this request begin with, without a final slash. A header whose
/// value is no plain prefix is not believed.
std::string LinkPrefix(const PrefixOptions& options, const net::HttpRequest& request);

}  // namespace thanos::ui
