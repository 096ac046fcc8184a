// Pages for browsers: escaped texts under one head, nothing on them is loaded or run.
#pragma once

#include <string>
#include <string_view>

#include "net/http_server.h"

namespace thanos::api {

/// For text between tags and in quoted attributes.
std::string EscapeHtml(std::string_view text);
/// A page of the title, which is escaped here, above the body, which is HTML already.
net::HttpResponse HtmlPage(std::string_view title, std::string_view body);

}  // namespace thanos::api
