// The clients against the servers that Debian has.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include "cache/memcached.h"
#include "cache/redis.h"
#include "support/certificates.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"
#include "unit/cache/fake_server.h"

extern char** environ;

namespace thanos::cache {
namespace {

// A port that nobody listens on now.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  socklen_t size = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

// A process for as long as this lives.
class Process {
 public:
  explicit Process(std::vector<std::string> words) {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    EXPECT_EQ(posix_spawn(&pid_, argv[0], nullptr, nullptr, argv.data(), environ), 0);
  }
  ~Process() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Process(const Process&) = delete;

 private:
  pid_t pid_ = 0;
};

// Stored asynchronously, and not before the server listens.
bool PutUntilThere(Cache& cache, std::string_view key, const std::string& value) {
  return WaitFor([&] {
    cache.Store(key, codec::AsBytes(value), 60000, 0);
    const auto found = cache.Fetch(CallContext(), std::span(&key, 1));
    return found[0].owner() != nullptr && codec::AsText(found[0].bytes()) == value;
  });
}

struct Kind {
  const char* name;
  const char* program;
};

class RealServerTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(GetParam().program)) {
      GTEST_SKIP() << GetParam().program << " is absent: skipped";
    }
    port_ = std::to_string(FreePort());
    Start();
  }
  bool redis() const { return std::string(GetParam().name) == "redis"; }

  void Start() {
    std::vector<std::string> words = {GetParam().program};
    if (redis()) {
      for (const std::string& word :
           {std::string("--port"), port_, std::string("--bind"), std::string("127.0.0.1"),
            std::string("--dir"), directory_.path(), std::string("--save"), std::string(),
            std::string("--logfile"), directory_.path() + "/log"}) {
        words.push_back(word);
      }
    } else {
      words.insert(words.end(), {"-p", port_, "-l", "127.0.0.1", "-U", "0", "-u", "nobody"});
    }
    server_ = std::make_unique<Process>(words);
  }

  std::unique_ptr<Cache> Connect() {
    RemoteCacheOptions remote;
    remote.addresses = {"127.0.0.1:" + port_};
    remote.timeout_ms = 10000;
    remote.failures_max = 1000000;
    if (redis()) return MakeRedis({.remote = remote}, "t", nullptr);
    return MakeMemcached(remote, "t", nullptr);
  }

  testing::TemporaryDirectory directory_;
  std::string port_;
  std::unique_ptr<Process> server_;
};

