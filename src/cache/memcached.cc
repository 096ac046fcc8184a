#include "cache/memcached.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/executor.h"
#include "base/time_text.h"
#include "cache/stream.h"
#include "codec/byte_reader.h"
#include "codec/hash.h"

namespace thanos::cache {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kKeyBytesMax = 250;
// What a server says it sends beyond this is not believed.
constexpr uint64_t kValueBytesMax = 256 << 20;
// Values that wait to be stored, all together.
constexpr uint64_t kAsyncBytesMax = 64 << 20;
// A longer time would be read as a date.
constexpr int64_t kTtlSecondsMax = 30 * 86400;

struct Operation {
  metrics::Counter total, failed_timeout, failed_other, skipped_size, skipped_busy, skipped_down;
  metrics::Histogram seconds;

  void Failed(const Status& status) const {
    (status.code() == StatusCode::kDeadlineExceeded ? failed_timeout : failed_other).Add();
  }
};

Operation MakeOperation(const std::string& operation, const std::string& name,
                        metrics::Registry* registry) {
  Operation out;
  if (registry == nullptr) return out;
  const std::string prefix = "thanos_memcached_";
  const metrics::LabelPairs labels = {{"operation", operation}, {"name", name}};
  const auto with = [&](const char* metric, const char* help, const char* reason) {
    metrics::LabelPairs all = labels;
    if (*reason != '\0') all["reason"] = reason;
    return registry->AddCounterFamily(prefix + metric, help).With(all);
  };
  out.total = with("operations_total", "Total number of operations against memcached.", "");
  constexpr char kFailures[] = "Total number of operations against memcached that failed.";
  out.failed_timeout = with("operation_failures_total", kFailures, "timeout");
  out.failed_other = with("operation_failures_total", kFailures, "other");
  constexpr char kSkipped[] = "Total number of operations against memcached that were skipped.";
  out.skipped_size = with("operation_skipped_total", kSkipped, "max-item-size");
  out.skipped_busy = with("operation_skipped_total", kSkipped, "buffer-full");
  out.skipped_down = with("operation_skipped_total", kSkipped, "server-down");
  out.seconds =
      registry
          ->AddHistogramFamily(prefix + "operation_duration_seconds",
                               "Duration of operations against memcached.",
                               {0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 3, 6, 10})
          .With(labels);
  return out;
}

// One server: its idle connections, and whether it is left alone for now. Thread-safe.
class Server {
 public:
  Server(std::string address, const MemcachedOptions& options, net::Resolver* resolver)
      : address_(std::move(address)), options_(options), resolver_(resolver) {}

  const std::string& address() const { return address_; }

  bool Resting() const {
    std::lock_guard lock(mutex_);
    return Clock::now() < rest_until_;
  }
  Result<std::unique_ptr<Stream>> Take(const CallContext& context) {
    {
      std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Stream> stream = std::move(idle_.back());
        idle_.pop_back();
        return stream;
      }
    }
    return Stream::Connect(context, *resolver_, address_);
  }
  void Succeeded(std::unique_ptr<Stream> stream) {
    std::lock_guard lock(mutex_);
    failures_ = 0;
    if (!stream->clean() || std::ssize(idle_) >= options_.idle_connections_max) return;
    idle_.push_back(std::move(stream));
  }
  // A caller that went away says nothing about the server.
  void Failed(const Status& status) {
    if (status.code() == StatusCode::kCancelled) return;
    std::lock_guard lock(mutex_);
    idle_.clear();
    if (++failures_ < options_.failures_max) return;
    failures_ = 0;
    rest_until_ = Clock::now() + std::chrono::milliseconds(options_.rest_ms);
  }

 private:
  const std::string address_;
  const MemcachedOptions& options_;
  net::Resolver* const resolver_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Stream>> idle_;  // Guarded by mutex_.
  int64_t failures_ = 0;                       // Guarded by mutex_.
  Clock::time_point rest_until_{};             // Guarded by mutex_.
};

using ServerRef = std::shared_ptr<Server>;
using Servers = std::vector<ServerRef>;

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

class Memcached : public Cache {
 public:
  Memcached(MemcachedOptions options, const std::string& name, metrics::Registry* registry)
      : options_(std::move(options)),
        get_(MakeOperation("getmulti", name, registry)),
        set_(MakeOperation("set", name, registry)),
        workers_("memcached", static_cast<size_t>(options_.async_concurrency),
                 static_cast<size_t>(std::max<int64_t>(options_.async_buffer_max, 1))) {
    LookUp();
    if (std::any_of(options_.addresses.begin(), options_.addresses.end(),
                    [](const std::string& address) { return net::IsDynamicAddress(address); })) {
      lookups_ = std::make_unique<base::PeriodicTask>(
          "memcached-dns", std::chrono::milliseconds(options_.lookup_ms), [this] { LookUp(); },
          /*run_at_once=*/false);
    }
    if (registry == nullptr) return;
    const metrics::LabelPairs labels = {{"name", name}};
    requests_ = registry->AddCounter("thanos_cache_memcached_requests_total",
                                     "Total number of items requests to memcached.", labels);
    hits_ = registry->AddCounter("thanos_cache_memcached_hits_total",
                                 "Total number of items requests to memcached that were a hit.",
                                 labels);
  }
  ~Memcached() override {
    stopping_.Cancel();
    lookups_.reset();
  }

