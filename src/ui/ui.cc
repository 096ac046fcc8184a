#include "ui/ui.h"

#include <atomic>
#include <cctype>
#include <memory>

#include "api/answers.h"
#include "base/time_text.h"
#include "codec/compression.h"
#include "codec/hash.h"
#include "ui/assets.h"
#include "ui/encoding.h"

namespace thanos::ui {
namespace {

constexpr std::string_view kShellPath = "index.html";
constexpr std::string_view kShellBase = "<base href=\"/\"";
constexpr std::string_view kUntilAskedAgain = "no-cache";
constexpr std::string_view kOneDay = "public, max-age=86400";
constexpr std::string_view kForEver = "public, max-age=31536000, immutable";

// Every address that Thanos or Prometheus shows a page at, and ours.
constexpr std::string_view kPages[] = {
    "/graph",       "/query",   "/stores",          "/alerts", "/rules",
    "/targets",     "/status",  "/flags",           "/config", "/service-discovery",
    "/tsdb-status", "/blocks",  "/loaded",          "/global", "/alertmanager-discovery",
    "/cardinality", "/queries", "/metrics-explorer"};

// Headers and files of a page's own that may lie at the root for a day.
constexpr std::string_view kRootFiles[] = {"favicon.ico", "favicon.svg", "manifest.json"};

std::string EscapeHtml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string Tag(std::string_view digest, std::string_view coding) {
  std::string tag = "\"" + std::string(digest.substr(0, 32));
  if (!coding.empty()) tag += "-" + std::string(coding);
  return tag + "\"";
}

// "index-B1x_y-9z.js": what the build names after its content never changes.
bool IsNamedByContent(std::string_view path) {
  const size_t dot = path.rfind('.');
  constexpr size_t kHashLength = 8;
  if (dot == std::string_view::npos || dot < kHashLength + 1) return false;
  if (path[dot - kHashLength - 1] != '-') return false;
  for (const char c : path.substr(dot - kHashLength, kHashLength)) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '_') return false;
  }
  return true;
}

// The headers that both an answer and "not modified" have; true when it is the latter.
bool IsKnown(const net::HttpRequest& request, std::string tag, std::string_view cache,
             net::HttpResponse* response) {
  AddSecurityHeaders(&response->headers);
  response->headers.Set("Cache-Control", std::string(cache));
  const bool known = MatchesTag(request.headers.Get("If-None-Match"), tag);
  response->headers.Set("ETag", std::move(tag));
  if (known) response->status = 304;
  return known;
}

net::HttpResponse NoSuchFile() {
  net::HttpResponse response = net::HttpResponse::Text(404, "404 page not found\n");
  AddSecurityHeaders(&response.headers);
  return response;
}

net::HttpResponse AnswerFile(const net::HttpRequest& request, std::string_view path) {
  const Asset* asset = FindAsset(path);
  if (asset == nullptr) return NoSuchFile();
  const net::Encoding encoding = asset->plain.empty()
                                     ? ChooseEncoding(request.headers.Get("Accept-Encoding"))
                                     : net::Encoding::kIdentity;
  net::HttpResponse response;
  response.headers.Set("Vary", "Accept-Encoding");
  const bool for_ever = path.starts_with("static/") && IsNamedByContent(path);
  if (IsKnown(request, Tag(asset->sha256, net::NameOf(encoding)), for_ever ? kForEver : kOneDay,
              &response)) {
    return response;
  }
  response.headers.Set("Content-Type", std::string(asset->type));
  response.headers.Set("Cross-Origin-Resource-Policy", "same-origin");
  if (!asset->plain.empty()) {
    response.lasting_body = asset->plain;
    return response;
  }
  if (encoding == net::Encoding::kIdentity) {
    auto plain = codec::GzipDecompress(asset->gzip, asset->size);
    if (!plain.ok()) return net::HttpResponse::Text(500, plain.status().ToString() + "\n");
    response.body = std::move(*plain);
    return response;
  }
  response.headers.Set("Content-Encoding", std::string(net::NameOf(encoding)));
  response.lasting_body = encoding == net::Encoding::kBrotli ? asset->brotli : asset->gzip;
  return response;
}

/// The pages of one role. Thread-safe.
class Pages {
 public:
  Pages(UiOptions options, std::string shell)
      : options_(std::move(options)), shell_(std::move(shell)) {}

  net::HttpResponse Shell(const net::HttpRequest& request) const {
    std::string html = ShellFor(shell_, Prefix(request));
    net::HttpResponse response;
    // A proxy that chooses the prefix must not be given another one's page.
    if (!options_.prefix.header.empty()) response.headers.Set("Vary", options_.prefix.header);
    if (IsKnown(request, Tag(codec::ToHex(codec::Sha256(html)), ""), kUntilAskedAgain, &response))
      return response;
    response.headers.Set("Content-Type", "text/html; charset=utf-8");
    response.body = std::move(html);
    return response;
  }

