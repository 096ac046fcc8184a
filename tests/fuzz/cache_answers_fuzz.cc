// Whatever a cache server answers: values of the keys that were asked for, or a status.
#include <cstdint>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include "cache/memcached.h"
#include "cache/redis.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

namespace {

void Try(cache::Protocol& protocol, const uint8_t* data, size_t size) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) __builtin_trap();
  const auto stream = cache::Stream::Over(ends[0]);
  // What does not fit into the socket is cut off: the answer ends early then.
  (void)!write(ends[1], data, size);
  close(ends[1]);
  const std::string_view names[] = {"a", "bb"};
  const CallContext context;
  size_t taken = 0;
  const auto take = [&](std::string_view name, const std::string& value) -> Status {
    if (name.empty() || value.size() > size) __builtin_trap();
    ++taken;
    return OkStatus();
  };
  const Status status = protocol.ReadGet(context, *stream, names, take);
  if (status.ok() && taken > size) __builtin_trap();
  (void)protocol.ReadSet(context, *stream).ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto memcached = cache::MakeMemcachedProtocol();
  static const auto redis = cache::MakeRedisProtocol({});
  Try(*memcached, data, size);
  Try(*redis, data, size);
  return 0;
}
