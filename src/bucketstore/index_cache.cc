#include "bucketstore/index_cache.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <vector>

#include "cache/cache_config.h"
#include "cache/memcached.h"
#include "cache/memory_cache.h"
#include "cache/redis.h"
#include "codec/hash.h"
#include "config/yaml.h"

namespace thanos::bucketstore {
namespace {

using Item = block::IndexCache::Item;
using block::IndexCache;

constexpr std::array<const char*, IndexCache::kItems> kNames = {"Postings", "ExpandedPostings",
                                                                "Series"};
// Not those of Go's stores ("P:", …), whose values look different: on one server neither reads what
// the other wrote.
constexpr std::array<std::string_view, IndexCache::kItems> kPrefixes = {"p:", "e:", "s4k:"};
constexpr int64_t kDayMs = 86'400'000;

size_t IndexOf(Item item) { return static_cast<size_t>(item); }

// Many keys in one piece of memory.
class Keys {
 public:
  Keys(std::string_view prefix, const std::string& block, std::span<const uint64_t> numbers) {
    const size_t most = prefix.size() + block.size() + 1 + 20;
    text_.reserve(numbers.size() * most);
    for (const uint64_t number : numbers) {
      const size_t begin = text_.size();
      text_.append(prefix).append(block).push_back(':');
      std::array<char, 20> digits;
      const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
      text_.append(digits.data(), end);
      views_.emplace_back(text_.data() + begin, text_.size() - begin);
    }
  }
  Keys(const Keys&) = delete;
  std::span<const std::string_view> views() const { return views_; }

 private:
  std::string text_;  // Never grows beyond what was reserved: the views stay.
  std::vector<std::string_view> views_;
};

class BytesIndexCache : public IndexCache {
 public:
  BytesIndexCache(std::unique_ptr<cache::Cache> cache, std::array<bool, kItems> keeps,
                  int64_t ttl_ms, metrics::Registry* registry)
      : cache_(std::move(cache)), keeps_(keeps), ttl_ms_(ttl_ms) {
    if (registry == nullptr) return;
    const std::string prefix = "thanos_store_index_cache_";
    requests_ = registry->AddCounterFamily(prefix + "requests_total",
                                           "Total number of items requests to the cache.");
    hits_ = registry->AddCounterFamily(
        prefix + "hits_total", "Total number of items requests to the cache that were a hit.");
    stored_ = registry->AddHistogramFamily(prefix + "stored_data_size_bytes",
                                           "Size of the item data stored in the index cache.",
                                           {32, 256, 512, 1024, 32 << 10, 256 << 10, 512 << 10,
                                            1 << 20, 32 << 20, 64 << 20, 128 << 20});
    fetch_ = registry->AddHistogramFamily(
        prefix + "fetch_duration_seconds", "Time to fetch items from the index cache.",
        {0.01, 0.1, 0.3, 0.6, 1, 3, 6, 10, 15, 20, 30, 45, 60, 90, 120});
    for (const char* name : kNames) {
      const metrics::LabelPairs labels = {{"item_type", name},
                                          {"tenant", std::string(kDefaultTenant)}};
      (void)requests_.With(labels);
      (void)hits_.With(labels);
      (void)stored_.With(labels);
      (void)fetch_.With(labels);
    }
  }

  bool Keeps(Item item) const override { return keeps_[IndexOf(item)]; }

  std::vector<base::PinnedBytes> Fetch(const CallContext& context, Item item,
                                       const std::string& block,
                                       std::span<const uint64_t> keys) override {
    const Keys names(kPrefixes[IndexOf(item)], block, keys);
    return FetchCounted(context, item, names.views());
  }
  void Store(const CallContext& context, Item item, const std::string& block, uint64_t key,
             std::span<const std::byte> bytes) override {
    const Keys names(kPrefixes[IndexOf(item)], block, std::span(&key, 1));
    StoreCounted(context, item, names.views()[0], bytes);
  }
  base::PinnedBytes FetchExpanded(const CallContext& context, const std::string& block,
                                  std::string_view matchers) override {
    const std::string key = ExpandedKey(block, matchers);
    const std::string_view view = key;
    return FetchCounted(context, Item::kExpandedPostings, std::span(&view, 1))[0];
  }
  void StoreExpanded(const CallContext& context, const std::string& block,
                     std::string_view matchers, std::span<const std::byte> bytes) override {
    StoreCounted(context, Item::kExpandedPostings, ExpandedKey(block, matchers), bytes);
  }

