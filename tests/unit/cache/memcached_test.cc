#include "cache/memcached.h"

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "codec/byte_reader.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::cache {
namespace {

// Enough of memcached for gets and sets; what it says can be replaced.
class FakeServer {
 public:
  FakeServer() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    socklen_t size = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    listen(listener_, 16);
    accepter_ = std::thread([this] { Accept(); });
  }
  ~FakeServer() {
    stop_ = true;
    accepter_.join();
    for (auto& thread : threads_) thread.join();
    close(listener_);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  /// Not empty: the answer to every get instead. "-": none ever comes.
  void Say(std::string answer) {
    std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  std::atomic<int> gets{0}, sets{0};

 private:
  void Accept() {
    while (!stop_) {
      pollfd wanted{listener_, POLLIN, 0};
      if (poll(&wanted, 1, 10) <= 0) continue;
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) threads_.emplace_back([this, fd] { Serve(fd); });
    }
  }
  void Serve(int fd) {
    std::string in;
    while (!stop_) {
      pollfd wanted{fd, POLLIN, 0};
      if (poll(&wanted, 1, 10) <= 0) continue;
      char piece[65536];
      const ssize_t got = recv(fd, piece, sizeof(piece), 0);
      if (got <= 0) break;
      in.append(piece, static_cast<size_t>(got));
      while (Answer(fd, &in)) {
      }
    }
    close(fd);
  }
  bool Answer(int fd, std::string* in) {
    const size_t end = in->find("\r\n");
    if (end == std::string::npos) return false;
    std::istringstream line(in->substr(0, end));
    std::string verb, key, out;
    line >> verb;
    std::lock_guard lock(mutex_);
    if (verb == "set") {
      int flags = 0, ttl = 0;
      size_t bytes = 0;
      line >> key >> flags >> ttl >> bytes;
      if (in->size() < end + 2 + bytes + 2) return false;
      values_[key] = in->substr(end + 2, bytes);
      in->erase(0, end + 2 + bytes + 2);
      ++sets;
      out = "STORED\r\n";
    } else {
      while (line >> key) {
        const auto found = values_.find(key);
        if (found == values_.end()) continue;
        out += "VALUE " + key + " 0 " + std::to_string(found->second.size()) + "\r\n" +
               found->second + "\r\n";
      }
      out += "END\r\n";
      in->erase(0, end + 2);
      ++gets;
      if (answer_ == "-") return true;
      if (!answer_.empty()) out = answer_;
    }
    (void)!send(fd, out.data(), out.size(), MSG_NOSIGNAL);
    return true;
  }

  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::map<std::string, std::string> values_;
  std::string answer_;
  std::thread accepter_;
  std::vector<std::thread> threads_;
};

std::string Get(Cache& cache, std::string_view key) {
  const auto found = cache.Fetch(CallContext(), std::span(&key, 1));
  return found[0].owner() ? std::string(codec::AsText(found[0].bytes())) : "(none)";
}
void Put(Cache& cache, std::string_view key, std::string_view value) {
  cache.Store(key, codec::AsBytes(value), 60'000, 0);
}
// Stores run on threads of the cache.
bool WaitFor(const std::function<bool()>& done) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return done();
}

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
