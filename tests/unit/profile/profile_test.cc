#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include "codec/compression.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "profile/cpu_profiler.h"
#include "profile/heap_profiler.h"
#include "profile/pprof.h"
#include "profile/routes.h"
#include "profile/symbols.h"
#include "thanos/testing/status_matchers.h"
#include "wire/proto_reader.h"

namespace thanos::profile {

// Found by name in profiles, so in no unnamed namespace.
[[gnu::noinline]] double SpinForProfile(const std::atomic<bool>& stop) {
  double sum = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    for (int i = 1; i < 1000; ++i) sum += 1.0 / i;
  }
  return sum;
}

[[gnu::noinline]] std::unique_ptr<char[]> HoldForProfile(size_t bytes) {
  return std::unique_ptr<char[]>(new char[bytes]);
}

[[gnu::noinline]] void ChurnForProfile(size_t bytes) {
  std::unique_ptr<char[]> memory(new char[bytes]);
  *static_cast<volatile char*>(memory.get()) = 1;
}

namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using thanos::testing::StatusIs;

bool NamesOf(AddressSpace& space, const Stack& stack, std::string_view wanted) {
  for (const uintptr_t address : stack) {
    if (Demangled(std::string(space.NameOf(address))).find(wanted) != std::string::npos) {
      return true;
    }
  }
  return false;
}

// The sum of value `index` over stacks that pass through `function`.
int64_t SumThrough(const StackValues& stacks, std::string_view function, size_t index) {
  AddressSpace space;
  int64_t sum = 0;
  for (const auto& [stack, values] : stacks) {
    if (NamesOf(space, stack, function)) sum += values[index];
  }
  return sum;
}

int64_t ThreadCpuNs() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

TEST(CpuProfilerTest, SeesWhatAThreadSpends) {
  std::atomic<bool> stop{false};
  std::atomic<int64_t> spent{0};
  std::thread worker([&] {
    SpinForProfile(stop);
    spent = ThreadCpuNs();
  });
  const auto profile = CollectCpu(CallContext(), std::chrono::milliseconds(600));
  stop = true;
  worker.join();
  THANOS_ASSERT_OK(profile);
  const int64_t seen = SumThrough(profile->stacks, "SpinForProfile", 1);
  // What the machine gave the thread, less the time before and after the profile.
  EXPECT_LE(seen, spent + 3 * kCpuPeriodNs);
  EXPECT_GE(seen, spent / 2 - 5 * kCpuPeriodNs);
  EXPECT_GT(seen, 0);
  EXPECT_EQ(profile->missed, 0);
}

TEST(CpuProfilerTest, FindsThreadsThatBeginLater) {
  std::atomic<bool> stop{false};
  std::thread later([&] {
    std::thread worker([&] { SpinForProfile(stop); });
    worker.join();
  });
  const auto profile = CollectCpu(CallContext(), std::chrono::milliseconds(500));
  stop = true;
  later.join();
  THANOS_ASSERT_OK(profile);
  EXPECT_GT(SumThrough(profile->stacks, "SpinForProfile", 0), 0);
}

TEST(CpuProfilerTest, OneAtATimeAndCancellable) {
  const CallContext context = CallContext().WithCancel();
  Status first, second;
  std::thread other([&] {
    do {  // The short ones below may be first.
      first = CollectCpu(context, std::chrono::hours(1)).status();
    } while (first.code() == StatusCode::kFailedPrecondition);
  });
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  do {
    second = CollectCpu(CallContext(), std::chrono::milliseconds(1)).status();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  } while (second.ok() && std::chrono::steady_clock::now() < until);
  context.Cancel();
  other.join();
  EXPECT_THAT(second, StatusIs(StatusCode::kFailedPrecondition, HasSubstr("another")));
  EXPECT_THAT(first, StatusIs(StatusCode::kCancelled));
}

