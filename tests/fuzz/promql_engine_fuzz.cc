// Any expression over a few series of all kinds is answered or refused, within its budget, and
// gives the same answer in tiles and without fusion. The first byte chooses the step.
#include <cstdint>
#include <string>
#include <string_view>

#include "promql/engine.h"
#include "support/engine_variants.h"
#include "support/memory_source.h"

namespace {

using namespace thanos;

void Fill(testing::MemorySource* source) {
  for (int i = 0; i < 6; ++i) {
    const std::string le = i % 3 == 2 ? "+Inf" : std::to_string(i % 3);
    auto& samples = source->At(Labels::Of(
        {{"__name__", i < 3 ? "m" : "c_total"}, {"le", le}, {"job", i % 2 == 0 ? "a" : "b"}}));
    for (int64_t t = i * 100; t < 300000; t += 10000 + i * 500) {
      samples.t.push_back(t);
      samples.v.push_back(t % 70000 < 10000 ? 0 : static_cast<double>(t) / 7);
    }
  }
  auto& native = source->At(Labels::Of({{"__name__", "h"}, {"job", "a"}}));
  for (int64_t t = 0; t < 300000; t += 20000) {
    model::FloatHistogram histogram;
    histogram.count = static_cast<double>(t);
    histogram.sum = static_cast<double>(t) * 2;
    histogram.positive_spans = {{0, 2}};
    histogram.positive_buckets = {histogram.count / 2, histogram.count / 2};
    native.histogram_t.push_back(t);
    native.histograms.push_back(histogram);
  }
  source->Seal();
}

std::string Run(const promql::EngineOptions& options, const promql::QueryParams& params,
                SeriesSource& source) {
  const auto budget = Budget::Make("fuzz", 64 << 20);
  const promql::Engine engine(options);
  const auto query = engine.Prepare(params);
  if (!query.ok()) return query.status().ToString();
  if ((*query)->Explain().name.empty()) __builtin_trap();
  std::string bits;
  {
    const auto result = (*query)->Run(CallContext().WithBudget(budget), source);
    // How much memory and time is used differs, and with it what a limit says.
    if (!result.ok() && result.status().code() == StatusCode::kResourceExhausted) return "limit";
    bits = testing::BitsOf(result);
  }
  if (budget->used_bytes() != 0) __builtin_trap();
  return bits;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static testing::MemorySource* const source = [] {
    auto* made = new testing::MemorySource();
    Fill(made);
    return made;
  }();
  if (size < 1) return 0;
  promql::EngineOptions options;
  options.samples_max = 100000;
  options.delayed_name_removal = data[0] % 2 == 1;
  options.start_timestamps = true;
  options.parser.experimental_functions = true;
  options.parser.extended_range_selectors = true;
  options.parser.fill_modifiers = true;
  promql::QueryParams params;
  params.text = std::string(reinterpret_cast<const char*>(data) + 1, size - 1);
  params.start_ms = 150000;
  params.end_ms = 280000;
  params.step_ms = data[0] % 4 < 2 ? 0 : 17000;
  // A subquery may ask for any number of points: the size of its grid is not what is tested here.
  const auto parsed = promql::Parse(params.text, options.parser);
  if (!parsed.ok() || params.text.find(':') != std::string::npos) return 0;
  const std::string whole = Run(options, params, *source);
  options.fuse = false;
  options.tiles_min = 3;
  const std::string tiled = Run(options, params, *source);
  // Of several errors in one query either may come first.
  const bool failed = whole.find('\n') == std::string::npos;
  if (failed != (tiled.find('\n') == std::string::npos)) __builtin_trap();
  if (!failed && whole != tiled) __builtin_trap();
  return 0;
}
