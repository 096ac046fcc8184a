// Stores grant few slots and hold each until its stream ends. Queries with two selectors must not
// lock each other out: they finish, all of them.
#include <condition_variable>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "base/executor.h"
#include "fanout/endpoint.h"
#include "fanout/fanout_source.h"
#include "fanout/store_server.h"
#include "query/driver.h"
#include "support/memory_source.h"
#include "thanos/testing/status_matchers.h"

namespace thanos {
namespace {

constexpr size_t kSlots = 2;
constexpr int kQueries = 40, kSeries = 300;

// A store that gives a slot at the call and takes it back when the stream goes, as Go's does.
class SlottedStore : public rpc::StoreService {
 public:
  explicit SlottedStore(std::shared_ptr<rpc::StoreService> inner) : inner_(std::move(inner)) {}

  Result<std::unique_ptr<rpc::FrameStream>> Series(const CallContext& context,
                                                   const SelectRequest& request) override {
    std::unique_lock lock(mutex_);
    while (used_ >= kSlots) {
      freed_.wait_for(lock, std::chrono::milliseconds(20));
      THANOS_RETURN_IF_ERROR(context.Check());
    }
    ++used_;
    lock.unlock();
    auto stream = inner_->Series(context, request);
    if (!stream.ok()) {
      Free();
      return stream.status();
    }
    return std::unique_ptr<rpc::FrameStream>(std::make_unique<Slot>(this, *std::move(stream)));
  }
  Result<LabelsResult> LabelNames(const CallContext& context,
                                  const LabelsRequest& request) override {
    return inner_->LabelNames(context, request);
  }
  Result<LabelsResult> LabelValues(const CallContext& context, const std::string& label,
                                   const LabelsRequest& request) override {
    return inner_->LabelValues(context, label, request);
  }

 private:
  class Slot : public rpc::FrameStream {
   public:
    Slot(SlottedStore* store, std::unique_ptr<rpc::FrameStream> inner)
        : store_(store), inner_(std::move(inner)) {}
    ~Slot() override { store_->Free(); }
    Result<std::optional<base::PinnedBytes>> Next() override { return inner_->Next(); }

   private:
    SlottedStore* store_;
    std::unique_ptr<rpc::FrameStream> inner_;
  };
  void Free() {
    {
      std::lock_guard lock(mutex_);
      --used_;
    }
    freed_.notify_one();
  }

  std::shared_ptr<rpc::StoreService> inner_;
  std::mutex mutex_;
  std::condition_variable freed_;
  size_t used_ = 0;  // Guarded by mutex_.
};

TEST(Admission, FortyTwoSidedQueriesFinishOnAStoreWithTwoSlots) {
  auto memory = std::make_shared<testing::MemorySource>();
  for (const char* name : {"a", "b"}) {
    for (int i = 0; i < kSeries; ++i) {
      auto& samples = memory->At(Labels::Of({{"__name__", name}, {"i", std::to_string(i)}}));
      for (int64_t t = 0; t < 600000; t += 15000) {
        samples.t.push_back(t);
        samples.v.push_back(i + 1);
      }
    }
  }
  memory->Seal();
  metrics::Registry registry;
  rpc::Services services;
  services.store = std::make_shared<SlottedStore>(fanout::MakeStoreService(memory, {}, &registry));
  services.info = fanout::MakeInfoService(memory, {.component = "store"}, [] { return true; });
  auto transport = rpc::MakeMemoryTransport("store", services);
  auto channel = std::make_shared<rpc::Channel>(transport, rpc::ChannelOptions());
  auto endpoint = std::make_shared<fanout::Endpoint>(channel, false, std::chrono::nanoseconds(0));
  endpoint->Check(CallContext());
  ASSERT_TRUE(endpoint->queryable()) << endpoint->state()->last_error;

  base::Executor cpu("cpu", 2);
  auto source = std::make_shared<fanout::FanoutSource>(
      fanout::FanoutOptions(),
      [endpoint] { return std::vector<std::shared_ptr<fanout::Endpoint>>{endpoint}; }, &registry);
  query::DriverOptions options;
  options.concurrent_max = kQueries;
  options.engine.executor = &cpu;
  query::Driver driver(std::move(options), source, &registry);

  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kQueries; ++i) {
    threads.emplace_back([&] {
      promql::QueryParams params;
      params.text = "sum(a / on (i) b)";
      params.start_ms = params.end_ms = 300000;
      query::QueryFailure failure;
      auto result = driver.Run(CallContext(), params, std::chrono::seconds(60), &failure);
      EXPECT_THAT(result, testing::IsOk());
      if (result.ok() && result->series.size() == 1 && result->series[0].values[0] == kSeries) {
        ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, kQueries);
}

}  // namespace
}  // namespace thanos
