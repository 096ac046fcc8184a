// The web UI of a role: one page for every address that it knows, its files, its configuration.
#pragma once

#include <string>
#include <string_view>

#include "base/log.h"
#include "net/http_server.h"
#include "ui/prefix.h"
#include "ui/ui_config.h"

namespace thanos::ui {

struct UiOptions {
  PrefixOptions prefix;
  std::string home;  // "/graph": where "/" leads.
  UiConfig config;
  base::Logger logger;
};

/// Adds, below the route prefix: the addresses of all pages of Thanos and Prometheus, which all
/// answer with the same small page; `/static/*`; `/api/v1/ui/config`. `/` and the prefix lead to
/// `home`. In a build without the UI the pages are 404 and say so.
void AddUi(net::HttpServer* server, UiOptions options);

/// What keeps a page from running, loading or sending anything that is not ours. The headers of a
/// web configuration replace them.
void AddSecurityHeaders(net::HttpHeaders* headers);

/// The page: `shell` with "/" in its <base href="/"> replaced by `prefix`, escaped, and "/".
std::string ShellFor(std::string_view shell, std::string_view prefix);

}  // namespace thanos::ui
