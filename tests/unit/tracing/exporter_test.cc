#include "tracing/exporter.h"

#include <atomic>
#include <condition_variable>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thanos::tracing {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kLong{20};

// Shared with the sender, which the exporter owns.
struct Collector {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<size_t> batches;   // Sizes of those taken. Guarded by mutex, as all below.
  std::vector<Status> refusals;  // Used up from the front.
  bool hangs = false;            // Sends wait until their context ends.
  int calls = 0;

  bool WaitForCalls(int count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kLong, [&] { return calls >= count; });
  }
};

class FakeSender : public SpanSender {
 public:
  explicit FakeSender(std::shared_ptr<Collector> collector) : collector_(std::move(collector)) {}
  Status Send(const CallContext& context, const std::vector<SpanRecord>& spans) override {
    const auto registration = context.OnCancel([this] { collector_->changed.notify_all(); });
    std::unique_lock lock(collector_->mutex);
    ++collector_->calls;
    collector_->changed.notify_all();
    while (collector_->hangs && context.Check().ok()) {
      collector_->changed.wait_for(lock, milliseconds(20));
    }
    if (Status status = context.Check(); !status.ok()) return status;
    if (!collector_->refusals.empty()) {
      const Status refusal = collector_->refusals.front();
      collector_->refusals.erase(collector_->refusals.begin());
      return refusal;
    }
    collector_->batches.push_back(spans.size());
    return OkStatus();
  }

 private:
  const std::shared_ptr<Collector> collector_;
};

class ExporterTest : public ::testing::Test {
 protected:
  ExporterTest() {
    options_.flush_interval = kLong;
    options_.retry.initial_interval_ns = 1'000'000;
  }
  std::unique_ptr<Exporter> Make() {
    return std::make_unique<Exporter>(options_, std::make_unique<FakeSender>(collector_),
                                      base::Logger(), &registry_);
  }
  double Count(const std::string& name) { return registry_.AddCounter(name, "").value(); }
  double dropped() { return Count("thanos_tracing_spans_dropped_total"); }
  double sent() { return Count("thanos_tracing_spans_sent_total"); }

  ExporterOptions options_;
  metrics::Registry registry_;
  const std::shared_ptr<Collector> collector_ = std::make_shared<Collector>();
};

TEST_F(ExporterTest, AFullBatchGoesOutAtOnceTheRestAtTheEnd) {
  options_.batch_spans_max = 3;
  auto exporter = Make();
  for (int i = 0; i < 3; ++i) exporter->Take({});
  EXPECT_TRUE(collector_->WaitForCalls(1));
  exporter->Take({});
  exporter->Stop();
  EXPECT_THAT(collector_->batches, ::testing::ElementsAre(3u, 1u));
  EXPECT_EQ(sent(), 4);
  EXPECT_EQ(dropped(), 0);
}

TEST_F(ExporterTest, AFewGoOutAfterTheInterval) {
  options_.flush_interval = milliseconds(10);
  auto exporter = Make();
  exporter->Take({});
  EXPECT_TRUE(collector_->WaitForCalls(1));
}

TEST_F(ExporterTest, WhatDoesNotFitIsDroppedAndCounted) {
  collector_->hangs = true;
  options_.batch_spans_max = 1;
  options_.queue_spans_max = 2;
  options_.stop_timeout = milliseconds(1);
  auto exporter = Make();
  exporter->Take({});
  ASSERT_TRUE(collector_->WaitForCalls(1));  // Out of the queue, hanging.
  for (int i = 0; i < 5; ++i) exporter->Take({});
  EXPECT_EQ(dropped(), 3);
  exporter->Stop();
  EXPECT_EQ(dropped(), 6);
  EXPECT_EQ(sent(), 0);
}

TEST_F(ExporterTest, TheQueueIsBoundedInBytesToo) {
  options_.queue_bytes_max = 3 * SpanRecord{}.bytes();
  auto exporter = Make();
  SpanRecord large;
  large.name = std::string(SpanRecord{}.bytes() * 2, 'x');
  exporter->Take({});
  exporter->Take(large);
  exporter->Take({});
  EXPECT_EQ(dropped(), 1);
  exporter->Stop();
  EXPECT_EQ(registry_.AddGauge("thanos_tracing_queue_bytes", "").value(), 0);
}

TEST_F(ExporterTest, TriesAgainWhatMayWork) {
  collector_->refusals = {UnavailableError("not yet"), DeadlineExceededError("not yet")};
  options_.batch_spans_max = 1;
  auto exporter = Make();
  exporter->Take({});
  EXPECT_TRUE(collector_->WaitForCalls(3));
  exporter->Stop();
  EXPECT_EQ(sent(), 1);
  EXPECT_EQ(dropped(), 0);
  EXPECT_EQ(Count("thanos_tracing_send_failures_total"), 2);
}

TEST_F(ExporterTest, GivesUpWhatCannotWork) {
  collector_->refusals = {InvalidArgumentError("no")};
  auto exporter = Make();
  exporter->Take({});
  exporter->Stop();
  EXPECT_EQ(collector_->calls, 1);
  EXPECT_EQ(dropped(), 1);
}

TEST_F(ExporterTest, RetriesEndAfterTheElapsedTimeOrWhenSwitchedOff) {
  collector_->refusals.assign(1000, UnavailableError("down"));
  options_.retry.max_elapsed_ns = 5'000'000;
  options_.batch_spans_max = 1;
  {
    auto exporter = Make();
    exporter->Take({});
    ASSERT_TRUE(collector_->WaitForCalls(2));
    const auto until = std::chrono::steady_clock::now() + kLong;
    while (dropped() < 1 && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    EXPECT_EQ(dropped(), 1);
  }
  options_.retry.enabled = false;
  const int before = collector_->calls;
  auto exporter = Make();
  exporter->Take({});
  exporter->Stop();
  EXPECT_EQ(collector_->calls, before + 1);
}

TEST_F(ExporterTest, StoppingEndsAHangingCollectorInTime) {
  collector_->hangs = true;
  options_.send_timeout = kLong;
  options_.stop_timeout = milliseconds(50);
  auto exporter = Make();
  exporter->Take({});
  const auto began = std::chrono::steady_clock::now();
  exporter->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, kLong / 4);
  EXPECT_EQ(dropped(), 1);
  exporter->Take({});
  EXPECT_EQ(dropped(), 2);
}

}  // namespace
}  // namespace thanos::tracing
