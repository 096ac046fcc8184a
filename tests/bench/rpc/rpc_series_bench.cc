// Series over loopback: one process is server and client, so that its CPU time is that of both.
// `series_per_core_s` is series by second of CPU; the target is 0.8 million at 64 series a frame,
// ten labels and one chunk of 120 bytes each, encoding, decoding and all checks included.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include "rpc/channel.h"
#include "rpc/server.h"
#include "support/bench_series.h"
#include "wire/series_frame.h"

namespace thanos::rpc {
namespace {

constexpr size_t kSeriesPerCall = 64 * 1024;

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class BenchStream : public FrameStream {
 public:
  BenchStream(std::span<const SeriesView> series, size_t per_frame)
      : series_(series), per_frame_(per_frame) {}
  Result<std::optional<base::PinnedBytes>> Next() override {
    if (sent_ >= kSeriesPerCall) return std::optional<base::PinnedBytes>();
    const auto part = series_.subspan(sent_ % series_.size(), per_frame_);
    sent_ += per_frame_;
    THANOS_ASSIGN_OR_RETURN(base::PinnedBytes frame, wire::EncodeSeriesFrame(part, per_frame_ > 1));
    return std::optional(std::move(frame));
  }

 private:
  const std::span<const SeriesView> series_;
  const size_t per_frame_;
  size_t sent_ = 0;
};

class BenchStore : public StoreService {
 public:
  explicit BenchStore(size_t per_frame) : per_frame_(per_frame), series_(4096, 1, 120) {}
  Result<std::unique_ptr<FrameStream>> Series(const CallContext&, const SelectRequest&) override {
    return std::make_unique<BenchStream>(series_.views(), per_frame_);
  }
  Result<LabelsResult> LabelNames(const CallContext&, const LabelsRequest&) override {
    return LabelsResult{{"a"}, {}, false};
  }
  Result<LabelsResult> LabelValues(const CallContext&, const std::string&,
                                   const LabelsRequest&) override {
    return LabelsResult{};
  }

 private:
  const size_t per_frame_;
  const testing::BenchSeries series_;
};

// One call; the number of series that were decoded.
size_t ReadAll(Channel& channel) {
  wire::SeriesFrameDecoder decoder;
  series::BatchBuilder builder;
  const auto reader = channel.Series(CallContext(), SelectRequest(), {});
  size_t series = 0;
  for (;;) {
    auto frame = reader->Next();
    if (!frame.ok() || !frame->has_value()) return series;
    auto decoded = decoder.Decode(**frame, 0, &builder);
    if (!decoded.ok()) return 0;
    series += decoded->series;
    benchmark::DoNotOptimize(builder.Build(nullptr));
  }
}

// Argument: series a frame.
void BM_Series(benchmark::State& state) {
  Services services;
  services.store = std::make_shared<BenchStore>(static_cast<size_t>(state.range(0)));
  auto server = Server::Start({}, services);
  const auto channel = Channel::Connect((*server)->address());
  ReadAll(*channel);
  const double before = CpuSeconds();
  size_t series = 0;
  for (auto _ : state) {
    const size_t read = ReadAll(*channel);
    if (read != kSeriesPerCall) state.SkipWithError("series are missing");
    series += read;
  }
  state.SetItemsProcessed(static_cast<int64_t>(series));
  state.counters["series_per_core_s"] = static_cast<double>(series) / (CpuSeconds() - before);
}
BENCHMARK(BM_Series)->Arg(1)->Arg(8)->Arg(64)->Arg(256)->UseRealTime()->Unit(
    benchmark::kMillisecond);

void BM_Unary(benchmark::State& state) {
  Services services;
  services.store = std::make_shared<BenchStore>(1);
  auto server = Server::Start({}, services);
  const auto channel = Channel::Connect((*server)->address());
  for (auto _ : state) benchmark::DoNotOptimize(channel->LabelNames(CallContext(), {}));
}
BENCHMARK(BM_Unary)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace thanos::rpc
