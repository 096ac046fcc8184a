#include "api/landing_page.h"

#include <algorithm>
#include <memory>

#include "api/html.h"
#include "thanos/version.h"

namespace thanos::api {
namespace {

// A path from outside goes into links: no host, no scheme, nothing that a browser would unfold.
bool IsPlainPath(std::string_view path) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '-' || c == '_' || c == '.' || c == '~';
  };
  return path.starts_with('/') && !path.starts_with("//") &&
         std::all_of(path.begin(), path.end(), plain);
}

std::string LinkPrefix(const LandingPageOptions& options, const net::HttpRequest& request) {
  if (!options.prefix_header.empty()) {
    std::string_view given = request.headers.Get(options.prefix_header);
    while (given.ends_with('/')) given.remove_suffix(1);
    if (IsPlainPath(given)) return std::string(given);
  }
  return options.external_prefix.empty() ? options.route_prefix : options.external_prefix;
}

net::HttpResponse Page(const LandingPageOptions& options, const net::HttpRequest& request) {
  const std::string prefix = LinkPrefix(options, request);
  std::string html =
      "<p>Version " + EscapeHtml(kVersion) + ", revision " + EscapeHtml(kRevision) + "</p><ul>";
  for (const auto& [path, what] : options.links) {
    // Probes and metrics are at the root whatever the prefix.
    const bool at_root = path.starts_with("/-/") || path == "/metrics";
    html += "<li><a href=\"" + EscapeHtml((at_root ? "" : prefix) + path) + "\">" +
            EscapeHtml(what) + "</a></li>";
  }
  return HtmlPage("Thanos " + options.role, html + "</ul>");
}

}  // namespace

void AddLandingPage(net::HttpServer* server, LandingPageOptions given) {
  const auto options = std::make_shared<const LandingPageOptions>(std::move(given));
  const auto page = [options](const CallContext&, const net::HttpRequest& request) {
    return Page(*options, request);
  };
  const auto lead_on = [options](const CallContext&, const net::HttpRequest& request) {
    const std::string target = LinkPrefix(*options, request) + options->page;
    return net::HttpResponse::Redirect(target.empty() ? "/" : target);
  };
  const std::string at = options->route_prefix + options->page;
  server->Handle({"GET", "HEAD"}, at.empty() ? "/" : at, page);
  if (!at.empty()) server->Handle({"GET", "HEAD"}, "/", lead_on);
  if (!options->page.empty() && !options->route_prefix.empty()) {
    server->Handle({"GET", "HEAD"}, options->route_prefix, lead_on);
  }
}

}  // namespace thanos::api
