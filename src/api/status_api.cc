#include "api/status_api.h"

#include <mutex>
#include <set>
#include <string>

#include <unistd.h>

#include "base/executor.h"
#include "base/json_text.h"
#include "base/time_text.h"
#include "thanos/version.h"

namespace thanos::api {
namespace {

std::string JsonObject(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string out = "{";
  for (const auto& [name, value] : fields) {
    if (out.size() > 1) out += ',';
    base::AppendJsonString(name, &out, true);
    out += ':';
    base::AppendJsonString(value, &out, true);
  }
  return out + "}";
}

class HttpMetrics : public net::HttpObserver {
 public:
  HttpMetrics(metrics::Registry* registry, bool with_tenant, std::string default_tenant)
      : with_tenant_(with_tenant),
        default_tenant_(std::move(default_tenant)),
        requests_(registry->AddCounterFamily("http_requests_total",
                                             "Tracks the number of HTTP requests.")),
        in_flight_(registry->AddGaugeFamily("http_inflight_requests",
                                            "Current number of HTTP requests the handler is "
                                            "responding to.")),
        seconds_(registry->AddHistogramFamily(
            "http_request_duration_seconds", "Tracks the latencies for HTTP requests.",
            {0.001, 0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120, 240, 360, 720})),
        request_bytes_(registry->AddHistogramFamily("http_request_size_bytes",
                                                    "Tracks the size of HTTP requests.",
                                                    metrics::ExponentialBounds(64, 2, 10))),
        response_bytes_(registry->AddHistogramFamily("http_response_size_bytes",
                                                     "Tracks the size of HTTP responses.",
                                                     metrics::ExponentialBounds(64, 2, 10))) {}

  void Announce(std::string_view handler, const std::vector<std::string>& methods) override {
    for (const std::string& method : methods) {
      auto labels = Labels(handler, method, default_tenant_);
      in_flight_.With(labels);
      labels["code"] = "200";
      requests_.With(labels);
      seconds_.With(labels);
      request_bytes_.With(labels);
      response_bytes_.With(labels);
    }
  }
  void Started(std::string_view handler, std::string_view method,
               std::string_view tenant) override {
    if (handler.empty()) return;
    in_flight_.With(Labels(handler, method, tenant)).Add(1);
  }
  void Ended(const net::HttpObservation& seen) override {
    if (seen.handler.empty()) return;
    auto labels = Labels(seen.handler, seen.method, seen.tenant);
    in_flight_.With(labels).Add(-1);
    labels["code"] = std::to_string(seen.status);
    requests_.With(labels).Add();
    seconds_.With(labels).Observe(seen.seconds);
    request_bytes_.With(labels).Observe(static_cast<double>(seen.request_bytes));
    response_bytes_.With(labels).Observe(static_cast<double>(seen.response_bytes));
  }

 private:
  // Methods come from outside: what is not known counts as one.
  metrics::LabelPairs Labels(std::string_view handler, std::string_view method,
                             std::string_view tenant) {
    std::string lower = "other";
    for (const std::string_view known : {"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"}) {
      if (method != known) continue;
      lower.clear();
      for (const char c : known) lower += static_cast<char>(c | 0x20);
    }
    metrics::LabelPairs labels = {{"handler", std::string(handler)}, {"method", lower}};
    if (with_tenant_) labels["tenant"] = Known(tenant);
    return labels;
  }
  // Tenants come from outside too.
  std::string Known(std::string_view tenant) {
    std::lock_guard lock(mutex_);
    if (tenants_.size() < kTenantsMax) tenants_.emplace(tenant);
    return tenants_.contains(tenant) ? std::string(tenant) : "other";
  }

