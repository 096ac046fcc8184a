#include "cache/memcached.h"

#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"
#include "unit/cache/fake_server.h"

namespace thanos::cache {
namespace {

TEST(MemcachedTest, GivesBackWhatWasStoredWhereverItLies) {
  FakeServer one, two;
  const auto cache = MakeMemcached(
      {.addresses = {one.address(), two.address()}, .timeout_ms = 5000}, "t", nullptr);
  std::vector<std::string> keys;
  for (int i = 0; i < 40; ++i) keys.push_back("S:01ARZ3NDEKTSV4RRFFQ69G5FAV:" + std::to_string(i));
  keys.push_back("with a space\n");
  keys.push_back(std::string(400, 'k'));
  for (const std::string& key : keys) Put(*cache, key, "value\r\nEND\r\n" + key);
  ASSERT_TRUE(WaitFor([&] { return one.sets + two.sets == std::ssize(keys); }));
  EXPECT_GT(one.sets, 5);
  EXPECT_GT(two.sets, 5);
  std::vector<std::string_view> views(keys.begin(), keys.end());
  views.insert(views.begin() + 7, "absent");
  views.push_back(views[0]);
  const auto found = cache->Fetch(CallContext(), views);
  for (size_t i = 0; i < views.size(); ++i) {
    EXPECT_EQ(found[i].owner() != nullptr, i != 7);
    if (i != 7) {
      EXPECT_EQ(codec::AsText(found[i].bytes()), "value\r\nEND\r\n" + std::string(views[i]));
    }
  }
  EXPECT_EQ(one.gets + two.gets, 2) << "one request a server";
}

TEST(MemcachedTest, ASlowServerCostsItsTimeoutAndIsThenLeftAlone) {
  FakeServer server;
  server.Say("-");
  const auto cache = MakeMemcached(
      {.addresses = {server.address()}, .timeout_ms = 50, .failures_max = 3, .rest_ms = 60'000},
      "t", nullptr);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Get(*cache, "a"), "(none)");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  EXPECT_EQ(server.gets, 3);
}

TEST(MemcachedTest, ValuesAreChargedToTheCallForAsLongAsTheyAreHeld) {
  FakeServer server;
  const auto cache =
      MakeMemcached({.addresses = {server.address()}, .timeout_ms = 5000}, "t", nullptr);
  Put(*cache, "small", std::string(100, 'x'));
  Put(*cache, "large", std::string(1000, 'x'));
  ASSERT_TRUE(WaitFor([&] { return server.sets == 2; }));
  const auto budget = Budget::Make("call", 500);
  const std::vector<std::string_view> keys = {"large", "small"};
  auto found = cache->Fetch(CallContext().WithBudget(budget), keys);
  EXPECT_FALSE(found[0].owner()) << "what the budget refuses is a miss";
  EXPECT_TRUE(found[1].owner());
  EXPECT_EQ(budget->used_bytes(), 100u);
  found.clear();
  EXPECT_EQ(budget->used_bytes(), 0u);
}

TEST(MemcachedTest, ADeadServerIsAMiss) {
  std::string address;
  {
    FakeServer server;
    address = server.address();
  }
  const auto cache = MakeMemcached({.addresses = {address}}, "t", nullptr);
  EXPECT_EQ(Get(*cache, "a"), "(none)");
  Put(*cache, "a", "b");
  EXPECT_EQ(Get(*cache, "a"), "(none)");
}

TEST(MemcachedTest, WrongAnswersAreMissesAndNothingOfThemIsLeftOver) {
  FakeServer server;
  const auto cache = MakeMemcached(
      {.addresses = {server.address()}, .timeout_ms = 200, .failures_max = 1000}, "t", nullptr);
  Put(*cache, "a", "right");
  ASSERT_TRUE(WaitFor([&] { return server.sets == 1; }));
  for (const char* answer :
       {"ERROR\r\n", "VALUE a 0 99999999999\r\n", "VALUE a 0 -1\r\nx\r\nEND\r\n",
        "VALUE other 0 1\r\nx\r\nEND\r\n", "VALUE a 0 3\r\nwrong\r\nEND\r\n", "VALUE\r\nEND\r\n",
        "VALUE a 0 5\r\nwro", "END\r\nVALUE a 0 5\r\nwrong\r\nEND\r\n"}) {
    server.Say(answer);
    EXPECT_EQ(Get(*cache, "a"), "(none)") << answer;
    server.Say("");
    EXPECT_EQ(Get(*cache, "a"), "right") << answer;
  }
}

TEST(MemcachedTest, ACancelledCallDoesNotWait) {
  FakeServer server;
  server.Say("-");
  const auto cache =
      MakeMemcached({.addresses = {server.address()}, .timeout_ms = 60'000}, "t", nullptr);
  const CallContext context = CallContext().WithCancel();
  std::thread canceller([&] {
    WaitFor([&] { return server.gets > 0; });
    context.Cancel();
  });
  const std::string_view key = "a";
  EXPECT_FALSE(cache->Fetch(context, std::span(&key, 1))[0].owner());
  canceller.join();
}

TEST(MemcachedTest, TooLargeItemsAreNotSent) {
  FakeServer server;
  const auto cache =
      MakeMemcached({.addresses = {server.address()}, .item_bytes_max = 10}, "t", nullptr);
  Put(*cache, "a", "01234567890");
  Put(*cache, "b", "0123456789");
  ASSERT_TRUE(WaitFor([&] { return server.sets == 1; }));
  EXPECT_EQ(Get(*cache, "a"), "(none)");
  EXPECT_EQ(Get(*cache, "b"), "0123456789");
}

TEST(MemcachedTest, AServerMoreMovesOnlyItsShareOfTheKeys) {
  int moved = 0;
  std::map<size_t, int> shares;
  for (int i = 0; i < 3000; ++i) {
    const std::string key = "key" + std::to_string(i);
    const size_t before = ServerOf(key, 3), after = ServerOf(key, 4);
    ++shares[after];
    if (before == after) continue;
    EXPECT_EQ(after, 3u);
    ++moved;
  }
  EXPECT_GT(moved, 600);
  EXPECT_LT(moved, 900);
  EXPECT_EQ(shares.size(), 4u);
}

TEST(MemcachedTest, ReadsTheVectorsOfItsConfiguration) {
  const std::string path = "conformance/vectors/cache_yaml.jsonl";
  THANOS_SKIP_WITHOUT_SHARED(path);
  int seen = 0;
  for (const auto& row : testing::ReadJsonLines(testing::SharedPath(path))) {
    const std::string yaml = row["yaml"];
    if (row["kind"] != "index_cache" || yaml.find("type: MEMCACHED") != 0) continue;
    if (row.value("error_class", "") == "remote") continue;
    const auto root = config::ParseYaml(yaml);
    const config::YamlNode* node = root.ok() ? root->Find("config") : nullptr;
    const auto options = ReadMemcachedConfig(node == nullptr ? config::YamlNode() : *node);
    EXPECT_EQ(options.ok(), row["ok"].get<bool>()) << row["id"] << options.status().message();
    ++seen;
  }
  EXPECT_GT(seen, 8);
}

}  // namespace
}  // namespace thanos::cache