 private:
  // Matchers may be long: their digest stands for them.
  static std::string ExpandedKey(const std::string& block, std::string_view matchers) {
    return std::string(kPrefixes[IndexOf(Item::kExpandedPostings)]) + block + ":" +
           codec::ToHex(codec::Sha256(matchers));
  }
  metrics::LabelPairs LabelsOf(const CallContext& context, Item item) const {
    return {{"item_type", kNames[IndexOf(item)]}, {"tenant", context.tenant()}};
  }
  std::vector<base::PinnedBytes> FetchCounted(const CallContext& context, Item item,
                                              std::span<const std::string_view> keys) {
    if (!Keeps(item) || keys.empty()) return std::vector<base::PinnedBytes>(keys.size());
    const auto begin = std::chrono::steady_clock::now();
    std::vector<base::PinnedBytes> out = cache_->Fetch(context, keys);
    const auto spent = std::chrono::steady_clock::now() - begin;
    size_t hits = 0;
    for (const base::PinnedBytes& value : out) hits += value.owner() ? 1 : 0;
    const metrics::LabelPairs labels = LabelsOf(context, item);
    requests_.With(labels).Add(static_cast<double>(keys.size()));
    hits_.With(labels).Add(static_cast<double>(hits));
    fetch_.With(labels).Observe(std::chrono::duration<double>(spent).count());
    return out;
  }
  void StoreCounted(const CallContext& context, Item item, std::string_view key,
                    std::span<const std::byte> bytes) {
    if (!Keeps(item)) return;
    stored_.With(LabelsOf(context, item)).Observe(static_cast<double>(bytes.size()));
    cache_->Store(key, bytes, ttl_ms_, static_cast<uint8_t>(item));
  }