  static constexpr size_t kTenantsMax = 1000;
  const bool with_tenant_;
  const std::string default_tenant_;
  std::mutex mutex_;
  std::set<std::string, std::less<>> tenants_;  // Guarded by mutex_.
  metrics::CounterFamily requests_;
  metrics::GaugeFamily in_flight_;
  metrics::HistogramFamily seconds_, request_bytes_, response_bytes_;
};

}  // namespace

void AddStatusApi(ApiRoutes* routes, std::map<std::string, std::string> flags) {
  const std::string flags_json = JsonObject({flags.begin(), flags.end()});
  routes->Handle({"GET"}, "/status/flags", "status_flags",
                 [flags_json](const CallContext&, const net::HttpRequest&) {
                   return Success(flags_json, {});
                 });
  const std::string build = JsonObject({{"version", std::string(kVersion)},
                                        {"revision", std::string(kRevision)},
                                        {"branch", ""},
                                        {"buildUser", ""},
                                        {"buildDate", ""},
                                        {"goVersion", ""}});
  routes->Handle(
      {"GET"}, "/status/buildinfo", "status_build",
      [build](const CallContext&, const net::HttpRequest&) { return Success(build, {}); });
  const int64_t start_ms = base::NowMs();
  char directory[4096] = "";
  if (getcwd(directory, sizeof(directory)) == nullptr) directory[0] = '\0';
  std::string runtime = "{\"startTime\":\"" +
                        base::FormatRfc3339Nano(start_ms / 1000, start_ms % 1000 * 1000000) +
                        "\",\"CWD\":";
  base::AppendJsonString(directory, &runtime, true);
  // Fields of the Go runtime: what we do not have is zero or empty.
  runtime += ",\"goroutineCount\":0,\"GOMAXPROCS\":" + std::to_string(base::UsableCpus()) +
             ",\"GOGC\":\"\",\"GODEBUG\":\"\",\"GOMEMLIMIT\":0}";
  routes->Handle(
      {"GET"}, "/status/runtimeinfo", "status_runtime",
      [runtime](const CallContext&, const net::HttpRequest&) { return Success(runtime, {}); });
}

Prober::Prober(std::string component, metrics::Registry* registry) {
  const auto family = registry->AddGaugeFamily(
      "thanos_status",
      "Represents status (0 indicates failure, 1 indicates success) of the component.");
  healthy_gauge_ = family.With({{"check", "healthy"}, {"component", component}});
  ready_gauge_ = family.With({{"check", "ready"}, {"component", component}});
}

void Prober::SetHealthy(bool healthy) {
  healthy_.store(healthy);
  healthy_gauge_.Set(healthy ? 1 : 0);
}

void Prober::SetReady(bool ready) {
  ready_.store(ready);
  ready_gauge_.Set(ready ? 1 : 0);
}

void AddProbesAndMetrics(net::HttpServer* server, const Prober* prober,
                         const metrics::Registry* registry) {
  const auto probe = [](bool up) {
    return up ? net::HttpResponse::Text(200, "OK") : net::HttpResponse::Text(503, "NOT OK\n");
  };
  server->Handle({}, "/-/healthy",
                 [prober, probe](const CallContext&, const net::HttpRequest&) {
                   return probe(prober->healthy());
                 },
                 {.name = "", .urgent = true});
  server->Handle({}, "/-/ready",
                 [prober, probe](const CallContext&, const net::HttpRequest&) {
                   return probe(prober->ready());
                 },
                 {.name = "", .urgent = true});
  server->Handle(
      {"GET"}, "/metrics",
      [registry](const CallContext&, const net::HttpRequest& request) {
        const bool open = request.headers.Get("Accept").find("application/openmetrics-text") !=
                          std::string_view::npos;
        net::HttpResponse response;
        response.body =
            registry->Render(open ? metrics::Format::kOpenMetrics : metrics::Format::kText);
        response.headers.Set(
            "Content-Type", open
                                ? "application/openmetrics-text; version=1.0.0; charset=utf-8; "
                                  "escaping=underscores"
                                : "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
        return response;
      },
      {.name = "", .urgent = true});
}

std::shared_ptr<net::HttpObserver> MakeHttpMetrics(metrics::Registry* registry, bool with_tenant,
                                                   const std::string& default_tenant) {
  return std::make_shared<HttpMetrics>(registry, with_tenant, default_tenant);
}

}  // namespace thanos::api
