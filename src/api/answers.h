// What all handlers of /api/v1 share: answers with their headers, parameters with their errors.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/matcher.h"
#include "net/http_server.h"
#include "promapi/json.h"
#include "thanos/series.h"
#include "thanos/status.h"

namespace thanos::api {

/// 200, or 204 when `data` is "". `no-store` when a warning is more than an annotation of PromQL.
net::HttpResponse Success(std::string data, const Warnings& warnings);
/// As Success, of data that is written while it goes out, piece by piece, and never held as a
/// whole.
net::HttpResponse StreamedSuccess(std::function<Status(net::BodyWriter& to)> data,
                                  Warnings warnings);
net::HttpResponse Failure(promapi::ErrorKind kind, std::string_view message);

/// Adds routes under `<prefix>/api/v1`, each with the CORS headers, and OPTIONS for all of them.
class ApiRoutes {
 public:
  ApiRoutes(net::HttpServer* server, std::string prefix, bool cors);
  void Handle(std::vector<std::string> methods, std::string_view path, std::string name,
              net::HttpHandler handler);
  /// A route that changes something: without CORS headers, and closed to other sites.
  void HandleMutating(std::vector<std::string> methods, std::string_view path, std::string name,
                      net::HttpHandler handler);

 private:
  net::HttpServer* server_;
  std::string prefix_;
  bool cors_;
};

/// Milliseconds; `fallback` when absent. The error is that of promapi.
Result<int64_t> TimeParam(const net::HttpRequest& request, std::string_view name,
                          std::optional<int64_t> fallback);
/// `'name' parameter: strconv.ParseBool: …` on an error.
Result<bool> BoolParam(const net::HttpRequest& request, std::string_view name, bool fallback);
/// match[] or storeMatch[]: a list of selectors.
Result<std::vector<model::Matchers>> SelectorParams(const net::HttpRequest& request,
                                                    std::string_view name);

/// The least and greatest time that Prometheus accepts in these calls, milliseconds.
inline constexpr int64_t kMinTimeMs = -9223309901257974000;
inline constexpr int64_t kMaxTimeMs = 9223309901257974000;

}  // namespace thanos::api
