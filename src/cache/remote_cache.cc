#include "cache/remote_cache.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/executor.h"
#include "cache/stream.h"
#include "codec/byte_reader.h"
#include "codec/hash.h"

namespace thanos::cache {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kKeyBytesMax = 250;
// Values that wait to be stored, all together.
constexpr uint64_t kAsyncBytesMax = 64 << 20;

struct Operation {
  metrics::Counter total, failed_timeout, failed_other, skipped_size, skipped_busy, skipped_down;
  metrics::Histogram seconds;

  void Failed(const Status& status) const {
    (status.code() == StatusCode::kDeadlineExceeded ? failed_timeout : failed_other).Add();
  }
};

Operation MakeOperation(const std::string& kind, const std::string& operation,
                        const std::string& name, metrics::Registry* registry) {
  Operation out;
  if (registry == nullptr) return out;
  const std::string prefix = "thanos_" + kind + "_";
  const metrics::LabelPairs labels = {{"operation", operation}, {"name", name}};
  const auto with = [&](const char* metric, const char* help, const char* reason) {
    metrics::LabelPairs all = labels;
    if (*reason != '\0') all["reason"] = reason;
    return registry->AddCounterFamily(prefix + metric, help).With(all);
  };
  out.total = with("operations_total", "Total number of operations against the cache server.", "");
  constexpr char kFailures[] = "Total number of operations against the cache server that failed.";
  out.failed_timeout = with("operation_failures_total", kFailures, "timeout");
  out.failed_other = with("operation_failures_total", kFailures, "other");
  constexpr char kSkipped[] =
      "Total number of operations against the cache server that were skipped.";
  out.skipped_size = with("operation_skipped_total", kSkipped, "max-item-size");
  out.skipped_busy = with("operation_skipped_total", kSkipped, "buffer-full");
  out.skipped_down = with("operation_skipped_total", kSkipped, "server-down");
  out.seconds =
      registry
          ->AddHistogramFamily(prefix + "operation_duration_seconds",
                               "Duration of operations against the cache server.",
                               {0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 3, 6, 10})
          .With(labels);
  return out;
}

// One server: its idle connections, and whether it is left alone for now. Thread-safe.
class Server {
 public:
  Server(std::string address, const RemoteCacheOptions& options, Protocol* protocol,
         net::Resolver* resolver)
      : address_(std::move(address)), options_(options), protocol_(protocol), resolver_(resolver) {}

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
    const auto tls = options_.tls ? options_.tls->Current() : nullptr;
    THANOS_ASSIGN_OR_RETURN(std::unique_ptr<Stream> stream,
                            Stream::Connect(context, *resolver_, address_, tls.get()));
    THANOS_RETURN_IF_ERROR(protocol_->Greet(context, *stream));
    return stream;
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
  const RemoteCacheOptions& options_;
  Protocol* const protocol_;
  net::Resolver* const resolver_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Stream>> idle_;  // Guarded by mutex_.
  int64_t failures_ = 0;                       // Guarded by mutex_.
  Clock::time_point rest_until_{};             // Guarded by mutex_.
};

// A value, charged to the call that asked for it for as long as anybody holds it. Nothing when the
// budget refuses: a miss, and whoever reads the object instead is told so.
base::PinnedBytes Charged(const CallContext& context, std::string value) {
  struct Held {
    std::string value;
    BudgetLease lease;
  };
  auto lease = BudgetLease::Take(context.budget(), value.size());
  if (!lease.ok()) return {};
  auto held = std::make_shared<const Held>(Held{std::move(value), std::move(*lease)});
  return {codec::AsBytes(held->value), held};
}

using ServerRef = std::shared_ptr<Server>;
using Servers = std::vector<ServerRef>;

class RemoteCache : public Cache {
 public:
  RemoteCache(RemoteCacheOptions options, std::unique_ptr<Protocol> protocol,
              const std::string& name, metrics::Registry* registry)
      : options_(std::move(options)),
        protocol_(std::move(protocol)),
        get_(MakeOperation(protocol_->kind(), "getmulti", name, registry)),
        set_(MakeOperation(protocol_->kind(), "set", name, registry)),
        workers_("cache-set", static_cast<size_t>(options_.async_concurrency),
                 static_cast<size_t>(std::max<int64_t>(options_.async_buffer_max, 1))) {
    LookUp();
    if (std::any_of(options_.addresses.begin(), options_.addresses.end(),
                    [](const std::string& address) { return net::IsDynamicAddress(address); })) {
      lookups_ = std::make_unique<base::PeriodicTask>(
          "cache-dns", std::chrono::milliseconds(options_.lookup_ms), [this] { LookUp(); },
          /*run_at_once=*/false);
    }
    if (registry == nullptr) return;
    const metrics::LabelPairs labels = {{"name", name}};
    requests_ = registry->AddCounter("thanos_cache_" + protocol_->kind() + "_requests_total",
                                     "Total number of items requests to the cache server.", labels);
    hits_ = registry->AddCounter(
        "thanos_cache_" + protocol_->kind() + "_hits_total",
        "Total number of items requests to the cache server that were a hit.", labels);
  }
  ~RemoteCache() override {
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
    std::string request = protocol_->SetRequest(name, codec::AsText(value), ttl_ms);
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
          at != known->end()
              ? *at
              : std::make_shared<Server>(address, options_, protocol_.get(), resolver_.get()));
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
    std::vector<std::string_view> distinct;
    std::unordered_map<std::string_view, std::vector<size_t>> wanted;
    for (const size_t i : indexes) {
      std::vector<size_t>& places = wanted[names[i]];
      if (places.empty()) distinct.push_back(names[i]);
      places.push_back(i);
    }
    THANOS_ASSIGN_OR_RETURN(std::unique_ptr<Stream> stream, server.Take(context));
    THANOS_RETURN_IF_ERROR(stream->Write(context, protocol_->GetRequest(distinct)));
    const auto take = [&](std::string_view name, std::string value) -> Status {
      const auto places = wanted.find(name);
      if (places == wanted.end()) return DataLossError("a value that nobody asked for");
      const base::PinnedBytes bytes = Charged(context, std::move(value));
      if (bytes.owner() == nullptr) return OkStatus();
      for (const size_t i : places->second) (*out)[i] = bytes;
      hits_.Add(static_cast<double>(places->second.size()));
      return OkStatus();
    };
    THANOS_RETURN_IF_ERROR(protocol_->ReadGet(context, *stream, distinct, take));
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
      THANOS_RETURN_IF_ERROR(protocol_->ReadSet(context, *stream));
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

  const RemoteCacheOptions options_;
  const std::unique_ptr<Protocol> protocol_;
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
  return "sha256:" + codec::ToHex(codec::Sha256(key));
}

std::unique_ptr<Cache> MakeRemoteCache(RemoteCacheOptions options,
                                       std::unique_ptr<Protocol> protocol, const std::string& name,
                                       metrics::Registry* registry) {
  return std::make_unique<RemoteCache>(std::move(options), std::move(protocol), name, registry);
}

}  // namespace thanos::cache
