// TLS towards StoreAPI endpoints: the flags that all endpoints share, and connections by the
// settings of each.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "config/flags.h"
#include "fanout/endpoint_config.h"
#include "rpc/channel.h"

namespace thanos::cmd {

struct ClientTlsFlags {
  bool secure = false, skip_verify = false;
  std::string cert, key, ca, server_name, min_version;
};
void AddClientTlsFlags(config::FlagSet* flags, ClientTlsFlags* values);
/// What the flags say of endpoints that say nothing themselves. Without
/// --grpc-client-tls-secure, in the clear.
fanout::ClientSettings SettingsOf(const ClientTlsFlags& flags);

/// Sets up channels. Certificates are read once for all endpoints with equal settings, and again
/// when they change. Thread-safe.
class EndpointTls {
 public:
  explicit EndpointTls(base::Logger logger) : logger_(std::move(logger)) {}
  /// kInvalidArgument names the file or key that cannot be used.
  Status Apply(const fanout::ClientSettings& settings, rpc::ChannelOptions* options);

 private:
  const base::Logger logger_;
  std::mutex mutex_;
  std::shared_ptr<net::TlsBridge> bridge_;  // Guarded by mutex_, as all below.
  std::vector<std::pair<fanout::ClientSettings, std::shared_ptr<net::TlsFollower>>> followers_;
};

}  // namespace thanos::cmd
