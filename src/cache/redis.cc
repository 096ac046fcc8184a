#include "cache/redis.h"

#include <algorithm>
#include <charconv>

#include "cache/memcached.h"
#include "net/resolver.h"

namespace thanos::cache {
namespace {

std::string Command(std::initializer_list<std::string_view> words) {
  std::string out = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    out += "$" + std::to_string(word.size()) + "\r\n";
    out.append(word).append("\r\n");
  }
  return out;
}

// The number behind the type of an answer's line.
Result<int64_t> NumberOf(std::string_view line, char type) {
  int64_t out = 0;
  if (line.starts_with('-')) return UnavailableError("redis: " + std::string(line.substr(1)));
  if (!line.starts_with(type)) return DataLossError("redis: an answer of another type");
  line.remove_prefix(1);
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), out);
  if (error != std::errc() || end != line.data() + line.size() || line.empty()) {
    return DataLossError("redis: a length that is no number");
  }
  return out;
}

Status CheckOk(std::string_view line) {
  if (line == "+OK") return OkStatus();
  if (!line.starts_with('-')) return DataLossError("redis: an answer that is not +OK");
  return UnavailableError("redis: " + std::string(line.substr(1)));
}

Status ReadOk(const CallContext& context, Stream& stream) {
  const auto line = stream.ReadLine(context);
  return line.ok() ? CheckOk(*line) : line.status();
}

// A bulk string; "" and not present for the null one.
Result<std::string> ReadBulk(const CallContext& context, Stream& stream, bool* present) {
  THANOS_ASSIGN_OR_RETURN(const std::string line, stream.ReadLine(context));
  THANOS_ASSIGN_OR_RETURN(const int64_t bytes, NumberOf(line, '$'));
  *present = bytes != -1;
  if (!*present) return std::string();
  if (bytes < 0 || bytes > static_cast<int64_t>(kValueBytesMax)) {
    return DataLossError("redis: a value of impossible length");
  }
  THANOS_ASSIGN_OR_RETURN(std::string value,
                          stream.ReadBytes(context, static_cast<size_t>(bytes) + 2));
  if (!value.ends_with("\r\n")) return DataLossError("redis: a value without its end");
  value.resize(value.size() - 2);
  return value;
}

class RedisProtocol : public Protocol {
 public:
  explicit RedisProtocol(RedisOptions options) : options_(std::move(options)) {}
  std::string kind() const override { return "redis"; }

  Status Greet(const CallContext& context, Stream& stream) override {
    if (!options_.password.empty()) {
      const std::string auth = options_.username.empty()
                                   ? Command({"AUTH", options_.password})
                                   : Command({"AUTH", options_.username, options_.password});
      THANOS_RETURN_IF_ERROR(stream.Write(context, auth));
      THANOS_RETURN_IF_ERROR(ReadOk(context, stream));
    }
    if (options_.database == 0) return OkStatus();
    THANOS_RETURN_IF_ERROR(
        stream.Write(context, Command({"SELECT", std::to_string(options_.database)})));
    return ReadOk(context, stream);
  }

  std::string GetRequest(std::span<const std::string_view> names) const override {
    std::string out = "*" + std::to_string(names.size() + 1) + "\r\n$4\r\nMGET\r\n";
    for (const std::string_view name : names) {
      out += "$" + std::to_string(options_.prefix.size() + name.size()) + "\r\n";
      out.append(options_.prefix).append(name).append("\r\n");
    }
    return out;
  }
  Status ReadGet(const CallContext& context, Stream& stream,
                 std::span<const std::string_view> names, const Take& take) override {
    THANOS_ASSIGN_OR_RETURN(const std::string line, stream.ReadLine(context));
    THANOS_ASSIGN_OR_RETURN(const int64_t count, NumberOf(line, '*'));
    if (count != std::ssize(names)) return DataLossError("redis: not as many values as keys");
    for (const std::string_view name : names) {
      bool present = false;
      THANOS_ASSIGN_OR_RETURN(std::string value, ReadBulk(context, stream, &present));
      if (present) THANOS_RETURN_IF_ERROR(take(name, std::move(value)));
    }
    return OkStatus();
  }
  std::string SetRequest(std::string_view name, std::string_view value,
                         int64_t ttl_ms) const override {
    return Command({"SET", options_.prefix + std::string(name), value, "PX",
                    std::to_string(std::max<int64_t>(ttl_ms, 1))});
  }
  Status ReadSet(const CallContext& context, Stream& stream) override {
    return ReadOk(context, stream);
  }

 private:
  const RedisOptions options_;
};

