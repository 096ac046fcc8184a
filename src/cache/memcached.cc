#include "cache/memcached.h"

#include <algorithm>
#include <charconv>

#include "base/time_text.h"
#include "net/resolver.h"

namespace thanos::cache {
namespace {

// A longer time would be read as a date.
constexpr int64_t kTtlSecondsMax = 30 * 86400;

struct Found {
  std::string key;
  uint64_t bytes = 0;
};

// "VALUE <key> <flags> <bytes>".
Result<Found> ParseValueLine(std::string_view line) {
  Found out;
  const auto word = [&line] {
    const size_t end = std::min(line.find(' '), line.size());
    const std::string_view found = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return found;
  };
  const bool value = word() == "VALUE";
  out.key = word();
  (void)word();
  const std::string_view size = word();
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), out.bytes);
  if (!value || out.key.empty() || error != std::errc() || end != size.data() + size.size() ||
      out.bytes > kValueBytesMax) {
    return DataLossError("memcached: an answer that is none of a get");
  }
  return out;
}

class MemcachedProtocol : public Protocol {
 public:
  std::string kind() const override { return "memcached"; }
  Status Greet(const CallContext&, Stream&) override { return OkStatus(); }

  std::string GetRequest(std::span<const std::string_view> names) const override {
    std::string out = "get";
    for (const std::string_view name : names) out.append(" ").append(name);
    return out + "\r\n";
  }
  Status ReadGet(const CallContext& context, Stream& stream, std::span<const std::string_view>,
                 const Take& take) override {
    while (true) {
      THANOS_ASSIGN_OR_RETURN(const std::string line, stream.ReadLine(context));
      if (line == "END") return OkStatus();
      THANOS_ASSIGN_OR_RETURN(const Found found, ParseValueLine(line));
      THANOS_ASSIGN_OR_RETURN(std::string value, stream.ReadBytes(context, found.bytes + 2));
      if (!value.ends_with("\r\n")) return DataLossError("memcached: a value without its end");
      value.resize(value.size() - 2);
      THANOS_RETURN_IF_ERROR(take(found.key, std::move(value)));
    }
  }
  std::string SetRequest(std::string_view name, std::string_view value,
                         int64_t ttl_ms) const override {
    const int64_t seconds = std::clamp<int64_t>(ttl_ms / 1000, 1, kTtlSecondsMax);
    std::string out = "set " + std::string(name) + " 0 " + std::to_string(seconds) + " " +
                      std::to_string(value.size()) + "\r\n";
    return out.append(value).append("\r\n");
  }
  Status ReadSet(const CallContext& context, Stream& stream) override {
    THANOS_ASSIGN_OR_RETURN(const std::string line, stream.ReadLine(context));
    // A server that is full or refuses the size has answered all the same.
    if (line == "STORED" || line.starts_with("SERVER_ERROR")) return OkStatus();
    return DataLossError("memcached: an answer that is none of a set");
  }
};

}  // namespace

std::unique_ptr<Protocol> MakeMemcachedProtocol() { return std::make_unique<MemcachedProtocol>(); }

std::unique_ptr<Cache> MakeMemcached(MemcachedOptions options, const std::string& name,
                                     metrics::Registry* registry) {
  return MakeRemoteCache(std::move(options), std::make_unique<MemcachedProtocol>(), name, registry);
}

Status ReadBreaker(const config::YamlNode& node, RemoteCacheOptions* out) {
  bool enabled = false;
  int64_t failures = 5, open_ns = 5'000'000'000, requests = 0, half_open = 0;
  double percent = 0;
  config::YamlMap map(node, "set_async_circuit_breaker_config");
  map.Bool("enabled", &enabled)
      .Int("consecutive_failures", &failures)
      .GoDuration("open_duration", &open_ns)
      .Int("min_requests", &requests)
      .Int("half_open_max_requests", &half_open)
      .Float("failure_percent", &percent)
      .AllowUnknown();
  THANOS_RETURN_IF_ERROR(map.Finish());
  if (!enabled) return OkStatus();
  out->failures_max = std::max<int64_t>(failures, 1);
  out->rest_ms = std::max<int64_t>(open_ns / 1'000'000, 1);
  return OkStatus();
}

Result<MemcachedOptions> ReadMemcachedConfig(const config::YamlNode& node) {
  MemcachedOptions out;
  std::string item_size = "1MiB";
  int64_t timeout_ns = out.timeout_ms * 1'000'000, update_ns = 10'000'000'000;
  int64_t get_concurrency = 100;
  bool auto_discovery = false;
  config::YamlMap map(node, "config");
  map.Texts("addresses", &out.addresses)
      .GoDuration("timeout", &timeout_ns)
      .Int("max_idle_connections", &out.idle_connections_max)
      .Int("max_async_concurrency", &out.async_concurrency)
      .Int("max_async_buffer_size", &out.async_buffer_max)
      // Gets run on their callers' threads, which are fewer than this allows.
      .Int("max_get_multi_concurrency", &get_concurrency)
      .Int("max_get_multi_batch_size", &out.batch_max)
      .Text("max_item_size", &item_size)
      .GoDuration("dns_provider_update_interval", &update_ns)
      .Bool("auto_discovery", &auto_discovery)
      .Node("set_async_circuit_breaker_config",
            [&out](const config::YamlNode& breaker) { return ReadBreaker(breaker, &out); })
      .AllowUnknown();
  THANOS_RETURN_IF_ERROR(map.Finish());
  THANOS_ASSIGN_OR_RETURN(out.item_bytes_max, base::ParseBase2Bytes(item_size));
  if (out.addresses.empty()) return InvalidArgumentError("no memcached addresses provided");
  if (update_ns <= 0) {
    return InvalidArgumentError("DNS provider update interval must be positive");
  }
  if (out.async_concurrency <= 0) {
    return InvalidArgumentError("max async concurrency must be positive");
  }
  if (auto_discovery) return UnimplementedError("memcached: auto_discovery is not built yet");
  for (const std::string& address : out.addresses) {
    if (net::IsDynamicAddress(address)) continue;
    const auto parts = net::SplitHostPort(address);
    if (!parts.ok() || parts->port.empty()) {
      return InvalidArgumentError("memcached: " + address + ": missing port in address");
    }
  }
  out.lookup_ms = std::max<int64_t>(update_ns / 1'000'000, 1);
  out.timeout_ms = timeout_ns > 0 ? std::max<int64_t>(timeout_ns / 1'000'000, 1) : 500;
  return out;
}

}  // namespace thanos::cache