  std::vector<base::PinnedBytes> Fetch(const CallContext& context,
                                       std::span<const std::string_view> keys) override {
    std::vector<base::PinnedBytes> out(keys.size());
    requests_.Add(static_cast<double>(keys.size()));
    const std::shared_ptr<const Servers> servers = Current();
    if (servers->empty()) return out;
    std::map<size_t, std::vector<size_t>> by_server;
    std::vector<std::string> names;
    for (size_t i = 0; i < keys.size(); ++i) {
      names.push_back(ProtocolKey(keys[i]));
      by_server[ServerOf(names.back(), servers->size())].push_back(i);
    }
    const CallContext timed = context.WithDeadline(Deadline());
    for (const auto& [server, indexes] : by_server) {
      const size_t batch =
          options_.batch_max > 0 ? static_cast<size_t>(options_.batch_max) : indexes.size();
      for (size_t at = 0; at < indexes.size(); at += batch) {
        const auto part = std::span(indexes).subspan(at, std::min(batch, indexes.size() - at));
        if (!FetchFrom(timed, *(*servers)[server], names, part, &out)) break;
      }
    }
    return out;
  }

  void Store(std::string_view key, std::span<const std::byte> value, int64_t ttl_ms,
             uint8_t) override {
    if (options_.item_bytes_max > 0 && std::ssize(value) > options_.item_bytes_max) {
      return set_.skipped_size.Add();
    }
    std::string name = ProtocolKey(key);
    const std::shared_ptr<const Servers> servers = Current();
    if (servers->empty()) return set_.skipped_down.Add();
    const ServerRef server = (*servers)[ServerOf(name, servers->size())];
    if (server->Resting()) return set_.skipped_down.Add();
    const uint64_t bytes = value.size();
    if (waiting_bytes_.fetch_add(bytes) + bytes > kAsyncBytesMax) {
      waiting_bytes_.fetch_sub(bytes);
      return set_.skipped_busy.Add();
    }
    const int64_t seconds = std::clamp<int64_t>(ttl_ms / 1000, 1, kTtlSecondsMax);
    std::string request =
        "set " + name + " 0 " + std::to_string(seconds) + " " + std::to_string(bytes) + "\r\n";
    request.append(codec::AsText(value)).append("\r\n");
    const bool taken = workers_.TrySubmit([this, server, bytes, request = std::move(request)] {
      Set(*server, request);
      waiting_bytes_.fetch_sub(bytes);
    });
    if (taken) return;
    waiting_bytes_.fetch_sub(bytes);
    set_.skipped_busy.Add();
  }

 private:
  Clock::time_point Deadline() const {
    return Clock::now() + std::chrono::milliseconds(options_.timeout_ms);
  }

  std::shared_ptr<const Servers> Current() const {
    std::lock_guard lock(mutex_);
    return servers_;
  }

