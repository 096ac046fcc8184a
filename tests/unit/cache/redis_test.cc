#include "cache/redis.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"
#include "unit/cache/fake_server.h"

namespace thanos::cache {
namespace {

using testing::IsOk;
using testing::StatusIs;

RedisOptions OptionsFor(const FakeServer& server) {
  RedisOptions out;
  out.remote.addresses = {server.address()};
  out.remote.timeout_ms = 5000;
  out.remote.failures_max = 1000;
  return out;
}

Result<RedisOptions> Read(std::string_view yaml) {
  THANOS_ASSIGN_OR_RETURN(const config::YamlNode node, config::ParseYaml(yaml));
  return ReadRedisConfig(node);
}

TEST(RedisTest, GivesBackWhatWasStored) {
  FakeServer server(/*redis=*/true);
  RedisOptions options = OptionsFor(server);
  options.prefix = "thanos:";
  options.username = "joe";
  options.password = "secret";
  options.database = 3;
  const auto cache = MakeRedis(options, "t", nullptr);
  const std::string value("a\r\nb\0c", 6);
  Put(*cache, "one", value);
  Put(*cache, "empty", "");
  ASSERT_TRUE(WaitFor([&] { return server.sets == 2; }));
  EXPECT_EQ(server.commands()[0], "AUTH joe");
  const std::vector<std::string_view> keys = {"absent", "one", "empty", "one"};
  const auto found = cache->Fetch(CallContext(), keys);
  EXPECT_FALSE(found[0].owner());
  EXPECT_EQ(codec::AsText(found[1].bytes()), value);
  EXPECT_TRUE(found[2].owner());
  EXPECT_EQ(found[2].size(), 0u);
  EXPECT_EQ(codec::AsText(found[3].bytes()), value);
  EXPECT_EQ(server.gets, 1);
  const auto commands = server.commands();
  EXPECT_EQ(std::count(commands.begin(), commands.end(), "SELECT 3"),
            std::count(commands.begin(), commands.end(), "AUTH joe"));
  EXPECT_EQ(std::count(commands.begin(), commands.end(), "SET thanos:one"), 1);
}

TEST(RedisTest, WrongAnswersAreMissesAndNothingOfThemIsLeftOver) {
  FakeServer server(/*redis=*/true);
  RedisOptions options = OptionsFor(server);
  options.remote.timeout_ms = 300;
  const auto cache = MakeRedis(options, "t", nullptr);
  Put(*cache, "a", "right");
  ASSERT_TRUE(WaitFor([&] { return server.sets == 1; }));
  for (const char* answer :
       {"-ERR no\r\n", "*2\r\n$1\r\nx\r\n$1\r\ny\r\n", "*1\r\n$-5\r\n", "*1\r\n$99999999999\r\n",
        "*1\r\n$3\r\nwrong\r\n", "*x\r\n", "*1\r\n:5\r\n", "*1\r\n$5\r\nwro", "$5\r\nwrong\r\n",
        "*1\r\n$-1\r\n*1\r\n$5\r\nwrong\r\n"}) {
    server.Say(answer);
    EXPECT_EQ(Get(*cache, "a"), "(none)") << answer;
    server.Say("");
    EXPECT_EQ(Get(*cache, "a"), "right") << answer;
  }
}

TEST(RedisTest, WhatIsNotBuiltIsRefusedByName) {
  EXPECT_THAT(Read("addr: a:1\n"), IsOk());
  EXPECT_THAT(Read("{}"), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Read("addr: a"), StatusIs(StatusCode::kInvalidArgument));
  for (const char* yaml :
       {"addr: a:1,b:1", "{addr: 'a:1', master_name: m}", "{addr: 'a:1', cache_size: 1MB}"}) {
    EXPECT_THAT(Read(yaml), StatusIs(StatusCode::kUnimplemented)) << yaml;
  }
}

}  // namespace
}  // namespace thanos::cache
