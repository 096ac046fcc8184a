// A select over streamed remote read, half a million series made up as they are sent: what one
// costs in CPU (the fake Prometheus, the HTTP transfer and the source together), and what memory
// the source adds whatever the number of series: the resident size may grow by the windows only.
#include <cstdio>

#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <unistd.h>

#include "codec/byte_reader.h"
#include "net/http_server.h"
#include "promclient/prometheus_source.h"
#include "wire/remote_read.h"

namespace thanos::promclient {
namespace {

constexpr int kSeries = 500'000;

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double ResidentMiB() {
  long total = 0, resident = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld %ld", &total, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

Status WriteSeries(net::BodyWriter& out) {
  const std::string data(120, 'd');
  const ChunkPart part{Aggr::kRaw, ChunkEncoding::kXor, 0, codec::AsBytes(data)};
  const ChunkView chunk{0, 1000, 0, {&part, 1}};
  std::string buffer;
  for (int i = 0; i < kSeries; ++i) {
    const Labels labels = Labels::Of({{"__name__", "http_requests_total"},
                                      {"cluster", "c"},
                                      {"job", "kubernetes-pods"},
                                      {"namespace", "monitoring"},
                                      {"pod", "thanos-query-" + std::to_string(1'000'000 + i)},
                                      {"replica", "a"}});
    buffer += wire::EncodeReadFrame(0, {labels, {&chunk, 1}});
    if (buffer.size() < 64 << 10) continue;
    THANOS_RETURN_IF_ERROR(out.Write(buffer));
    buffer.clear();
  }
  return out.Write(buffer);
}

void BM_Select(benchmark::State& state) {
  net::HttpServer server({});
  server.Handle({"POST"}, "/api/v1/read", [](const CallContext&, const net::HttpRequest&) {
    net::HttpResponse response;
    response.headers.Add("Content-Type",
                         "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse");
    response.stream = WriteSeries;
    return response;
  });
  if (!server.Start().ok()) return state.SkipWithError("no server");
  net::HttpClientOptions http;
  http.proxy_url = "none";
  ClientOptions options;
  options.url = "http://" + server.address();
  auto source = PrometheusSource::Make(
      std::make_shared<PrometheusClient>(options, *net::HttpClient::Make(http)));
  source->Update({Labels::Of({{"cluster", "c"}, {"replica", "a"}}), 0, true});
  SelectRequest request;
  request.matchers = {model::Matcher::NotEqual("__name__", "")};
  request.max_ms = 1000;
  const double cpu = CpuSeconds(), memory = ResidentMiB();
  size_t series = 0;
  double peak = memory;
  for (auto _ : state) {
    auto cursor = source->Select(CallContext(), request);
    for (;;) {
      auto batch = (*cursor)->Next();
      if (!batch.ok()) state.SkipWithError("read failed");
      if (!batch.ok() || !*batch) break;
      series += (*batch)->series().size();
      if (series % 6400 == 0) peak = std::max(peak, ResidentMiB());
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(series));
  state.counters["series_per_core_s"] = static_cast<double>(series) / (CpuSeconds() - cpu);
  state.counters["added_MiB"] = peak - memory;
}
BENCHMARK(BM_Select)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace thanos::promclient
