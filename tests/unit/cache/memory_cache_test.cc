#include "cache/memory_cache.h"

#include <random>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cache/cache_config.h"
#include "codec/byte_reader.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::cache {
namespace {

constexpr int64_t kHourMs = 3'600'000;

std::string Get(MemoryCache& cache, std::string_view key) {
  const auto found = cache.Fetch(CallContext(), std::span(&key, 1));
  return found[0].owner() ? std::string(codec::AsText(found[0].bytes())) : "(none)";
}
void Put(MemoryCache& cache, std::string_view key, std::string_view value,
         int64_t ttl_ms = kHourMs) {
  cache.Store(key, codec::AsBytes(value), ttl_ms, 0);
}

TEST(MemoryCacheTest, KeepsTheFirstValueOfAKey) {
  MemoryCache cache({}, {});
  EXPECT_EQ(Get(cache, "a"), "(none)");
  Put(cache, "a", "one");
  Put(cache, "a", "two");
  EXPECT_EQ(Get(cache, "a"), "one");
  Put(cache, "empty", "");
  EXPECT_EQ(Get(cache, "empty"), "");
}

TEST(MemoryCacheTest, AnExpiredValueIsAMissAndIsReplaced) {
  metrics::Registry registry;
  MemoryCacheCounters counters;
  counters.expired = registry.AddCounter("expired", "");
  counters.items = registry.AddGauge("items", "");
  MemoryCache cache({}, {counters});
  Put(cache, "a", "old", 0);
  EXPECT_EQ(Get(cache, "a"), "(none)");
  EXPECT_EQ(counters.expired.value(), 1);
  Put(cache, "a", "new");
  EXPECT_EQ(Get(cache, "a"), "new");
  EXPECT_EQ(counters.items.value(), 1);
}

TEST(MemoryCacheTest, TheBoundHoldsUnderManyThreads) {
  metrics::Registry registry;
  MemoryCacheCounters counters;
  counters.total_bytes = registry.AddGauge("bytes", "");
  counters.evicted = registry.AddCounter("evicted", "");
  MemoryCache cache({.bytes_max = 100'000, .item_bytes_max = 20'000}, {counters});
  std::vector<std::thread> threads;
  std::atomic<uint64_t> most{0}, wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int i = 0; i < 3000; ++i) {
        const std::string key = "k" + std::to_string(random() % 500);
        const std::string value(std::hash<std::string>()(key) % 3000, key.back());
        const std::string found = Get(cache, key);
        if (found == "(none)") {
          Put(cache, key, value);
        } else if (found != value) {
          ++wrong;
        }
        most = std::max<uint64_t>(most, cache.bytes());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u);
  // What is under way is counted before it is there: at most one item a thread.
  EXPECT_LE(most, 100'000u + 4 * 3300);
  EXPECT_LE(cache.bytes(), 100'000u);
  EXPECT_GT(cache.bytes(), 50'000u);
  EXPECT_EQ(counters.total_bytes.value(), static_cast<double>(cache.bytes()));
  EXPECT_GT(counters.evicted.value(), 0);
}

TEST(MemoryCacheTest, WhatIsTooLargeIsCountedAndNotKept) {
  metrics::Registry registry;
  MemoryCacheCounters counters;
  counters.overflowed = registry.AddCounter("overflowed", "");
  MemoryCache cache({.bytes_max = 10'000, .item_bytes_max = 100}, {counters});
  Put(cache, "a", std::string(101, 'x'));
  EXPECT_EQ(Get(cache, "a"), "(none)");
  EXPECT_EQ(counters.overflowed.value(), 1);
  EXPECT_EQ(cache.bytes(), 0u);
  MemoryCache none({.bytes_max = 0, .item_bytes_max = 0}, {counters});
  Put(none, "a", "");
  EXPECT_EQ(Get(none, "a"), "(none)");
}

TEST(MemoryCacheTest, AScanDoesNotPushOutWhatIsUsed) {
  MemoryCache cache({.bytes_max = 200'000, .item_bytes_max = 10'000, .shards = 1}, {});
  const std::string value(100, 'v');
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) {
      const std::string key = "hot" + std::to_string(i);
      if (Get(cache, key) == "(none)") Put(cache, key, value);
    }
  }
  for (int i = 0; i < 20'000; ++i) Put(cache, "scan" + std::to_string(i), value);
  int kept = 0;
  for (int i = 0; i < 100; ++i) kept += Get(cache, "hot" + std::to_string(i)) != "(none)";
  EXPECT_EQ(kept, 100);
}

TEST(MemoryCacheTest, AValueOutlivesItsPlaceInTheCache) {
  base::PinnedBytes held;
  {
    MemoryCache cache({.bytes_max = 1000, .item_bytes_max = 500, .shards = 1}, {});
    Put(cache, "a", "kept");
    const std::string_view key = "a";
    held = cache.Fetch(CallContext(), std::span(&key, 1))[0];
    for (int i = 0; i < 50; ++i) Put(cache, std::to_string(i), "other");
  }
  EXPECT_EQ(codec::AsText(held.bytes()), "kept");
}

TEST(CacheConfigTest, NamesWhatIsSetAndChangesNothing) {
  EXPECT_THAT(
      KeysWithoutEffect("type: redis\nconfig: {addr: x, dial_timeout: 5s, db: 1, "
                        "set_async_circuit_breaker_config: {min_requests: 5}}"),
      ::testing::ElementsAre("dial_timeout", "set_async_circuit_breaker_config.min_requests"));
  EXPECT_THAT(KeysWithoutEffect("type: MEMCACHED\nconfig: {max_get_multi_concurrency: 5}"),
              ::testing::ElementsAre("max_get_multi_concurrency"));
  EXPECT_THAT(KeysWithoutEffect("type: IN-MEMORY\nconfig: {max_size: 5MB}"), ::testing::IsEmpty());
  EXPECT_THAT(KeysWithoutEffect("{"), ::testing::IsEmpty());
}

TEST(CacheConfigTest, ReadsTheVectorsOfInMemoryCaches) {
  const std::string path = "conformance/vectors/cache_yaml.jsonl";
  THANOS_SKIP_WITHOUT_SHARED(path);
  int seen = 0;
  for (const auto& row : testing::ReadJsonLines(testing::SharedPath(path))) {
    auto yaml = config::ParseYaml(row["yaml"].get<std::string>());
    if (!yaml.ok() || row["kind"] != "index_cache") continue;
    const config::YamlNode* type = yaml->Find("type");
    if (type == nullptr || UpperType(type->scalar) != "IN-MEMORY") continue;
    if (row["id"] == "yi019") continue;  // A negative size, which Go takes for a huge one.
    const std::string error = row.value("error", "");
    if (error.find("index cache: ") == std::string::npos && !row["ok"].get<bool>()) continue;
    const config::YamlNode* node = yaml->Find("config");
    const auto options = ReadMemoryConfig(node == nullptr ? config::YamlNode() : *node);
    EXPECT_EQ(options.ok(), row["ok"].get<bool>())
        << row["id"] << " " << options.status().message();
    ++seen;
  }
  EXPECT_GT(seen, 8);
}

}  // namespace
}  // namespace thanos::cache
