#include "cmd/endpoint_tls.h"

#include <algorithm>

#include "net/tls_bridge.h"
#include "net/tls_follower.h"

namespace thanos::cmd {
namespace {

constexpr size_t kConnectionsMax = 20'000;  // Endpoints are bounded long before.
constexpr size_t kSettingsMax = 1000;       // Followed at a time.

Result<std::shared_ptr<net::TlsFollower>> Follow(const fanout::ClientSettings& settings,
                                                 const base::Logger& logger) {
  if (settings.cert_file.empty() != settings.key_file.empty()) {
    return InvalidArgumentError("TLS: certificate and key of the client must both be given");
  }
  net::TlsClientOptions tls;
  tls.cert.file = settings.cert_file;
  tls.key.file = settings.key_file;
  tls.ca.file = settings.ca_file;
  tls.server_name = settings.server_name;
  tls.skip_verify = settings.skip_verify;
  THANOS_ASSIGN_OR_RETURN(tls.min_version, net::ParseTlsVersion(settings.min_version));
  tls.protocol = "h2";
  return net::TlsFollower::Client(std::move(tls), logger);
}

}  // namespace

void AddClientTlsFlags(config::FlagSet* flags, ClientTlsFlags* values) {
  flags->Bool("grpc-client-tls-secure", "Use TLS when talking to the gRPC server.", false,
              &values->secure);
  flags->Bool("grpc-client-tls-skip-verify",
              "Disable TLS certificate verification, i.e. self signed, signed by fake CA.", false,
              &values->skip_verify);
  flags->String("grpc-client-tls-cert",
                "TLS certificates to use to identify this client to the server.", "",
                &values->cert);
  flags->String("grpc-client-tls-key", "TLS key for the client's certificate.", "", &values->key);
  flags->String("grpc-client-tls-ca",
                "TLS CA certificates to use to verify gRPC servers; none is the system's. Files "
                "are read again when they change.",
                "", &values->ca);
  flags->String("grpc-client-server-name",
                "Server name to verify the hostname on the returned TLS certificates.", "",
                &values->server_name);
  flags->Enum("grpc-client-tls-min-version", "Minimum TLS version for the gRPC client.",
              {"1.0", "1.1", "1.2", "1.3"}, "1.3", &values->min_version);
}

fanout::ClientSettings SettingsOf(const ClientTlsFlags& flags) {
  fanout::ClientSettings settings;
  settings.min_version = flags.min_version;
  if (!flags.secure) return settings;
  settings.tls = true;
  settings.skip_verify = flags.skip_verify;
  settings.cert_file = flags.cert;
  settings.key_file = flags.key;
  settings.ca_file = flags.ca;
  settings.server_name = flags.server_name;
  return settings;
}

Status EndpointTls::Apply(const fanout::ClientSettings& settings, rpc::ChannelOptions* options) {
  if (!settings.tls) return OkStatus();
  std::lock_guard lock(mutex_);
  const auto known = std::find_if(followers_.begin(), followers_.end(),
                                  [&](const auto& entry) { return entry.first == settings; });
  if (known != followers_.end()) {
    options->tls = known->second;
  } else {
    THANOS_ASSIGN_OR_RETURN(options->tls, Follow(settings, logger_));
    // Channels keep theirs; what a configuration no longer names is forgotten in time.
    if (followers_.size() >= kSettingsMax) followers_.erase(followers_.begin());
    followers_.emplace_back(settings, options->tls);
  }
  if (!bridge_) bridge_ = std::make_shared<net::TlsBridge>(kConnectionsMax, logger_);
  options->bridge = bridge_;
  options->server_name = settings.server_name;
  return OkStatus();
}

}  // namespace thanos::cmd
