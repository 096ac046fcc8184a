#include "net/resolver.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/socket.h>

#include "base/await.h"
#include "base/executor.h"

namespace thanos::net {
namespace {

constexpr size_t kAddressesMax = 5000;
constexpr size_t kLookUpThreads = 8;
constexpr size_t kWaitingLookUpsMax = 4096;
constexpr size_t kAnswerBytesMax = 64 << 10;  // The most that DNS can send.

enum class Kind { kStatic, kHosts, kBoth, kSrv, kSrvNames };

struct Query {
  Kind kind = Kind::kStatic;
  std::string_view scheme;  // "http://" or the like, kept in front of each result.
  std::string_view name;
};

Query Parse(std::string_view address) {
  static constexpr std::pair<std::string_view, Kind> kPrefixes[] = {{"dnsdualstack+", Kind::kBoth},
                                                                    {"dnssrvnoa+", Kind::kSrvNames},
                                                                    {"dnssrv+", Kind::kSrv},
                                                                    {"dns+", Kind::kHosts}};
  Query query{Kind::kStatic, {}, address};
  for (const auto& [prefix, kind] : kPrefixes) {
    if (!address.starts_with(prefix)) continue;
    query.kind = kind;
    query.name = address.substr(prefix.size());
    break;
  }
  if (const size_t slashes = query.name.find("//");
      query.kind != Kind::kStatic && slashes != std::string_view::npos) {
    query.scheme = query.name.substr(0, slashes + 2);
    query.name = query.name.substr(slashes + 2);
  }
  return query;
}

// Numeric addresses of a host, appended as "address:port". No such name is no error.
Status LookUpHost(const std::string& host, const std::string& port, bool dual,
                  std::set<std::string>* out) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  // Without AI_ADDRCONFIG both families come, whatever addresses this machine has.
  hints.ai_flags = dual ? 0 : AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error == EAI_NONAME || error == EAI_NODATA) return OkStatus();
  if (error != 0) {
    return UnavailableError("look up " + host + ": " + ::gai_strerror(error));
  }
  for (const addrinfo* info = found; info != nullptr && out->size() < kAddressesMax;
       info = info->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof(text), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      out->insert(JoinHostPort(text, port));
    }
  }
  ::freeaddrinfo(found);
  return OkStatus();
}

struct SrvTarget {
  std::string name;
  uint16_t port = 0;
};

Result<std::vector<SrvTarget>> LookUpSrv(const std::string& name) {
  struct __res_state state{};
  if (::res_ninit(&state) != 0) return UnavailableError("look up " + name + ": no resolver");
  std::vector<unsigned char> answer(kAnswerBytesMax);
  const int size = ::res_nsearch(&state, name.c_str(), ns_c_in, ns_t_srv, answer.data(),
                                 static_cast<int>(answer.size()));
  const int error = state.res_h_errno;
  ::res_nclose(&state);
  if (size < 0) {
    if (error == HOST_NOT_FOUND || error == NO_DATA) return std::vector<SrvTarget>{};
    return UnavailableError("look up SRV " + name + ": " + ::hstrerror(error));
  }
  ns_msg message;
  if (::ns_initparse(answer.data(), size, &message) != 0) {
    return UnavailableError("look up SRV " + name + ": malformed answer");
  }
  std::vector<SrvTarget> targets;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr record;
    if (::ns_parserr(&message, ns_s_an, i, &record) != 0) continue;
    // Priority, weight and port come before the name.
    if (ns_rr_type(record) != ns_t_srv || ns_rr_rdlen(record) < 7) continue;
    char target[NS_MAXDNAME];
    if (::ns_name_uncompress(ns_msg_base(message), ns_msg_end(message), ns_rr_rdata(record) + 6,
                             target, sizeof(target)) < 0) {
      continue;
    }
    targets.push_back({target, static_cast<uint16_t>(ns_get16(ns_rr_rdata(record) + 4))});
    if (targets.size() >= kAddressesMax) break;
  }
  return targets;
}