TEST_P(RealServerTest, GivesBackWhatWasStored) {
  const auto cache = Connect();
  const std::string binary("a\r\nEND\r\nb\0c", 11), large(900'000, 'x');
  const std::string long_key(400, 'k');
  EXPECT_TRUE(PutUntilThere(*cache, "binary", binary));
  EXPECT_TRUE(PutUntilThere(*cache, "large", large));
  EXPECT_TRUE(PutUntilThere(*cache, "empty", ""));
  EXPECT_TRUE(PutUntilThere(*cache, long_key, "long"));
  const std::vector<std::string_view> keys = {"large",  "none",  "binary",
                                              long_key, "empty", "binary"};
  const auto found = cache->Fetch(CallContext(), keys);
  EXPECT_EQ(codec::AsText(found[0].bytes()), large);
  EXPECT_FALSE(found[1].owner());
  EXPECT_EQ(codec::AsText(found[2].bytes()), binary);
  EXPECT_EQ(codec::AsText(found[3].bytes()), "long");
  EXPECT_TRUE(found[4].owner());
  EXPECT_EQ(codec::AsText(found[5].bytes()), binary);
}

TEST_P(RealServerTest, ManyKeysAtOnce) {
  const auto cache = Connect();
  ASSERT_TRUE(PutUntilThere(*cache, "first", "x"));
  std::vector<std::string> names;
  for (int i = 0; i < 2000; ++i) names.push_back("key-" + std::to_string(i));
  for (const std::string& name : names) cache->Store(name, codec::AsBytes(name), 60000, 0);
  const std::vector<std::string_view> keys(names.begin(), names.end());
  EXPECT_TRUE(WaitFor([&] {
    const auto found = cache->Fetch(CallContext(), keys);
    for (size_t i = 0; i < keys.size(); ++i) {
      if (!found[i].owner() || codec::AsText(found[i].bytes()) != keys[i]) return false;
    }
    return true;
  }));
}

TEST_P(RealServerTest, AServerThatWasAwayIsUsedAgain) {
  const auto cache = Connect();
  ASSERT_TRUE(PutUntilThere(*cache, "key", "before"));
  server_.reset();
  const std::string_view key = "key";
  EXPECT_FALSE(cache->Fetch(CallContext(), std::span(&key, 1))[0].owner());
  Start();
  EXPECT_TRUE(PutUntilThere(*cache, "key", "after"));
}

TEST_P(RealServerTest, ItemsExpire) {
  const auto cache = Connect();
  ASSERT_TRUE(PutUntilThere(*cache, "other", "x"));
  const std::string_view key = "brief";
  cache->Store(key, codec::AsBytes("x"), 1000, 0);
  EXPECT_TRUE(WaitFor(
      [&] { return cache->Fetch(CallContext(), std::span(&key, 1))[0].owner() != nullptr; }));
  EXPECT_TRUE(WaitFor([&] { return !cache->Fetch(CallContext(), std::span(&key, 1))[0].owner(); }));
}

// Redis over TLS, and who it is.
TEST(RealRedisTls, TheServerHasToProveWhoItIs) {
  constexpr char kProgram[] = "/usr/bin/redis-server";
  if (!std::filesystem::exists(kProgram)) GTEST_SKIP() << kProgram << " is absent: skipped";
  std::signal(SIGPIPE, SIG_IGN);  // As the program's main() does.
  const testing::TemporaryDirectory directory;
  const testing::Authority authority(directory.path()), other(directory.path(), "other");
  const auto server = authority.Issue("server"), client = authority.Issue("client");
  const std::string port = std::to_string(FreePort());
  const Process process({kProgram, "--port", "0", "--tls-port", port, "--bind", "127.0.0.1",
                         "--tls-cert-file", server.cert, "--tls-key-file", server.key,
                         "--tls-ca-cert-file", authority.file(), "--dir", directory.path(),
                         "--save", "", "--logfile", directory.path() + "/log"});
  const auto connect = [&](const std::string& ca, const std::string& more) {
    const auto node = config::ParseYaml(
        "{addr: '127.0.0.1:" + port + "', tls_enabled: true, tls_config: {ca_file: " + ca +
        ", cert_file: " + client.cert + ", key_file: " + client.key + more + "}}");
    auto options = ReadRedisConfig(*node);
    EXPECT_TRUE(options.ok()) << options.status().ToString();
    options->remote.failures_max = 1000000;
    return MakeRedis(*options, "t", nullptr);
  };
  const auto good = connect(authority.file(), "");
  const std::string large(900'000, 'x');
  EXPECT_TRUE(PutUntilThere(*good, "key", large));
  const std::string_view key = "key";
  EXPECT_FALSE(connect(other.file(), "")->Fetch(CallContext(), std::span(&key, 1))[0].owner());
  EXPECT_FALSE(connect(authority.file(), ", server_name: elsewhere")
                   ->Fetch(CallContext(), std::span(&key, 1))[0]
                   .owner());
  EXPECT_TRUE(connect(other.file(), ", insecure_skip_verify: true")
                  ->Fetch(CallContext(), std::span(&key, 1))[0]
                  .owner());
}

INSTANTIATE_TEST_SUITE_P(Debian, RealServerTest,
                         ::testing::Values(Kind{"memcached", "/usr/bin/memcached"},
                                           Kind{"redis", "/usr/bin/redis-server"}),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace thanos::cache
