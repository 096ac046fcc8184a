#include "cmd/servers.h"

#include "net/tls_follower.h"
#include "profile/routes.h"
#include "requestlog/request_log.h"
#include "rpc/call_metrics.h"

namespace thanos::cmd {
namespace {

// Of all bodies being read at a time; one body is bounded by HttpServerOptions::body_bytes_max.
constexpr size_t kHttpBodiesBytesMax = 256 << 20;

constexpr char kGoRuntime[] =
    "It sets the memory limit of the Go runtime, which this program does not have.";

net::HttpServerOptions MakeHttpOptions(const Process& process, const HttpFlags& flags,
                                       const Result<requestlog::Config>& log,
                                       metrics::BudgetMetrics* budgets) {
  net::HttpServerOptions options;
  options.address = flags.address;
  options.web_config_file = flags.web_config_file;
  options.logger = process.logger;
  options.tenant_header = flags.tenant_header;
  options.default_tenant = flags.default_tenant;
  options.flow = flags.flow;
  options.observer =
      api::MakeHttpMetrics(process.registry, !flags.tenant_header.empty(), flags.default_tenant);
  if (process.tracing) options.interceptors.push_back(process.tracing->http());
  auto lines = log.ok() ? requestlog::MakeHttpLog(log->http, process.logger) : nullptr;
  if (lines) options.interceptors.push_back(std::move(lines));
  options.context = CallContext().WithBudget(
      budgets->Show(Budget::Make("HTTP request bodies", kHttpBodiesBytesMax)));
  return options;
}

std::vector<rpc::Method> ServedMethods(const rpc::Services& services) {
  using rpc::CallType;
  std::vector<rpc::Method> methods;
  if (services.store) {
    methods.push_back({"thanos.Store", "Series", CallType::kServerStream});
    methods.push_back({"thanos.Store", "LabelNames", CallType::kUnary});
    methods.push_back({"thanos.Store", "LabelValues", CallType::kUnary});
  }
  if (services.info) methods.push_back({"thanos.info.Info", "Info", CallType::kUnary});
  if (services.rules) methods.push_back({"thanos.Rules", "Rules", CallType::kServerStream});
  if (services.targets) methods.push_back({"thanos.Targets", "Targets", CallType::kServerStream});
  if (services.metadata) {
    methods.push_back({"thanos.Metadata", "MetricMetadata", CallType::kServerStream});
  }
  if (services.exemplars) {
    methods.push_back({"thanos.Exemplars", "Exemplars", CallType::kServerStream});
  }
  if (services.status) {
    methods.push_back({"thanos.Status", "TSDBStatistics", CallType::kServerStream});
  }
  methods.push_back({"grpc.health.v1.Health", "Check", CallType::kUnary});
  methods.push_back({"grpc.health.v1.Health", "Watch", CallType::kServerStream});
  return methods;
}

}  // namespace

void AddGlobalFlags(config::FlagSet* flags, GlobalFlags* values) {
  flags->Enum("log.level", "Log filtering level.", {"error", "warn", "info", "debug"}, "info",
              &values->log_level);
  flags->Enum("log.format", "Log format to use.", {"logfmt", "json", "journald"}, "logfmt",
              &values->log_format);
  flags->String("debug.name", "Name to add as prefix to log lines.", "", &values->debug_name)
      .Hidden();
  flags->WithoutEffect("enable-auto-gomemlimit", true, kGoRuntime);
  flags->WithoutEffect("auto-gomemlimit.ratio", config::ValueKind::kFloat, kGoRuntime, "0.9");
  flags->PathOrContent("tracing.config",
                       "Tracing: where spans go and which are recorded. Delivered: OTLP, JAEGER, "
                       "ELASTIC_APM.",
                       /*required=*/false, /*substitute_env=*/true, &values->tracing_config);
}

void AddHttpFlags(config::FlagSet* flags, HttpFlags* values) {
  flags->String("http-address", "Listen host:port for HTTP endpoints.", "0.0.0.0:10902",
                &values->address);
  flags->PromDuration("http-grace-period",
                      "Time to wait after an interrupt received for HTTP Server.", "2m",
                      &values->grace_ns);
  flags->String("http.config",
                "Path to the configuration file that can enable TLS or authentication for all HTTP "
                "endpoints. It is read again when it, or a file it names, changes.",
                "", &values->web_config_file);
  flags->PathOrContent("request.logging-config",
                       "Which requests of the HTTP and gRPC servers are logged.",
                       /*required=*/false, /*substitute_env=*/true, &values->request_log_config);
  flags->Bool(
      "debug.profiling",
      "Opens /debug/pprof/ to everybody who reaches the HTTP address: CPU and heap profiles "
      "of this process.",
      false, &values->profiling);
}

void AddGrpcFlags(config::FlagSet* flags, GrpcFlags* values) {
  flags->String("grpc-address", "Listen ip:port address for gRPC endpoints (StoreAPI).",
                "0.0.0.0:10901", &values->address);
  flags->GoDuration("grpc-grace-period",
                    "Time to wait after an interrupt received for GRPC Server.", "2m",
                    &values->grace_ns);
  flags->GoDuration("grpc-server-max-connection-age",
                    "The grpc server max connection age: after it clients connect anew, which "
                    "re-reads certificates. 0 is no limit.",
                    "60m", &values->max_connection_age_ns);
  flags->String("grpc-server-tls-cert", "TLS certificate for the gRPC server, empty disables TLS.",
                "", &values->tls_cert);
  flags->String("grpc-server-tls-key", "TLS key for the gRPC server, empty disables TLS.", "",
                &values->tls_key);
  flags->String(
      "grpc-server-tls-client-ca",
      "TLS CA to verify clients against. If none is given, the certificates of clients are "
      "not looked at. All three files are read again when they change.",
      "", &values->tls_client_ca);
  flags->Enum("grpc-server-tls-min-version", "Minimum TLS version for the gRPC server.",
              {"1.0", "1.1", "1.2", "1.3"}, "1.3", &values->tls_min_version);
  flags->Strings("grpc-server-tls-ciphers",
                 "TLS cipher suite by Go's name for TLS 1.2 and below; none is the usual ones.",
                 &values->tls_ciphers);
  flags->Strings("grpc-server-tls-curves",
                 "TLS curve preference (CurveP256, CurveP384, CurveP521, X25519).",
                 &values->tls_curves);
}

namespace {

// Null without a certificate.
Result<std::shared_ptr<net::TlsFollower>> MakeGrpcTls(const GrpcFlags& flags,
                                                      const base::Logger& logger) {
  if (flags.tls_cert.empty() && flags.tls_key.empty()) {
    if (flags.tls_client_ca.empty()) return std::shared_ptr<net::TlsFollower>();
    return InvalidArgumentError(
        "--grpc-server-tls-client-ca: when a client CA is used, --grpc-server-tls-cert and "
        "--grpc-server-tls-key must be given too");
  }
  if (flags.tls_cert.empty() || flags.tls_key.empty()) {
    return InvalidArgumentError(
        "--grpc-server-tls-cert and --grpc-server-tls-key must both be given");
  }
  net::TlsServerOptions tls;
  tls.cert.file = flags.tls_cert;
  tls.key.file = flags.tls_key;
  tls.client_ca.file = flags.tls_client_ca;
  if (tls.client_ca.given()) tls.client_auth = net::ClientAuth::kRequireAndVerify;
  THANOS_ASSIGN_OR_RETURN(tls.min_version, net::ParseTlsVersion(flags.tls_min_version));
  tls.ciphers = flags.tls_ciphers;
  tls.curves = flags.tls_curves;
  tls.protocol = "h2";
  auto follower = net::TlsFollower::Server(std::move(tls), logger);
  if (!follower.ok()) return follower.status().WithContext("TLS of the gRPC server");
  logger.Info("enabled gRPC server side TLS",
              {{"client_verification", !flags.tls_client_ca.empty()}});
  return std::move(*follower);
}

}  // namespace

Servers::Servers(const Process& process, std::string component, HttpFlags http, GrpcFlags grpc)
    : process_(process),
      component_(std::move(component)),
      http_flags_(std::move(http)),
      grpc_flags_(std::move(grpc)),
      request_log_(requestlog::ParseConfig(http_flags_.request_log_config)),
      prober_(component_, process.registry),
      budgets_(process.registry),
      http_(MakeHttpOptions(process, http_flags_, request_log_, &budgets_)) {
  api::AddProbesAndMetrics(&http_, &prober_, process.registry);
  profile::AddProfileRoutes(&http_, http_flags_.profiling);
  watched_->servers = this;
  AddConnectionMetrics();
}

Servers::~Servers() {
  std::lock_guard lock(watched_->mutex);
  watched_->servers = nullptr;
}

void Servers::AddConnectionMetrics() {
  using Samples = std::vector<metrics::Registry::Sample>;
  process_.registry->AddCallback("thanos_http_connections", "Open connections of the HTTP port.",
                                 false, [watched = watched_]() -> Samples {
                                   std::lock_guard lock(watched->mutex);
                                   if (watched->servers == nullptr) return {};
                                   const auto seen = watched->servers->http_.connections();
                                   return {{{}, static_cast<double>(seen.open)}};
                                 });
  process_.registry->AddCallback(
      "thanos_server_connections_turned_away_total",
      "Connections closed for want of room or file descriptors: new ones, or idle ones in their "
      "place.",
      true, [watched = watched_]() -> Samples {
        std::lock_guard lock(watched->mutex);
        if (watched->servers == nullptr) return {};
        const Servers& servers = *watched->servers;
        const double http = static_cast<double>(servers.http_.connections().turned_away);
        const uint64_t grpc = servers.grpc_ ? servers.grpc_->turned_away() : 0;
        return {{{{"protocol", "http"}}, http},
                {{{"protocol", "grpc"}}, static_cast<double>(grpc)}};
      });
}

Status Servers::StartHttp() {
  if (!request_log_.ok()) {
    return request_log_.status().WithContext("error while parsing config for request logging");
  }
  THANOS_RETURN_IF_ERROR(http_.Start());
  prober_.SetHealthy(true);
  process_.logger.Info("listening for HTTP", {{"address", http_.address()}});
  return OkStatus();
}

Status Servers::StartGrpc(rpc::Services services) {
  rpc::ServerOptions options;
  options.address = grpc_flags_.address;
  THANOS_ASSIGN_OR_RETURN(options.tls, MakeGrpcTls(grpc_flags_, process_.logger));
  options.max_connection_age = std::chrono::nanoseconds(grpc_flags_.max_connection_age_ns);
  options.logger = process_.logger;
  options.observer =
      rpc::MakeCallMetrics(process_.registry, rpc::CallSide::kServer, ServedMethods(services));
  if (process_.tracing) options.interceptors.push_back(process_.tracing->grpc());
  if (auto lines = requestlog::MakeCallLog(request_log_->grpc, process_.logger)) {
    options.interceptors.push_back(std::move(lines));
  }
  THANOS_ASSIGN_OR_RETURN(auto started,
                          rpc::Server::Start(std::move(options), std::move(services)));
  {
    std::lock_guard lock(watched_->mutex);
    grpc_ = std::move(started);
  }
  process_.logger.Info("listening for gRPC", {{"address", grpc_->address()}});
  SetReady(true);
  return OkStatus();
}

void Servers::SetReady(bool ready) {
  prober_.SetReady(ready);
  if (grpc_) grpc_->SetReady(ready);
}

void Servers::Stop() {
  SetReady(false);
  if (grpc_) grpc_->Stop(std::chrono::nanoseconds(grpc_flags_.grace_ns));
  http_.Stop(std::chrono::nanoseconds(http_flags_.grace_ns));
  prober_.SetHealthy(false);
}

std::string NormalisePrefix(std::string_view prefix) {
  while (prefix.starts_with('/')) prefix.remove_prefix(1);
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  return prefix.empty() ? "" : "/" + std::string(prefix);
}

std::string WebFlags::ServedAt() const {
  return NormalisePrefix(route_prefix.empty() ? external_prefix : route_prefix);
}

ui::PrefixOptions PrefixOf(const WebFlags& flags) {
  return {.route = flags.ServedAt(),
          .external = NormalisePrefix(flags.external_prefix),
          .header = flags.prefix_header};
}

void AddWebFlags(config::FlagSet* flags, WebFlags* values) {
  flags->String("web.external-prefix", "Static prefix of links and redirects.", "",
                &values->external_prefix);
  flags->String("web.prefix-header",
                "Name of HTTP request header used for dynamic prefixing of links and redirects.",
                "", &values->prefix_header);
  flags->Bool("web.disable-cors", "Whether to disable CORS headers to be set by Thanos.", false,
              &values->cors_disabled);
}

void AddRoutePrefixFlag(config::FlagSet* flags, WebFlags* values) {
  flags->String("web.route-prefix",
                "Prefix for API and UI endpoints. Defaults to the path of web.external-prefix.", "",
                &values->route_prefix);
}

}  // namespace thanos::cmd