  // A name that cannot be looked up keeps what is known of all: servers must not change places.
  void LookUp() {
    std::vector<std::string> found;
    for (const std::string& address : options_.addresses) {
      if (!net::IsDynamicAddress(address)) {
        found.push_back(address);
        continue;
      }
      const auto resolved = resolver_->Resolve(stopping_.WithDeadline(Deadline()), address);
      if (!resolved.ok()) return;
      found.insert(found.end(), resolved->begin(), resolved->end());
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    const std::shared_ptr<const Servers> known = Current();
    auto next = std::make_shared<Servers>();
    for (const std::string& address : found) {
      const auto at = std::find_if(known->begin(), known->end(), [&](const ServerRef& server) {
        return server->address() == address;
      });
      next->push_back(
          at != known->end() ? *at : std::make_shared<Server>(address, options_, resolver_.get()));
    }
    std::lock_guard lock(mutex_);
    servers_ = std::move(next);
  }

  // False: the server is of no use now.
  bool FetchFrom(const CallContext& context, Server& server, const std::vector<std::string>& names,
                 std::span<const size_t> indexes, std::vector<base::PinnedBytes>* out) {
    if (server.Resting()) {
      get_.skipped_down.Add();
      return false;
    }
    get_.total.Add();
    const auto begin = Clock::now();
    const Status status = Get(context, server, names, indexes, out);
    if (!status.ok()) {
      get_.Failed(status);
      server.Failed(status);
      return false;
    }
    get_.seconds.Observe(std::chrono::duration<double>(Clock::now() - begin).count());
    return true;
  }

  Status Get(const CallContext& context, Server& server, const std::vector<std::string>& names,
             std::span<const size_t> indexes, std::vector<base::PinnedBytes>* out) {
    std::string request = "get";
    std::unordered_map<std::string_view, std::vector<size_t>> wanted;
    for (const size_t i : indexes) {
      if (auto& places = wanted[names[i]]; places.empty()) request += " " + names[i];
      wanted[names[i]].push_back(i);
    }
    request += "\r\n";
    THANOS_ASSIGN_OR_RETURN(std::unique_ptr<Stream> stream, server.Take(context));
    THANOS_RETURN_IF_ERROR(stream->Write(context, request));
    while (true) {
      THANOS_ASSIGN_OR_RETURN(const std::string line, stream->ReadLine(context));
      if (line == "END") break;
      THANOS_ASSIGN_OR_RETURN(const Found found, ParseValueLine(line));
      THANOS_ASSIGN_OR_RETURN(std::string value, stream->ReadBytes(context, found.bytes + 2));
      if (!value.ends_with("\r\n")) return DataLossError("memcached: a value without its end");
      value.resize(value.size() - 2);
      const auto places = wanted.find(found.key);
      if (places == wanted.end()) return DataLossError("memcached: a value nobody asked for");
      const base::PinnedBytes bytes = base::PinnedBytes::Of(std::move(value));
      for (const size_t i : places->second) (*out)[i] = bytes;
      hits_.Add(static_cast<double>(places->second.size()));
    }
    server.Succeeded(std::move(stream));
    return OkStatus();
  }

  void Set(Server& server, const std::string& request) {
    if (server.Resting() || !stopping_.Check().ok()) return set_.skipped_down.Add();
    set_.total.Add();
    const auto begin = Clock::now();
    const CallContext context = stopping_.WithDeadline(Deadline());
    const auto run = [&]() -> Status {
      THANOS_ASSIGN_OR_RETURN(std::unique_ptr<Stream> stream, server.Take(context));
      THANOS_RETURN_IF_ERROR(stream->Write(context, request));
      THANOS_ASSIGN_OR_RETURN(const std::string line, stream->ReadLine(context));
      // A server that is full or refuses the size has answered all the same.
      if (line != "STORED" && !line.starts_with("SERVER_ERROR")) {
        return DataLossError("memcached: an answer that is none of a set");
      }
      server.Succeeded(std::move(stream));
      return OkStatus();
    };
    const Status status = run();
    if (!status.ok()) {
      set_.Failed(status);
      return server.Failed(status);
    }
    set_.seconds.Observe(std::chrono::duration<double>(Clock::now() - begin).count());
  }

  const MemcachedOptions options_;
  const Operation get_, set_;
  metrics::Counter requests_, hits_;
  const std::shared_ptr<net::Resolver> resolver_ = net::MakeSystemResolver();
  mutable std::mutex mutex_;
  std::shared_ptr<const Servers> servers_ = std::make_shared<Servers>();  // Guarded by mutex_.
  std::unique_ptr<base::PeriodicTask> lookups_;
  CallContext stopping_;
  std::atomic<uint64_t> waiting_bytes_{0};
  base::Executor workers_;  // Last: its end waits for what uses the others.
};

}  // namespace

// Jump consistent hash (Lamping, Veach).
size_t ServerOf(std::string_view key, size_t servers) {
  uint64_t hash = codec::Xxh64(key);
  int64_t last = -1, next = 0;
  while (next < static_cast<int64_t>(servers)) {
    last = next;
    hash = hash * 2862933555777941757ULL + 1;
    next = static_cast<int64_t>(
        static_cast<double>(last + 1) *
        (static_cast<double>(int64_t{1} << 31) / static_cast<double>((hash >> 33) + 1)));
  }
  return static_cast<size_t>(std::max<int64_t>(last, 0));
}

std::string ProtocolKey(std::string_view key) {
  const bool plain = !key.empty() && key.size() <= kKeyBytesMax &&
                     std::all_of(key.begin(), key.end(), [](char c) { return c > 32 && c < 127; });
  if (plain) return std::string(key);
  std::string out = "sha256:";
  for (const uint8_t byte : codec::Sha256(key)) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

std::unique_ptr<Cache> MakeMemcached(MemcachedOptions options, const std::string& name,
                                     metrics::Registry* registry) {
  return std::make_unique<Memcached>(std::move(options), name, registry);
}

namespace {

// Consecutive failures rest a server here; rates of failure do not.
Status ReadBreaker(const config::YamlNode& node, MemcachedOptions* out) {
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

}  // namespace

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