struct RedisYaml {
  std::string addr, master;
  int64_t dial_ns = 5'000'000'000, read_ns = 3'000'000'000, write_ns = 3'000'000'000;
  int64_t get_concurrency = 100, set_concurrency = 100, set_batch = 100;
  bool tls = false;
  net::TlsClientOptions tls_options;
  std::string cache_size = "0";
};

Status ReadTls(const config::YamlNode& node, net::TlsClientOptions* tls) {
  std::string min_version;
  config::YamlMap map(node, "tls_config");
  map.Text("ca_file", &tls->ca.file)
      .Text("cert_file", &tls->cert.file)
      .Text("key_file", &tls->key.file)
      .Text("server_name", &tls->server_name)
      .Bool("insecure_skip_verify", &tls->skip_verify)
      .Text("min_version", &min_version)
      .AllowUnknown();
  THANOS_RETURN_IF_ERROR(map.Finish());
  if (min_version.empty()) return OkStatus();
  THANOS_ASSIGN_OR_RETURN(tls->min_version, net::ParseTlsVersion(min_version));
  return OkStatus();
}

Status CheckBuilt(const RedisYaml& yaml) {
  const auto not_built = [](const char* what) {
    return UnimplementedError(std::string("redis: ") + what + " is not built yet");
  };
  if (!yaml.master.empty()) return not_built("master_name (sentinels)");
  if (yaml.addr.find(',') != std::string::npos) return not_built("addr of several servers");
  if (yaml.cache_size != "0" && yaml.cache_size != "0B") {
    return not_built("cache_size (client-side caching)");
  }
  return OkStatus();
}

}  // namespace

std::unique_ptr<Protocol> MakeRedisProtocol(RedisOptions options) {
  return std::make_unique<RedisProtocol>(std::move(options));
}

std::unique_ptr<Cache> MakeRedis(RedisOptions options, const std::string& name,
                                 metrics::Registry* registry) {
  RemoteCacheOptions remote = options.remote;
  return MakeRemoteCache(std::move(remote), std::make_unique<RedisProtocol>(std::move(options)),
                         name, registry);
}

Result<RedisOptions> ReadRedisConfig(const config::YamlNode& node) {
  RedisOptions out;
  RedisYaml yaml;
  out.remote.batch_max = 100;
  out.remote.item_bytes_max = 0;
  config::YamlMap map(node, "config");
  map.Text("addr", &yaml.addr)
      .Text("prefix", &out.prefix)
      .Text("username", &out.username)
      .Text("password", &out.password)
      .Int("db", &out.database)
      .GoDuration("dial_timeout", &yaml.dial_ns)
      .GoDuration("read_timeout", &yaml.read_ns)
      .GoDuration("write_timeout", &yaml.write_ns)
      // Gets run on their callers' threads, sets one by one on those of max_async_concurrency.
      .Int("max_get_multi_concurrency", &yaml.get_concurrency)
      .Int("get_multi_batch_size", &out.remote.batch_max)
      .Int("max_set_multi_concurrency", &yaml.set_concurrency)
      .Int("set_multi_batch_size", &yaml.set_batch)
      .Bool("tls_enabled", &yaml.tls)
      .Node("tls_config",
            [&yaml](const config::YamlNode& tls) { return ReadTls(tls, &yaml.tls_options); })
      .Text("cache_size", &yaml.cache_size)
      .Text("master_name", &yaml.master)
      .Int("max_async_buffer_size", &out.remote.async_buffer_max)
      .Int("max_async_concurrency", &out.remote.async_concurrency)
      .Node("set_async_circuit_breaker_config",
            [&out](const config::YamlNode& breaker) { return ReadBreaker(breaker, &out.remote); })
      .AllowUnknown();
  THANOS_RETURN_IF_ERROR(map.Finish());
  if (yaml.addr.empty()) return InvalidArgumentError("no redis addr provided");
  if (out.remote.async_concurrency <= 0) {
    return InvalidArgumentError("max async concurrency must be positive");
  }
  THANOS_RETURN_IF_ERROR(CheckBuilt(yaml));
  const auto parts = net::SplitHostPort(yaml.addr);
  if (!parts.ok() || parts->port.empty()) {
    return InvalidArgumentError("redis: " + yaml.addr + ": missing port in address");
  }
  out.remote.addresses = {yaml.addr};
  if (yaml.tls) {
    THANOS_ASSIGN_OR_RETURN(out.remote.tls, net::TlsFollower::Client(yaml.tls_options, {}));
  }
  // One deadline for a whole call: its connection, the request, the answer.
  out.remote.timeout_ms = std::max<int64_t>(std::max(yaml.read_ns, yaml.write_ns) / 1'000'000, 1);
  return out;
}

}  // namespace thanos::cache
