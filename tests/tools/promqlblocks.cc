// The engine alone over blocks on disk, for comparisons with Prometheus (tests/bench/promql).
//   promqlblocks run DIR            cases on stdin, one a line: repetitions, start, end, step (ms;
//   step
//                                   0: instant) and the expression, by tabs. Prints two lines a
//                                   case:
//                                   {"cpu":s,"samples":n,"held":bytes,"rss":bytes,…} and the
//                                   result.
//   promqlblocks make DIR SERIES SAMPLES INTERVAL_MS    one block of counters and gauges.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "block/block_source.h"
#include "block/block_writer.h"
#include "chunk/xor.h"
#include "promapi/json.h"
#include "promql/engine.h"

namespace thanos {
namespace {

constexpr int64_t kBeginMs = 1'699'574'400'000;

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

long PeakRssBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

std::string ResultJson(const promql::QueryResult& result) {
  std::string out;
  if (result.type == promql::ValueType::kVector) {
    out = "[";
    for (const promql::ResultSeries& series : result.series) {
      if (out.size() > 1) out += ',';
      promapi::AppendVectorSampleJson(series.labels, result.grid.start_ms, series.values[0], &out);
    }
    return out + "]";
  }
  std::vector<int64_t> times(result.grid.count);
  for (size_t i = 0; i < times.size(); ++i) times[i] = result.grid.At(i);
  promapi::MatrixWriter writer(&out, result.series.size());
  for (const promql::ResultSeries& series : result.series) {
    writer.AddSeries(series.labels, times, series.values, series.present, times, series.histograms);
  }
  writer.Finish();
  return out;
}

bool RunCase(const promql::Engine& engine, SeriesSource& source, const std::string& line) {
  std::vector<std::string> fields;
  for (size_t at = 0; fields.size() < 4;) {
    const size_t tab = line.find('\t', at);
    if (tab == std::string::npos) return false;
    fields.push_back(line.substr(at, tab - at));
    at = tab + 1;
    if (fields.size() == 4) fields.push_back(line.substr(at));
  }
  promql::QueryParams params;
  const int repetitions = std::atoi(fields[0].c_str());
  params.start_ms = std::atoll(fields[1].c_str());
  params.end_ms = std::atoll(fields[2].c_str());
  params.step_ms = std::atoll(fields[3].c_str());
  params.text = fields[4];
  params.select.aggregates_by_function = false;
  std::string body;
  uint64_t samples = 0;
  long rss = 0;  // Of the query, without the text.
  const auto budget = Budget::Make("bench", 0);
  const double before = CpuSeconds();
  for (int i = 0; i < repetitions; ++i) {
    auto query = engine.Prepare(params);
    if (!query.ok()) return std::fprintf(stderr, "%s\n", query.status().ToString().c_str()), false;
    const auto result = (*query)->Run(CallContext().WithBudget(budget), source);
    if (!result.ok()) {
      return std::fprintf(stderr, "%s\n", result.status().ToString().c_str()), false;
    }
    samples = result->stats.samples_decoded;
    if (i == 0) rss = PeakRssBytes();
    body = ResultJson(*result);
  }
  std::printf(
      "{\"cpu\":%.9g,\"samples\":%llu,\"held\":%zu,\"rss\":%ld,\"rss_with_text\":%ld}\n%s\n",
      (CpuSeconds() - before) / repetitions, static_cast<unsigned long long>(samples),
      budget->peak_bytes(), rss, PeakRssBytes(), body.c_str());
  std::fflush(stdout);
  return true;
}

int Run(const char* directory) {
  std::vector<block::BlockRef> blocks;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (!std::filesystem::exists(entry.path() / "meta.json")) continue;
    blocks.push_back(block::Block::OpenDirectory(CallContext(), entry.path().string()).value());
  }
  block::BlockCursorOptions cursor;
  cursor.chunk_hashes = false;
  block::BlockSource source("bench", std::move(blocks), cursor);
  promql::EngineOptions options;
  options.samples_max = 0;
  options.parser.experimental_functions = true;
  const promql::Engine engine(options);
  for (std::string line; std::getline(std::cin, line);) {
    if (!RunCase(engine, source, line)) return 1;
  }
  return 0;
}

// Even series are counters that reset now and then, odd ones gauges with three decimals.
void WriteSeries(int number, int samples, int64_t interval_ms, const Labels& labels,
                 block::BlockWriter* writer) {
  std::mt19937_64 random(static_cast<uint64_t>(number));
  std::normal_distribution<double> normal;
  double value = 1000;
  std::vector<std::vector<std::byte>> data;
  std::vector<block::NewChunk> chunks;
  for (int from = 0; from < samples; from += 120) {
    const int n = std::min(120, samples - from);
    std::vector<int64_t> t;
    std::vector<double> v;
    for (int i = 0; i < n; ++i) {
      t.push_back(kBeginMs + (from + i) * interval_ms + number % 10 * 7);
      value = number % 2 == 0 ? value + static_cast<double>(random() % 50)
                              : std::round((50 + normal(random)) * 1000) / 1000;
      if (number % 2 == 0 && random() % 3001 == 0) value = 0;
      v.push_back(value);
    }
    data.emplace_back(chunk::XorBytesMax(n));
    data.back().resize(chunk::EncodeXor(t.data(), v.data(), n, data.back().data()));
    chunks.push_back({t.front(), t.back(), ChunkEncoding::kXor, {}});
  }
  for (size_t i = 0; i < chunks.size(); ++i) chunks[i].data = data[i];
  (void)writer->AddSeries(labels, chunks).ok();
}

int Make(const char* directory, int series, int samples, int64_t interval_ms) {
  std::filesystem::create_directories(directory);
  std::vector<std::pair<Labels, int>> all;
  for (int i = 0; i < series; ++i) {
    all.emplace_back(Labels::Of({{"__name__", i % 2 == 0 ? "c_total" : "g"},
                                 {"job", "job-" + std::to_string(i % 20)},
                                 {"namespace", "ns-" + std::to_string(i % 23)},
                                 {"pod", "pod-" + std::to_string(1000000 + i)}}),
                     i);
  }
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return LabelsView(a.first) < LabelsView(b.first); });
  auto writer = block::BlockWriter::Create(directory, base::Ulid::Make(kBeginMs), {}).value();
  std::set<std::string> symbols;
  for (const auto& [labels, number] : all) {
    for (const Label& label : LabelsView(labels)) {
      symbols.emplace(label.name);
      symbols.emplace(label.value);
    }
  }
  for (const std::string& symbol : symbols) (void)writer->AddSymbol(symbol).ok();
  for (const auto& [labels, number] : all) {
    WriteSeries(number, samples, interval_ms, labels, writer.get());
  }
  block::BlockMeta meta;
  meta.min_ms = kBeginMs;
  meta.max_ms = kBeginMs + samples * interval_ms;
  return writer->Finish(meta).ok() ? 0 : 1;
}

}  // namespace
}  // namespace thanos

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "run" && argc == 3) return thanos::Run(argv[2]);
  if (mode == "make" && argc == 6) {
    return thanos::Make(argv[2], std::atoi(argv[3]), std::atoi(argv[4]), std::atoll(argv[5]));
  }
  std::fprintf(stderr, "usage: promqlblocks run DIR | make DIR SERIES SAMPLES INTERVAL_MS\n");
  return 2;
}