Result<std::set<std::string>> LookUp(const Query& query, const std::string& address) {
  std::set<std::string> found;
  if (query.kind == Kind::kHosts || query.kind == Kind::kBoth) {
    THANOS_ASSIGN_OR_RETURN(HostPort parts, SplitHostPort(query.name));
    if (parts.port.empty()) {
      return InvalidArgumentError("missing port in address given for dns lookup: " + address);
    }
    THANOS_RETURN_IF_ERROR(LookUpHost(parts.host, parts.port, query.kind == Kind::kBoth, &found));
    return found;
  }
  // A port that is given replaces those of the records.
  HostPort parts{std::string(query.name), ""};
  if (query.name.find(':') != std::string_view::npos) {
    THANOS_ASSIGN_OR_RETURN(parts, SplitHostPort(query.name));
  }
  THANOS_ASSIGN_OR_RETURN(std::vector<SrvTarget> targets, LookUpSrv(parts.host));
  for (SrvTarget& target : targets) {
    const std::string port = parts.port.empty() ? std::to_string(target.port) : parts.port;
    if (target.name.ends_with('.')) target.name.pop_back();
    if (query.kind == Kind::kSrvNames) {
      found.insert(JoinHostPort(target.name, port));
    } else {
      THANOS_RETURN_IF_ERROR(LookUpHost(target.name, port, false, &found));
    }
  }
  return found;
}

// Shared by the waiting caller and the look-up, whoever ends last.
struct Pending {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Result<std::set<std::string>>> result;  // Guarded by mutex; set once.
};

class SystemResolver : public Resolver {
 public:
  SystemResolver() : pool_("dns", kLookUpThreads, kWaitingLookUpsMax) {}

  Result<std::vector<std::string>> Resolve(const CallContext& context,
                                           std::string_view address) override {
    THANOS_RETURN_IF_ERROR(context.Check());
    const std::string text(address);
    if (Parse(text).kind == Kind::kStatic) return std::vector<std::string>{text};
    auto pending = std::make_shared<Pending>();
    const bool taken = pool_.TrySubmit([pending, text] {
      Result<std::set<std::string>> result = LookUp(Parse(text), text);
      std::lock_guard lock(pending->mutex);
      pending->result = std::move(result);
      pending->changed.notify_all();
    });
    if (!taken) return UnavailableError("look up " + text + ": too many look-ups are waiting");
    return Await(context, text, *pending);
  }

 private:
  static Result<std::vector<std::string>> Await(const CallContext& context,
                                                const std::string& address, Pending& pending) {
    const Status waited = base::Await(context, pending.mutex, pending.changed,
                                      [&pending] { return pending.result.has_value(); });
    if (!waited.ok()) return waited.WithContext("look up " + address);
    if (!pending.result->ok()) return pending.result->status();
    const std::string scheme(Parse(address).scheme);
    std::vector<std::string> out;
    for (const std::string& found : **pending.result) out.push_back(scheme + found);
    return out;
  }

  base::Executor pool_;
};

}  // namespace

bool IsDynamicAddress(std::string_view address) { return Parse(address).kind != Kind::kStatic; }

std::shared_ptr<Resolver> MakeSystemResolver() { return std::make_shared<SystemResolver>(); }

Result<HostPort> SplitHostPort(std::string_view address) {
  const auto bad = [&](const char* why) {
    return InvalidArgumentError("address " + std::string(address) + ": " + why);
  };
  HostPort parts;
  std::string_view rest;
  if (address.starts_with('[')) {
    const size_t close = address.find(']');
    if (close == std::string_view::npos) return bad("missing ']' in address");
    parts.host = address.substr(1, close - 1);
    rest = address.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return bad("text after ']' in address");
    if (!rest.empty()) rest.remove_prefix(1);
  } else {
    const size_t colon = address.find(':');
    if (colon != std::string_view::npos && address.find(':', colon + 1) != std::string_view::npos) {
      return bad("too many colons in address");
    }
    parts.host = address.substr(0, colon);
    if (colon != std::string_view::npos) rest = address.substr(colon + 1);
  }
  const bool digits =
      std::all_of(rest.begin(), rest.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || rest.size() > 5 || (!rest.empty() && std::stoul(std::string(rest)) > 65535)) {
    return bad("invalid port");
  }
  parts.port = rest;
  return parts;
}

std::string JoinHostPort(std::string_view host, std::string_view port) {
  std::string out;
  if (host.find(':') != std::string_view::npos) {
    out.append("[").append(host).append("]");
  } else {
    out = host;
  }
  return out.append(":").append(port);
}

}  // namespace thanos::net
