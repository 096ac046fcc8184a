// A cache server in this process.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cache/cache.h"
#include "codec/byte_reader.h"

namespace thanos::cache {

// Enough of memcached or redis for gets and sets; what it says can be replaced.
class FakeServer {
 public:
  explicit FakeServer(bool redis = false) : redis_(redis) {
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
  std::vector<std::string> commands() const {
    std::lock_guard lock(mutex_);
    return commands_;
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
  // A whole command of redis; nothing when it is not there yet.
  static std::vector<std::string> TakeCommand(std::string* in) {
    size_t at = 0;
    const auto number = [&]() -> long {
      const size_t end = in->find("\r\n", at);
      if (end == std::string::npos) return -1;
      const long out = std::stol(in->substr(at + 1, end - at - 1));
      at = end + 2;
      return out;
    };
    std::vector<std::string> words;
    for (long left = number(); left > 0; --left) {
      const long bytes = number();
      if (bytes < 0 || in->size() < at + static_cast<size_t>(bytes) + 2) return {};
      words.push_back(in->substr(at, static_cast<size_t>(bytes)));
      at += static_cast<size_t>(bytes) + 2;
    }
    in->erase(0, at);
    return words;
  }
  bool AnswerRedis(int fd, std::string* in) {
    const std::vector<std::string> words = TakeCommand(in);
    if (words.empty()) return false;
    std::lock_guard lock(mutex_);
    commands_.push_back(words[0] + (words.size() > 1 ? " " + words[1] : ""));
    std::string out = "+OK\r\n";
    if (words[0] == "SET") {
      values_[words[1]] = words[2];
      ++sets;
    } else if (words[0] == "MGET") {
      out = "*" + std::to_string(words.size() - 1) + "\r\n";
      for (size_t i = 1; i < words.size(); ++i) {
        const auto found = values_.find(words[i]);
        out += found == values_.end()
                   ? "$-1\r\n"
                   : "$" + std::to_string(found->second.size()) + "\r\n" + found->second + "\r\n";
      }
      ++gets;
      if (answer_ == "-") return true;
      if (!answer_.empty()) out = answer_;
    }
    (void)!send(fd, out.data(), out.size(), MSG_NOSIGNAL);
    return true;
  }
  bool Answer(int fd, std::string* in) {
    if (redis_) return AnswerRedis(fd, in);
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

  const bool redis_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::vector<std::string> commands_;
  std::map<std::string, std::string> values_;
  std::string answer_;
  std::thread accepter_;
  std::vector<std::thread> threads_;
};

inline std::string Get(Cache& cache, std::string_view key) {
  const auto found = cache.Fetch(CallContext(), std::span(&key, 1));
  return found[0].owner() ? std::string(codec::AsText(found[0].bytes())) : "(none)";
}
inline void Put(Cache& cache, std::string_view key, std::string_view value) {
  cache.Store(key, codec::AsBytes(value), 60'000, 0);
}
// Stores run on threads of the cache.
inline bool WaitFor(const std::function<bool()>& done) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return done();
}

}  // namespace thanos::cache
