#include "profile/routes.h"

#include <charconv>
#include <chrono>

#include "profile/cpu_profiler.h"
#include "profile/heap_profiler.h"
#include "profile/pprof.h"

namespace thanos::profile {
namespace {

constexpr int64_t kSecondsDefault = 30, kSecondsMax = 300;

constexpr char kClosed[] = "profiling is closed: start with --debug.profiling\n";
constexpr char kIndex[] =
    "/debug/pprof/profile?seconds=30  CPU time by stack\n"
    "/debug/pprof/heap?seconds=30     memory taken with new in that time, and what of it is held\n"
    "\n"
    "go tool pprof http://HOST:PORT/debug/pprof/profile\n";

Result<int64_t> ReadSeconds(const net::HttpRequest& request) {
  const std::string_view text = request.query.Get("seconds");
  if (text.empty()) return kSecondsDefault;
  int64_t seconds = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || seconds < 1 ||
      seconds > kSecondsMax) {
    return InvalidArgumentError("seconds: \"" + std::string(text) + "\" is not within 1 and " +
                                std::to_string(kSecondsMax));
  }
  return seconds;
}

net::HttpResponse Failure(const Status& status) {
  int code = 500;
  if (status.code() == StatusCode::kInvalidArgument) code = 400;
  if (status.code() == StatusCode::kFailedPrecondition) code = 409;
  if (status.code() == StatusCode::kUnimplemented) code = 501;
  if (status.code() == StatusCode::kCancelled) code = 503;
  return net::HttpResponse::Text(code, std::string(status.message()) + "\n");
}

net::HttpResponse ProfileFile(const char* name, const ProfileHeader& header,
                              const StackValues& stacks) {
  net::HttpResponse response;
  response.headers.Set("Content-Type", "application/octet-stream");
  response.headers.Set("Content-Disposition", std::string("attachment; filename=\"") + name + "\"");
  response.body = EncodeProfile(header, stacks);
  return response;
}

ProfileHeader HeaderOf(int64_t seconds) {
  using std::chrono::duration_cast;
  using std::chrono::nanoseconds;
  ProfileHeader header;
  header.time_ns =
      duration_cast<nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  header.duration_ns = seconds * 1'000'000'000;
  return header;
}

net::HttpResponse Cpu(const CallContext& context, const net::HttpRequest& request) {
  const auto seconds = ReadSeconds(request);
  if (!seconds.ok()) return Failure(seconds.status());
  ProfileHeader header = HeaderOf(*seconds);
  const auto profile = CollectCpu(context, std::chrono::seconds(*seconds));
  if (!profile.ok()) return Failure(profile.status());
  header.value_types = {{"samples", "count"}, {"cpu", "nanoseconds"}};
  header.period_type = {"cpu", "nanoseconds"};
  header.period = kCpuPeriodNs;
  if (profile->missed > 0) {
    header.comments.push_back(std::to_string(profile->missed) + " samples did not fit");
  }
  return ProfileFile("profile", header, profile->stacks);
}

net::HttpResponse Heap(const CallContext& context, const net::HttpRequest& request) {
  const auto seconds = ReadSeconds(request);
  if (!seconds.ok()) return Failure(seconds.status());
  ProfileHeader header = HeaderOf(*seconds);
  const auto profile = CollectHeap(context, std::chrono::seconds(*seconds));
  if (!profile.ok()) return Failure(profile.status());
  header.value_types = {{"alloc_objects", "count"},
                        {"alloc_space", "bytes"},
                        {"inuse_objects", "count"},
                        {"inuse_space", "bytes"}};
  header.period_type = {"space", "bytes"};
  header.period = kHeapPeriodBytes;
  if (profile->not_followed > 0) {
    header.comments.push_back(std::to_string(profile->not_followed) +
                              " samples were not followed to their end");
  }
  return ProfileFile("heap", header, profile->stacks);
}

}  // namespace

void AddProfileRoutes(net::HttpServer* server, bool open) {
  const net::RouteOptions plain = {.compress = false};
  if (!open) {
    for (const char* path : {"/debug/pprof", "/debug/pprof/*path"}) {
      server->Handle({}, path, [](const CallContext&, const net::HttpRequest&) {
        return net::HttpResponse::Text(403, kClosed);
      });
    }
    return;
  }
  for (const char* path : {"/debug/pprof", "/debug/pprof/"}) {
    server->Handle({"GET"}, path, [](const CallContext&, const net::HttpRequest&) {
      return net::HttpResponse::Text(200, kIndex);
    });
  }
  server->Handle({"GET"}, "/debug/pprof/profile", Cpu, plain);
  server->Handle({"GET"}, "/debug/pprof/heap", Heap, plain);
}

}  // namespace thanos::profile
