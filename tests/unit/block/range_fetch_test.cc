#include "block/range_fetch.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "codec/byte_reader.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::block {
namespace {

// Its first read waits until `others` calls wait for it.
class SlowReader : public base::RangeReader {
 public:
  SlowReader(std::string content, const base::SingleFlight* flights, size_t others)
      : content_(std::move(content)), flights_(flights), others_(others) {}
  uint64_t size() const override { return content_.size(); }
  Result<base::PinnedBytes> Read(const CallContext&, uint64_t offset, uint64_t length) override {
    if (reads++ == 0) {
      while (flights_->waiting() < others_) std::this_thread::yield();
      if (fails) return UnavailableError("away");
    }
    return base::PinnedBytes::Of(content_.substr(offset, length));
  }
  const std::string& name() const override { return name_; }
  std::atomic<int> reads{0};
  bool fails = false;

 private:
  const std::string content_, name_ = "object";
  const base::SingleFlight* const flights_;
  const size_t others_;
};

class SharedFetchTest : public ::testing::Test {
 protected:
  static constexpr size_t kCalls = 4;

  // How many of the calls got what they asked for.
  int FetchTogether() {
    std::atomic<int> good{0};
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kCalls; ++i) {
      threads.emplace_back([&] {
        const std::vector<ByteSpan> spans = {{1, 3}, {4, 6}};
        const auto got = FetchRanges(CallContext(), reader_, spans, {.flights = &flights_});
        if (got.ok() && codec::AsText(got->ranges[0]) == "bc" &&
            codec::AsText(got->ranges[1]) == "ef") {
          ++good;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return good;
  }

  base::SingleFlight flights_;
  SlowReader reader_{"abcdefgh", &flights_, kCalls - 1};
};

TEST_F(SharedFetchTest, WhatManyWantAtTheSameTimeIsReadOnce) {
  EXPECT_EQ(FetchTogether(), static_cast<int>(kCalls));
  EXPECT_EQ(reader_.reads, 1);
}

TEST_F(SharedFetchTest, AReadThatFailsIsNotTheOthersFailure) {
  reader_.fails = true;
  EXPECT_EQ(FetchTogether(), static_cast<int>(kCalls) - 1);
}

TEST(FetchRanges, AQuickStorageIsReadByEach) {
  base::SingleFlight flights;
  ReadPace pace;
  pace.Observe(std::chrono::microseconds(5), 0);
  SlowReader reader("abcdefgh", &flights, 0);
  const std::vector<ByteSpan> spans = {{0, 8}};
  const auto held = flights.Board(CallContext(), "object:0:8");  // A flight that never lands.
  const CallContext brief = CallContext().WithTimeout(std::chrono::milliseconds(1));
  EXPECT_TRUE(FetchRanges(CallContext(), reader, spans, {.pace = &pace, .flights = &flights}).ok());
  EXPECT_FALSE(FetchRanges(brief, reader, spans, {.flights = &flights}).ok());
}

// Bytes between two ranges are read where a read costs a wait, and left out where it does not.
TEST(FetchRanges, GapsAreNarrowerWhereStorageIsQuick) {
  base::SingleFlight flights;
  const std::vector<ByteSpan> spans = {{0, 10}, {40'000, 40'010}, {41'000, 41'010}};
  for (const auto& [waited, pieces] :
       {std::pair(std::chrono::microseconds(5), 2u), {std::chrono::microseconds(5000), 1u}}) {
    SlowReader reader(std::string(50'000, 'y'), &flights, 0);
    ReadPace pace;
    pace.Observe(waited, 0);
    THANOS_ASSERT_OK_AND_ASSIGN(
        const FetchedRanges got,
        FetchRanges(CallContext(), reader, spans, {.gap_bytes_max = 64 << 10, .pace = &pace}));
    EXPECT_EQ(got.pieces.size(), pieces);
    for (const auto& range : got.ranges) EXPECT_EQ(codec::AsText(range), std::string(10, 'y'));
  }
}

}  // namespace
}  // namespace thanos::block
