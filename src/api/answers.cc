#include "api/answers.h"

#include <algorithm>

#include "base/number_text.h"
#include "promapi/params.h"
#include "promql/parser.h"

namespace thanos::api {
namespace {

const std::pair<const char*, const char*> kCorsHeaders[] = {
    {"Access-Control-Allow-Headers",
     "Accept, Accept-Encoding, Authorization, Content-Type, Origin"},
    {"Access-Control-Allow-Methods", "GET, POST, OPTIONS"},
    {"Access-Control-Allow-Origin", "*"},
    {"Access-Control-Expose-Headers", "Date"},
};

void AddCors(net::HttpHeaders* headers) {
  for (const auto& [name, value] : kCorsHeaders) headers->Set(name, value);
}

bool IsAnnotation(const std::string& warning) {
  return warning.starts_with("PromQL info") || warning.starts_with("PromQL warning");
}

void SetCaching(const Warnings& warnings, net::HttpResponse* response) {
  if (std::all_of(warnings.begin(), warnings.end(), IsAnnotation)) return;
  response->headers.Set("Cache-Control", "no-store");
}

}  // namespace

net::HttpResponse Success(std::string data, const Warnings& warnings) {
  if (data.empty()) {
    net::HttpResponse response;
    response.status = 204;
    return response;
  }
  auto response = net::HttpResponse::Json(200, promapi::SuccessEnvelope(std::move(data), warnings));
  SetCaching(warnings, &response);
  return response;
}

net::HttpResponse StreamedSuccess(std::function<Status(net::BodyWriter& to)> data,
                                  Warnings warnings) {
  auto response = net::HttpResponse::Json(200, "");
  SetCaching(warnings, &response);
  response.stream = [data = std::move(data), warnings = std::move(warnings)](net::BodyWriter& to) {
    // Around nothing it is what stands before and behind the data.
    constexpr std::string_view kNothing = "null";
    const std::string envelope = promapi::SuccessEnvelope(std::string(kNothing), warnings);
    const size_t at = envelope.find(kNothing);
    THANOS_RETURN_IF_ERROR(to.Write(std::string_view(envelope).substr(0, at)));
    THANOS_RETURN_IF_ERROR(data(to));
    return to.Write(std::string_view(envelope).substr(at + kNothing.size()));
  };
  return response;
}

net::HttpResponse Failure(promapi::ErrorKind kind, std::string_view message) {
  auto response =
      net::HttpResponse::Json(promapi::HttpStatusOf(kind), promapi::ErrorEnvelope(kind, message));
  response.headers.Set("Cache-Control", "no-store");
  return response;
}

ApiRoutes::ApiRoutes(net::HttpServer* server, std::string prefix, bool cors)
    : server_(server), prefix_(std::move(prefix) + "/api/v1"), cors_(cors) {
  server_->Handle({"OPTIONS"}, prefix_ + "/*path",
                  [cors](const CallContext&, const net::HttpRequest&) {
                    net::HttpResponse response;
                    response.status = 204;
                    if (cors) AddCors(&response.headers);
                    return response;
                  },
                  {.name = "options"});
}

void ApiRoutes::Handle(std::vector<std::string> methods, std::string_view path, std::string name,
                       net::HttpHandler handler) {
  // Each path answers OPTIONS itself too, so that its own list of methods is complete.
  const auto wrapped = [handler = std::move(handler), cors = cors_](
                           const CallContext& context, const net::HttpRequest& request) {
    net::HttpResponse response;
    if (request.method == "OPTIONS") {
      response.status = 204;
    } else {
      response = handler(context, request);
    }
    if (cors) AddCors(&response.headers);
    return response;
  };
  methods.emplace_back("OPTIONS");
  std::sort(methods.begin(), methods.end());
  server_->Handle(std::move(methods), prefix_ + std::string(path), wrapped,
                  {.name = std::move(name)});
}

void ApiRoutes::HandleMutating(std::vector<std::string> methods, std::string_view path,
                               std::string name, net::HttpHandler handler) {
  server_->Handle(std::move(methods), prefix_ + std::string(path), std::move(handler),
                  {.name = std::move(name), .mutating = true});
}

Result<int64_t> TimeParam(const net::HttpRequest& request, std::string_view name,
                          std::optional<int64_t> fallback) {
  const std::string_view text = request.form.Get(name);
  if (text.empty() && fallback) return *fallback;
  return promapi::ParseTimeParam(text);
}

Result<bool> BoolParam(const net::HttpRequest& request, std::string_view name, bool fallback) {
  const std::string_view text = request.form.Get(name);
  if (text.empty()) return fallback;
  auto value = base::ParseGoBool(text);
  if (!value.ok()) {
    return InvalidArgumentError("'" + std::string(name) +
                                "' parameter: " + std::string(value.status().message()));
  }
  return value;
}

Result<std::vector<model::Matchers>> SelectorParams(const net::HttpRequest& request,
                                                    std::string_view name) {
  std::vector<model::Matchers> all;
  for (const std::string& text : request.form.GetAll(name)) {
    THANOS_ASSIGN_OR_RETURN(model::Matchers matchers, promql::ParseSelector(text));
    all.push_back(std::move(matchers));
  }
  return all;
}

}  // namespace thanos::api