TEST(HeapProfilerTest, TellsWhatIsTakenFromWhatIsHeld) {
  const CallContext context = CallContext().WithCancel();
  Result<HeapProfile> profile = HeapProfile();
  std::atomic<bool> done{false};
  std::thread collector([&] {
    profile = CollectHeap(context, std::chrono::milliseconds(700));
    done = true;
  });
  constexpr size_t kPiece = 64 << 10;
  std::vector<std::unique_ptr<char[]>> held;
  int64_t churned = 0;
  while (!done) {
    if (held.size() < 1000) held.push_back(HoldForProfile(kPiece));
    ChurnForProfile(kPiece);
    churned += kPiece;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  collector.join();
  if (profile.status().code() == StatusCode::kUnimplemented) GTEST_SKIP() << "sanitizer";
  THANOS_ASSERT_OK(profile);
  const int64_t taken = SumThrough(profile->stacks, "ChurnForProfile", 1);
  EXPECT_GT(taken, churned / 3);
  EXPECT_LT(taken, 3 * churned);
  // A sample may be between its new and its delete at the end.
  EXPECT_LE(SumThrough(profile->stacks, "ChurnForProfile", 2), 16);
  const int64_t stays = SumThrough(profile->stacks, "HoldForProfile", 3);
  EXPECT_GT(stays, 0);
  EXPECT_LT(stays, static_cast<int64_t>(3 * held.size() * kPiece));
  EXPECT_EQ(stays, SumThrough(profile->stacks, "HoldForProfile", 1));
}

TEST(SymbolsTest, NamesTheFunctionsOfThisProgramAndItsLibraries) {
  AddressSpace space;
  const auto own = reinterpret_cast<uintptr_t>(&SpinForProfile);
  EXPECT_THAT(Demangled(std::string(space.NameOf(own))), HasSubstr("SpinForProfile"));
  const auto library = reinterpret_cast<uintptr_t>(&::time);
  const Mapping* mapping = space.Find(library);
  EXPECT_EQ(space.NameOf(8), "");
  EXPECT_EQ(space.Find(8), nullptr);
  EXPECT_TRUE(mapping == nullptr || !mapping->path.empty());
}

TEST(SymbolsTest, DemanglesWhatIsMangled) {
  EXPECT_EQ(Demangled("_ZN6thanos3FooEv"), "thanos::Foo()");
  EXPECT_EQ(Demangled("main"), "main");
}

TEST(SymbolsTest, RefusesWhatIsNoElfOrIsCut) {
  EXPECT_THAT(ReadSymbols("").status(), StatusIs(StatusCode::kDataLoss, HasSubstr("ELF")));
  EXPECT_FALSE(ReadSymbols("\x7f"
                           "ELF")
                   .ok());
  std::ifstream in("/proc/self/exe", std::ios::binary);
  std::string file((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  ASSERT_TRUE(ReadSymbols(file).ok());
  EXPECT_FALSE(ReadSymbols(file)->empty());
  // Without the end, where the tables lie, there are no symbols, or that is said.
  const auto cut = ReadSymbols(std::string_view(file).substr(0, file.size() / 2));
  EXPECT_TRUE(!cut.ok() || cut->empty());
}

// Numbers of fields of a message, and the last bytes of each.
std::map<uint32_t, std::vector<std::string>> FieldsOf(std::string_view message) {
  wire::ProtoReader reader(message);
  std::map<uint32_t, std::vector<std::string>> out;
  uint32_t tag = 0;
  while (!reader.AtEnd() && reader.ReadTag(&tag)) {
    std::string_view bytes;
    uint64_t number = 0;
    if ((tag & 7) == 2 && reader.Bytes(&bytes)) {
      out[tag >> 3].emplace_back(bytes);
    } else if ((tag & 7) == 0 && reader.Varint(&number)) {
      out[tag >> 3].push_back(std::to_string(number));
    } else {
      reader.Skip(tag);
    }
  }
  EXPECT_TRUE(reader.ok()) << reader.error();
  return out;
}

TEST(PprofTest, WritesSamplesLocationsFunctionsAndTexts) {
  const auto address = reinterpret_cast<uintptr_t>(&SpinForProfile);
  ProfileHeader header;
  header.value_types = {{"samples", "count"}, {"cpu", "nanoseconds"}};
  header.period_type = {"cpu", "nanoseconds"};
  header.period = 10;
  header.time_ns = 5;
  header.duration_ns = 7;
  const std::string packed = EncodeProfile(header, {{{address, address}, {3, 30}}, {{8}, {1, 10}}});
  const auto bytes = codec::GzipDecompress(packed, 1 << 24);
  THANOS_ASSERT_OK(bytes);
  auto fields = FieldsOf(*bytes);
  EXPECT_EQ(fields[1].size(), 2u);
  ASSERT_EQ(fields[2].size(), 2u);
  // Stacks come by address: 8 is location 1.
  EXPECT_EQ(FieldsOf(fields[2][0])[1][0], "\x01");
  EXPECT_EQ(FieldsOf(fields[2][1])[1][0], "\x02\x02");
  EXPECT_EQ(FieldsOf(fields[2][1])[2][0], "\x03\x1e");
  ASSERT_EQ(fields[4].size(), 2u);
  EXPECT_EQ(FieldsOf(fields[4][1])[3][0], std::to_string(address));
  ASSERT_EQ(fields[5].size(), 1u);
  const auto name = std::stoul(FieldsOf(fields[5][0])[2][0]);
  EXPECT_THAT(fields[6][name], HasSubstr("thanos::profile::SpinForProfile"));
  EXPECT_EQ(fields[6][0], "");
  EXPECT_EQ(fields[6][std::stoul(fields[14][0])], "cpu");
  EXPECT_EQ(fields[9][0], "5");
  EXPECT_EQ(fields[10][0], "7");
  EXPECT_EQ(fields[12][0], "10");
}

class RoutesTest : public ::testing::Test {
 protected:
  void Start(bool open) {
    server_ = std::make_unique<net::HttpServer>(net::HttpServerOptions());
    AddProfileRoutes(server_.get(), open);
    THANOS_ASSERT_OK(server_->Start());
  }
  net::ClientResponse Get(const std::string& path) {
    auto client = net::HttpClient::Make({});
    auto answer = (*client)->Do(CallContext().WithTimeout(std::chrono::seconds(60)),
                                {.url = "http://" + server_->address() + path});
    EXPECT_TRUE(answer.ok()) << answer.status().message();
    return answer.ok() ? *answer : net::ClientResponse();
  }
  std::unique_ptr<net::HttpServer> server_;
};

TEST_F(RoutesTest, ClosedTheyNameTheFlag) {
  Start(false);
  for (const char* path : {"/debug/pprof", "/debug/pprof/", "/debug/pprof/profile?seconds=1",
                           "/debug/pprof/heap", "/debug/pprof/cmdline"}) {
    const auto answer = Get(path);
    EXPECT_EQ(answer.status, 403) << path;
    EXPECT_THAT(answer.body, HasSubstr("--debug.profiling"));
  }
}

TEST_F(RoutesTest, OpenTheyAnswerWithAFile) {
  Start(true);
  EXPECT_THAT(Get("/debug/pprof/").body, HasSubstr("go tool pprof"));
  const auto answer = Get("/debug/pprof/profile?seconds=1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.Get("Content-Type"), "application/octet-stream");
  THANOS_EXPECT_OK(codec::GzipDecompress(answer.body, 1 << 24));
  EXPECT_EQ(Get("/debug/pprof/cmdline").status, 404);
}

TEST_F(RoutesTest, TheSecondsAreBounded) {
  Start(true);
  for (const char* seconds : {"0", "301", "-1", "1x", "ten"}) {
    const auto answer = Get(std::string("/debug/pprof/heap?seconds=") + seconds);
    EXPECT_EQ(answer.status, 400) << seconds;
    EXPECT_THAT(answer.body, HasSubstr("within 1 and 300"));
  }
}

}  // namespace
}  // namespace thanos::profile