  net::HttpResponse LeadHome(const net::HttpRequest& request) const {
    return net::HttpResponse::Redirect(Prefix(request) + options_.home);
  }

  net::HttpResponse Config(const net::HttpRequest& request) const {
    auto response = api::Success(ConfigJson(options_.config, Prefix(request), base::NowMs()), {});
    response.headers.Set("Cache-Control", "no-store");
    return response;
  }

  const UiOptions& options() const { return options_; }

 private:
  std::string Prefix(const net::HttpRequest& request) const {
    const std::string& header = options_.prefix.header;
    if (!header.empty() && !told_.load(std::memory_order_relaxed)) {
      std::string_view given = request.headers.Get(header);
      while (given.ends_with('/')) given.remove_suffix(1);
      if (!IsPlainPrefix(given) && !told_.exchange(true)) {
        options_.logger.Warn("a prefix that a request gives is not believed, as all such",
                             {{"header", header}, {"value", given}});
      }
    }
    return LinkPrefix(options_.prefix, request);
  }

  const UiOptions options_;
  const std::string shell_;
  mutable std::atomic<bool> told_{false};
};

net::HttpResponse NotBuilt() {
  return net::HttpResponse::Text(
      404, "this binary was built without its web UI (THANOS_UI=OFF); the API is at /api/v1\n");
}

// "" in a build without the UI.
std::string LoadShell(const base::Logger& logger) {
  const Asset* asset = FindAsset(kShellPath);
  if (asset == nullptr) return "";
  if (!asset->plain.empty()) return std::string(asset->plain);
  auto shell = codec::GzipDecompress(asset->gzip, asset->size);
  if (!shell.ok()) {
    logger.Error("the page of the web UI cannot be read", {{"err", shell.status()}});
    return "";
  }
  return std::move(*shell);
}

void AddRedirects(net::HttpServer* server, const std::shared_ptr<const Pages>& pages) {
  const std::string& route = pages->options().prefix.route;
  const auto lead_home = [pages](const CallContext&, const net::HttpRequest& request) {
    return pages->LeadHome(request);
  };
  server->Handle({"GET", "HEAD"}, "/", lead_home);
  if (route.empty()) return;
  server->Handle({"GET", "HEAD"}, route, lead_home);
  server->Handle({"GET", "HEAD"}, route + "/", lead_home);
}

}  // namespace

void AddSecurityHeaders(net::HttpHeaders* headers) {
  headers->Set("Content-Security-Policy",
               "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: "
               "blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'self'; "
               "form-action 'none'; frame-ancestors 'none'");
  headers->Set("X-Content-Type-Options", "nosniff");
  headers->Set("X-Frame-Options", "DENY");
  headers->Set("Referrer-Policy", "no-referrer");
  headers->Set("Cross-Origin-Opener-Policy", "same-origin");
  headers->Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()");
}

std::string ShellFor(std::string_view shell, std::string_view prefix) {
  const size_t at = shell.find(kShellBase);
  if (at == std::string_view::npos) return std::string(shell);
  std::string html(shell.substr(0, at));
  html += "<base href=\"" + EscapeHtml(prefix) + "/\"";
  html += shell.substr(at + kShellBase.size());
  return html;
}

void AddUi(net::HttpServer* server, UiOptions given) {
  std::string shell = LoadShell(given.logger);
  const bool built = !shell.empty();
  const auto pages = std::make_shared<const Pages>(std::move(given), std::move(shell));
  const std::string& route = pages->options().prefix.route;
  const auto get = [&](const std::string& path, net::HttpHandler handler) {
    // The shell is too small to be worth compressing, and its entity tag is strong.
    server->Handle({"GET", "HEAD"}, path, std::move(handler), {.compress = false});
  };
  for (const std::string_view page : kPages) {
    get(route + std::string(page),
        [pages, built](const CallContext&, const net::HttpRequest& request) {
          return built ? pages->Shell(request) : NotBuilt();
        });
  }
  get(route + "/static/*path", [](const CallContext&, const net::HttpRequest& request) {
    return AnswerFile(request, "static/" + std::string(request.PathParam("path")));
  });
  for (const std::string_view file : kRootFiles) {
    if (FindAsset(file) == nullptr) continue;
    get(route + "/" + std::string(file),
        [file](const CallContext&, const net::HttpRequest& request) {
          return AnswerFile(request, file);
        });
  }
  AddRedirects(server, pages);
  server->Handle({"GET"}, route + "/api/v1/ui/config",
                 [pages](const CallContext&, const net::HttpRequest& request) {
                   return pages->Config(request);
                 },
                 {.name = "ui_config"});
}

}  // namespace thanos::ui
