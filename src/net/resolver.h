// Addresses from names, in Thanos' notation: "host:port" as it is, "dns+host:port" looked up,
// "dnssrv+_grpc._tcp.name" SRV and then addresses, "dnssrvnoa+name" SRV names kept,
// "dnsdualstack+host:port" both address families.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::net {

/// True when `address` has one of the prefixes above.
bool IsDynamicAddress(std::string_view address);

/// Thread-safe. Look-ups run on threads of its own, so that deadline and cancellation hold.
class Resolver {
 public:
  virtual ~Resolver() = default;
  /// "address:port" texts, sorted, unique, at most 5,000. A name that does not exist gives none. A
  /// look-up that failed is kUnavailable naming the address: the caller keeps what it had.
  virtual Result<std::vector<std::string>> Resolve(const CallContext& context,
                                                   std::string_view address) = 0;
};

/// The system's: hosts file, then DNS.
std::shared_ptr<Resolver> MakeSystemResolver();

/// "host" and "port" of "host:port", "[v6]:port"; port "" when there is none.
struct HostPort {
  std::string host, port;
};
Result<HostPort> SplitHostPort(std::string_view address);
/// With brackets around a v6 address.
std::string JoinHostPort(std::string_view host, std::string_view port);

}  // namespace thanos::net
