// The HTTP and gRPC servers that every role has, and their flags.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/status_api.h"
#include "cmd/role.h"
#include "metrics/budgets.h"
#include "net/http_server.h"
#include "requestlog/config.h"
#include "rpc/server.h"
#include "ui/prefix.h"

namespace thanos::cmd {

struct GlobalFlags {
  std::string log_level, log_format, debug_name, tracing_config;
};
void AddGlobalFlags(config::FlagSet* flags, GlobalFlags* values);

struct HttpFlags {
  std::string address, web_config_file;
  std::string request_log_config;  // Of both servers.
  bool profiling = false;
  std::string tenant_header, default_tenant;  // For metrics; set by roles that have tenants.
  std::function<std::string(const net::HttpRequest&)> flow;  // See HttpServerOptions.
  int64_t grace_ns = 0;
};
void AddHttpFlags(config::FlagSet* flags, HttpFlags* values);

struct GrpcFlags {
  std::string address;
  std::string tls_cert, tls_key, tls_client_ca, tls_min_version;
  std::vector<std::string> tls_ciphers, tls_curves;
  int64_t grace_ns = 0, max_connection_age_ns = 0;
};
void AddGrpcFlags(config::FlagSet* flags, GrpcFlags* values);

/// The servers of one role. HTTP first, gRPC when the role has something to serve.
class Servers {
 public:
  Servers(const Process& process, std::string component, HttpFlags http, GrpcFlags grpc);
  ~Servers();

  net::HttpServer& http() { return http_; }
  api::Prober& prober() { return prober_; }
  metrics::BudgetMetrics& budgets() { return budgets_; }

  /// Also the place where a wrong --request.logging-config is found.
  Status StartHttp();
  /// Listens and becomes ready.
  Status StartGrpc(rpc::Services services);
  void SetReady(bool ready);
  void Stop();

 private:
  // What scrapes look at; the registry outlives the servers.
  struct Watched {
    std::mutex mutex;
    Servers* servers = nullptr;  // Guarded by mutex.
  };
  void AddConnectionMetrics();

  const Process& process_;
  const std::string component_;
  const HttpFlags http_flags_;
  const GrpcFlags grpc_flags_;
  const Result<requestlog::Config> request_log_;
  api::Prober prober_;
  metrics::BudgetMetrics budgets_;
  net::HttpServer http_;
  std::unique_ptr<rpc::Server> grpc_;
  const std::shared_ptr<Watched> watched_ = std::make_shared<Watched>();
};

/// "/prefix" without a final slash, "" for the root.
std::string NormalisePrefix(std::string_view prefix);

/// Where the pages and the API of a role are found.
struct WebFlags {
  std::string route_prefix, external_prefix, prefix_header;
  bool cors_disabled = false;
  /// Without a --web.route-prefix: below the external prefix. Normalised.
  std::string ServedAt() const;
};
/// For the pages of a role that serves them at ServedAt().
ui::PrefixOptions PrefixOf(const WebFlags& flags);
/// --web.external-prefix, --web.prefix-header, --web.disable-cors.
void AddWebFlags(config::FlagSet* flags, WebFlags* values);
/// --web.route-prefix, for the roles that have it.
void AddRoutePrefixFlag(config::FlagSet* flags, WebFlags* values);

}  // namespace thanos::cmd