  const std::unique_ptr<cache::Cache> cache_;
  const std::array<bool, kItems> keeps_;
  const int64_t ttl_ms_;
  metrics::CounterFamily requests_, hits_;
  metrics::HistogramFamily stored_, fetch_;
};

std::vector<cache::MemoryCacheCounters> CountersFor(const cache::MemoryCacheOptions& options,
                                                    metrics::Registry* registry) {
  std::vector<cache::MemoryCacheCounters> out(IndexCache::kItems);
  if (registry == nullptr) return out;
  const std::string prefix = "thanos_store_index_cache_";
  for (size_t i = 0; i < out.size(); ++i) {
    const metrics::LabelPairs type = {{"item_type", kNames[i]}};
    const auto counter = [&](const char* name, const char* help) {
      return registry->AddCounterFamily(prefix + name, help).With(type);
    };
    const auto gauge = [&](const char* name, const char* help) {
      return registry->AddGaugeFamily(prefix + name, help).With(type);
    };
    out[i].added =
        counter("items_added_total", "Total number of items that were added to the index cache.");
    out[i].evicted = counter("items_evicted_total",
                             "Total number of items that were evicted from the index cache.");
    out[i].overflowed =
        counter("items_overflowed_total",
                "Total number of items that could not be added to the cache due to being too big.");
    out[i].items = gauge("items", "Current number of items in the index cache.");
    out[i].value_bytes =
        gauge("items_size_bytes", "Current byte size of items in the index cache.");
    out[i].total_bytes = gauge(
        "total_size_bytes", "Current byte size of items, their keys and what holding them costs.");
  }
  registry
      ->AddGauge(prefix + "max_size_bytes",
                 "Maximum number of bytes to be held in the index cache.")
      .Set(static_cast<double>(options.bytes_max));
  registry
      ->AddGauge(prefix + "max_item_size_bytes",
                 "Maximum number of bytes for single entry to be held in the index cache.")
      .Set(static_cast<double>(options.item_bytes_max));
  return out;
}

struct Settings {
  std::string type = "IN-MEMORY";
  cache::MemoryCacheOptions memory;
  std::optional<cache::MemcachedOptions> memcached;
  std::optional<cache::RedisOptions> redis;
  std::array<bool, IndexCache::kItems> keeps = {true, true, true};
  int64_t ttl_ns = 0;
};

Status ReadItems(const std::vector<std::string>& names, Settings* settings) {
  if (names.empty()) return OkStatus();
  settings->keeps = {};
  for (const std::string& name : names) {
    bool known = false;
    for (size_t i = 0; i < kNames.size(); ++i) {
      if (name != kNames[i]) continue;
      settings->keeps[i] = known = true;
    }
    if (!known) return InvalidArgumentError("unsupported item type " + name);
  }
  return OkStatus();
}

Result<Settings> ReadSettings(std::string_view yaml) {
  THANOS_ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(yaml));
  Settings out;
  out.type.clear();
  std::vector<std::string> items;
  config::YamlNode inner;
  config::YamlMap map(root, "index cache");
  map.Text("type", &out.type)
      .Texts("enabled_items", &items)
      .GoDuration("ttl", &out.ttl_ns)
      .Node("config", [&](const config::YamlNode& node) {
        inner = node;
        return OkStatus();
      });
  if (Status status = map.Finish(); !status.ok()) {
    return status.WithContext("parsing config YAML file");
  }
  const std::string type = cache::UpperType(out.type);
  THANOS_RETURN_IF_ERROR(ReadItems(items, &out));
  if (type == "REDIS") {
    auto redis = cache::ReadRedisConfig(inner);
    if (!redis.ok()) return redis.status().WithContext("create " + out.type + " index cache");
    out.redis = std::move(*redis);
    return out;
  }
  if (type == "MEMCACHED") {
    auto memcached = cache::ReadMemcachedConfig(inner);
    if (!memcached.ok()) {
      return memcached.status().WithContext("create " + out.type + " index cache");
    }
    out.memcached = std::move(*memcached);
    return out;
  }
  if (type != "IN-MEMORY") {
    return InvalidArgumentError("index cache with type " + out.type + " is not supported");
  }
  auto memory = cache::ReadMemoryConfig(inner);
  if (!memory.ok()) return memory.status().WithContext("create " + out.type + " index cache");
  out.memory = *memory;
  return out;
}

}  // namespace

Result<std::unique_ptr<block::IndexCache>> MakeIndexCache(std::string_view yaml, uint64_t bytes_max,
                                                          metrics::Registry* registry) {
  Settings settings;
  if (!yaml.empty()) {
    THANOS_ASSIGN_OR_RETURN(settings, ReadSettings(yaml));
  } else {
    settings.memory.bytes_max = bytes_max;
    settings.memory.item_bytes_max = std::min<uint64_t>(bytes_max, 125 << 20);
  }
  std::unique_ptr<cache::Cache> bytes;
  if (settings.memcached) {
    bytes = cache::MakeMemcached(std::move(*settings.memcached), "index-cache", registry);
  } else if (settings.redis) {
    bytes = cache::MakeRedis(std::move(*settings.redis), "index-cache", registry);
  } else {
    bytes = std::make_unique<cache::MemoryCache>(settings.memory,
                                                 CountersFor(settings.memory, registry));
  }
  // Blocks never change: only a server that others use too needs its items to grow old.
  const int64_t ttl_ms = settings.ttl_ns > 0 ? settings.ttl_ns / 1'000'000 : kDayMs;
  return std::unique_ptr<block::IndexCache>(
      std::make_unique<BytesIndexCache>(std::move(bytes), settings.keeps, ttl_ms, registry));
}

}  // namespace thanos::bucketstore
