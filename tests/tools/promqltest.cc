// promqltest [--immediate-name-removal] [--variants] FILE…: runs PromQL conformance scripts
// against the engine, in the way of the conformance data's README. With --variants every query is
// run again with other numbers of workers, batches, tiles and without fusion: the same bits must
// come out.
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <re2/re2.h>

#include "base/number_text.h"
#include "base/time_text.h"
#include "promql/engine.h"
#include "promql/functions.h"
#include "promql/histogram_math.h"
#include "promql/parser.h"
#include "promql/printer.h"
#include "support/engine_variants.h"
#include "support/memory_source.h"
#include "tools/script.h"

namespace thanos::promqltest {
namespace {

using promql::QueryParams;
using promql::QueryResult;

bool Same(double a, double b) {
  if (model::IsStaleNan(a) || model::IsStaleNan(b)) {
    return model::IsStaleNan(a) && model::IsStaleNan(b);
  }
  if (std::isnan(a) && std::isnan(b)) return true;
  if (a == b) return true;
  if (!std::isfinite(a) || !std::isfinite(b)) return false;
  constexpr double kEpsilon = 1e-6;
  const double total = std::fabs(a) + std::fabs(b);
  const double difference = std::fabs(a - b);
  constexpr double kMin = std::numeric_limits<double>::min();
  if (a == 0 || b == 0 || total < kMin) return difference < kEpsilon * kMin;
  return difference / std::fmin(total, std::numeric_limits<double>::max()) < kEpsilon;
}

// A float or a histogram.
struct Point {
  double value = 0;
  std::shared_ptr<const model::FloatHistogram> histogram;
  bool check_hint = false;  // Of what is expected.
};
using Points = std::map<int64_t, Point>;
using Found = std::map<Labels, Points>;

bool SameList(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), Same);
}

bool SamePoint(const Point& expected, const Point& found) {
  if ((expected.histogram == nullptr) != (found.histogram == nullptr)) return false;
  if (expected.histogram == nullptr) return Same(expected.value, found.value);
  model::FloatHistogram a = *expected.histogram;
  model::FloatHistogram b = *found.histogram;
  promql::Compact(&a);
  promql::Compact(&b);
  return a.schema == b.schema && Same(a.count, b.count) && Same(a.sum, b.sum) &&
         Same(a.zero_count, b.zero_count) && a.zero_threshold == b.zero_threshold &&
         a.custom_values == b.custom_values && a.positive_spans == b.positive_spans &&
         a.negative_spans == b.negative_spans && SameList(a.positive_buckets, b.positive_buckets) &&
         SameList(a.negative_buckets, b.negative_buckets) &&
         (!expected.check_hint || a.hint == b.hint);
}

// Points of a result by time.
Points PointsOf(const QueryResult& result, const promql::ResultSeries& series) {
  Points points;
  for (size_t i = 0; i < series.values.size(); ++i) {
    if (!series.Has(i)) continue;
    points[series.times.empty() ? result.grid.At(i) : series.times[i]].value = series.values[i];
  }
  for (size_t i = 0; i < series.histograms.size(); ++i) {
    if (series.histograms[i] == nullptr) continue;
    const bool grid = series.histogram_times.empty();
    points[grid ? result.grid.At(i) : series.histogram_times[i]].histogram = series.histograms[i];
  }
  return points;
}

std::string Shown(const Points& points) {
  std::string text;
  for (const auto& [t, point] : points) {
    text += " ";
    if (point.histogram == nullptr) {
      text += base::FormatFloatG(point.value);
    } else {
      text += promql::HistogramText(*point.histogram) + " hint " +
              std::to_string(static_cast<int>(point.histogram->hint)) + " schema " +
              std::to_string(point.histogram->schema) + " zero " +
              base::FormatFloatG(point.histogram->zero_threshold);
    }
    text += "@" + std::to_string(t);
  }
  return text;
}

// The expression with `@ t` on every selector and subquery that has none.
void PinTo(int64_t t, promql::Expr& expr) {
  using promql::As;
  switch (expr.kind) {
    case promql::ExprKind::kVector: {
      auto& time = As<promql::VectorSelector>(expr).time;
      if (!time.has_at()) time.at_ms = t;
      return;
    }
    case promql::ExprKind::kMatrix:
      return PinTo(t, *As<promql::MatrixSelector>(expr).selector);
    case promql::ExprKind::kSubquery: {
      // Inside it selectors stay as they are: its points are fixed by its own time.
      auto& time = As<promql::Subquery>(expr).time;
      if (!time.has_at()) time.at_ms = t;
      return;
    }
    case promql::ExprKind::kCall:
      for (promql::ExprPtr& arg : As<promql::Call>(expr).args) PinTo(t, *arg);
      return;
    case promql::ExprKind::kAggregate: {
      auto& aggregate = As<promql::Aggregate>(expr);
      PinTo(t, *aggregate.inner);
      if (aggregate.param != nullptr) PinTo(t, *aggregate.param);
      return;
    }
    case promql::ExprKind::kBinary:
      PinTo(t, *As<promql::Binary>(expr).lhs);
      return PinTo(t, *As<promql::Binary>(expr).rhs);
    case promql::ExprKind::kUnary:
      return PinTo(t, *As<promql::Unary>(expr).inner);
    case promql::ExprKind::kParen:
      return PinTo(t, *As<promql::Paren>(expr).inner);
    default:
      return;
  }
}

bool LooksAtTime(const promql::Expr& expr) {
  using promql::As;
  using Id = promql::FunctionId;
  switch (expr.kind) {
    case promql::ExprKind::kCall: {
      static const std::set<Id> kIds = {
          Id::kDaysInMonth,   Id::kDayOfMonth, Id::kDayOfWeek, Id::kDayOfYear, Id::kHour,
          Id::kMinute,        Id::kMonth,      Id::kYear,      Id::kTime,      Id::kTimestamp,
          Id::kPredictLinear, Id::kStart,      Id::kEnd,       Id::kRange,     Id::kStep};
      const auto& call = As<promql::Call>(expr);
      if (kIds.contains(call.function->id)) return true;
      for (const promql::ExprPtr& arg : call.args) {
        if (LooksAtTime(*arg)) return true;
      }
      return false;
    }
    case promql::ExprKind::kSubquery:
      return LooksAtTime(*As<promql::Subquery>(expr).inner);
    case promql::ExprKind::kAggregate: {
      const auto& aggregate = As<promql::Aggregate>(expr);
      return LooksAtTime(*aggregate.inner) ||
             (aggregate.param != nullptr && LooksAtTime(*aggregate.param));
    }
    case promql::ExprKind::kBinary:
      return LooksAtTime(*As<promql::Binary>(expr).lhs) ||
             LooksAtTime(*As<promql::Binary>(expr).rhs);
    case promql::ExprKind::kUnary:
      return LooksAtTime(*As<promql::Unary>(expr).inner);
    case promql::ExprKind::kParen:
      return LooksAtTime(*As<promql::Paren>(expr).inner);
    default:
      return false;
  }
}

struct Options {
  bool immediate = false;
  bool variants = false;
};

class Runner {
 public:
  explicit Runner(const Options& options) : engine_(EngineOptionsOf(options)) {
    if (options.variants) variants_ = std::make_unique<testing::VariantChecker>(engine_.options());
  }

  static promql::EngineOptions EngineOptionsOf(const Options& given) {
    promql::EngineOptions options;
    options.samples_max = 10000;
    options.delayed_name_removal = !given.immediate;
    options.start_timestamps = true;
    options.parser.experimental_functions = true;
    options.parser.extended_range_selectors = true;
    options.parser.fill_modifiers = true;
    options.parser.x_functions = true;
    return options;
  }

  void Load(const Command& command) {
    for (const SeriesLine& line : command.series) {
      testing::MemorySource::Samples& samples = source_.At(line.labels);
      for (size_t i = 0; i < line.items.size(); ++i) {
        const int64_t t = static_cast<int64_t>(i) * command.step_ms;
        switch (line.items[i].kind) {
          case Item::Kind::kGap:
            break;
          case Item::Kind::kFloat:
            Put(&samples, t, line.items[i].value);
            break;
          case Item::Kind::kStale:
            Put(&samples, t, std::bit_cast<double>(model::kStaleNanBits));
            break;
          case Item::Kind::kHistogram:
            PutHistogram(&samples, t, *line.items[i].histogram);
            break;
        }
        if (i < line.start_offsets_ms.size() && line.start_offsets_ms[i]) {
          PutStart(&samples, t, t + *line.start_offsets_ms[i]);
        }
      }
    }
    if (command.with_nhcb) LoadClassicAsNative(command);
  }
  void Clear() { source_.Clear(); }

  // "" when the eval passes, else what is wrong.
  std::string Check(const Eval& eval) {
    if (eval.step_ms != 0) return CheckOnce(eval, eval.expr, eval.start_ms, "");
    std::string wrong = CheckOnce(eval, eval.expr, eval.start_ms, "");
    if (!wrong.empty()) return wrong;
    if (eval.string_result || eval.range_vector) return "";
    for (const char* word : {"start()", "end()", "range()", "step()"}) {
      if (eval.expr.find(word) != std::string::npos) return "";
    }
    wrong = CheckInRange(eval, eval.expr, eval.start_ms);
    if (!wrong.empty()) return wrong;
    return CheckPinned(eval);
  }

 private:
  static void Put(testing::MemorySource::Samples* samples, int64_t t, double v) {
    // Later loads may come before or between earlier ones.
    const auto at = std::lower_bound(samples->t.begin(), samples->t.end(), t);
    const auto index = at - samples->t.begin();
    if (at != samples->t.end() && *at == t) {
      samples->v[static_cast<size_t>(index)] = v;
      return;
    }
    samples->t.insert(at, t);
    samples->v.insert(samples->v.begin() + index, v);
    if (!samples->st.empty()) samples->st.insert(samples->st.begin() + index, 0);
  }
  static void PutHistogram(testing::MemorySource::Samples* samples, int64_t t,
                           model::FloatHistogram histogram) {
    // The store finds out about resets itself.
    if (histogram.hint != model::CounterResetHint::kGauge) {
      histogram.hint = model::CounterResetHint::kUnknown;
    }
    const auto at = std::lower_bound(samples->histogram_t.begin(), samples->histogram_t.end(), t);
    const auto index = at - samples->histogram_t.begin();
    samples->histogram_t.insert(at, t);
    samples->histograms.insert(samples->histograms.begin() + index, std::move(histogram));
    if (!samples->histogram_st.empty()) {
      samples->histogram_st.insert(samples->histogram_st.begin() + index, 0);
    }
  }
  // Of the sample at `t`, which is there.
  static void PutStart(testing::MemorySource::Samples* samples, int64_t t, int64_t start) {
    const auto put = [&](const std::vector<int64_t>& times, std::vector<int64_t>& starts) {
      const auto at = std::lower_bound(times.begin(), times.end(), t);
      if (at == times.end() || *at != t) return;
      starts.resize(times.size());
      starts[static_cast<size_t>(at - times.begin())] = start;
    };
    put(samples->t, samples->st);
    put(samples->histogram_t, samples->histogram_st);
  }

  // One classic histogram at one time.
  struct Classic {
    std::map<double, double> buckets;  // Cumulative, by bound.
    std::optional<double> count, sum;
  };

  // Native histograms with custom bounds beside the classic ones of the block.
  void LoadClassicAsNative(const Command& command) {
    std::map<Labels, std::map<int64_t, Classic>> classics;
    for (const SeriesLine& line : command.series) {
      const std::string name(line.labels.Get(kMetricName));
      LabelsBuilder builder(line.labels);
      std::optional<double> bound;
      std::string_view suffix;
      for (const std::string_view candidate : {"_bucket", "_count", "_sum"}) {
        if (name.ends_with(candidate)) suffix = candidate;
      }
      if (suffix.empty()) continue;
      if (suffix == "_bucket") {
        const Result<double> le = base::ParseGoFloat(line.labels.Get("le"));
        if (!le.ok()) continue;
        bound = *le;
        builder.Remove("le");
      }
      const std::string base = name.substr(0, name.size() - suffix.size());
      builder.Set(kMetricName, base);
      auto& by_time = classics[builder.Build()];
      for (size_t i = 0; i < line.items.size(); ++i) {
        if (line.items[i].kind != Item::Kind::kFloat) continue;
        Classic& classic = by_time[static_cast<int64_t>(i) * command.step_ms];
        const double value = line.items[i].value;
        if (bound) classic.buckets[*bound] = value;
        if (suffix == "_count") classic.count = value;
        if (suffix == "_sum") classic.sum = value;
      }
    }
    for (const auto& [labels, by_time] : classics) {
      for (const auto& [t, classic] : by_time) {
        if (!classic.buckets.empty()) PutClassic(classic, t, &source_.At(labels));
      }
    }
  }
  static void PutClassic(const Classic& classic, int64_t t,
                         testing::MemorySource::Samples* samples) {
    model::FloatHistogram histogram;
    histogram.schema = model::kCustomBucketsSchema;
    double below = 0;
    for (const auto& [bound, count] : classic.buckets) {
      if (std::isfinite(bound)) histogram.custom_values.push_back(bound);
      histogram.positive_buckets.push_back(count - below);
      below = count;
    }
    histogram.count = classic.count.value_or(below);
    if (std::isfinite(classic.buckets.rbegin()->first)) {
      histogram.positive_buckets.push_back(histogram.count - below);
    }
    histogram.sum = classic.sum.value_or(0);
    histogram.positive_spans = {{0, static_cast<uint32_t>(histogram.positive_buckets.size())}};
    promql::Compact(&histogram);
    PutHistogram(samples, t, std::move(histogram));
  }

  Result<QueryResult> Run(const std::string& expr, int64_t start, int64_t end, int64_t step) {
    QueryParams params;
    params.text = expr;
    params.start_ms = start;
    params.end_ms = end;
    params.step_ms = step;
    THANOS_ASSIGN_OR_RETURN(std::unique_ptr<promql::PreparedQuery> query, engine_.Prepare(params));
    if (query->Explain().name.empty()) return InternalError("no explanation");
    Result<QueryResult> result = query->Run(CallContext(), source_);
    if (variants_ == nullptr) return result;
    THANOS_RETURN_IF_ERROR(variants_->Check(params, source_, result));
    return result;
  }

  std::string CheckOnce(const Eval& eval, const std::string& expr, int64_t at,
                        const std::string& what) {
    const Result<QueryResult> result =
        Run(expr, at, eval.step_ms != 0 ? eval.end_ms : at, eval.step_ms);
    std::string wrong = CheckStatus(eval, result.status());
    if (wrong.empty() && result.ok()) wrong = CheckAnnotations(eval, *result);
    if (wrong.empty() && result.ok()) wrong = CheckResult(eval, *result);
    return wrong.empty() ? "" : what + wrong;
  }

  std::string CheckPinned(const Eval& eval) {
    Result<promql::ExprPtr> parsed = promql::Parse(eval.expr, engine_.options().parser);
    if (!parsed.ok() || LooksAtTime(**parsed)) return "";
    PinTo(eval.start_ms, **parsed);
    const std::string expr = promql::Print(**parsed);
    const int64_t t = eval.start_ms;
    std::vector<int64_t> times = {-10 * t, 0, t / 5, t, 10 * t};
    if (t == 0) times = {-1000, 0, 1000};
    for (const int64_t at : times) {
      const std::string what = "pinned, at " + std::to_string(at) + ": " + expr + ": ";
      std::string wrong = CheckOnce(eval, expr, at, what);
      if (wrong.empty()) wrong = CheckInRange(eval, expr, at);
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

  // The middle step of a range query must give what the instant query gives.
  std::string CheckInRange(const Eval& eval, const std::string& expr, int64_t at) {
    if (eval.ordered) return "";
    constexpr int64_t kMinute = 60000;
    Result<QueryResult> result = Run(expr, at - kMinute, at + kMinute, kMinute);
    const std::string what = "as a range query at " + std::to_string(at) + ": ";
    std::string wrong = CheckStatus(eval, result.status());
    if (!wrong.empty()) return what + wrong;
    if (!result.ok()) return "";
    for (size_t i = 1; i < result->series.size(); ++i) {
      if (!(result->series[i - 1].labels < result->series[i].labels)) {
        return what + "series are not sorted";
      }
    }
    Found found;
    for (const promql::ResultSeries& series : result->series) {
      const auto points = PointsOf(*result, series);
      if (const auto point = points.find(at); point != points.end()) {
        found[Labels(series.labels)] = {{0, point->second}};
      }
    }
    wrong = Compare(Expected(eval), found);
    return wrong.empty() ? "" : what + wrong;
  }

  static std::string CheckStatus(const Eval& eval, const Status& status) {
    bool may_fail = false;
    for (const Expectation& expectation : eval.expectations) {
      if (expectation.kind != Expectation::Kind::kFail) continue;
      may_fail = true;
      if (status.ok()) return "should fail";
      const std::string text(status.message());
      if (expectation.text.empty()) continue;
      const bool match = expectation.is_regex ? re2::RE2::PartialMatch(text, expectation.text)
                                              : text == expectation.text;
      if (!match) return "fails with \"" + text + "\", not \"" + expectation.text + "\"";
    }
    if (!status.ok() && !may_fail) return "fails: " + status.ToString();
    if (may_fail && status.code() == StatusCode::kUnimplemented) return status.ToString();
    return "";
  }

  static std::string CheckKind(const Eval& eval, Expectation::Kind some, Expectation::Kind none,
                               const std::vector<std::string>& texts) {
    bool asked = false;
    std::vector<bool> matched(texts.size());
    for (const Expectation& expectation : eval.expectations) {
      if (expectation.kind == none && !texts.empty()) return "unwanted: " + texts[0];
      if (expectation.kind != some) continue;
      asked = true;
      bool any = false;
      for (size_t i = 0; i < texts.size(); ++i) {
        const bool match =
            expectation.text.empty() ||
            (expectation.is_regex ? re2::RE2::PartialMatch(texts[i], expectation.text)
                                  : texts[i] == expectation.text);
        if (match) matched[i] = any = true;
      }
      if (!any) {
        return "no annotation \"" + expectation.text + "\"" +
               (texts.empty() ? "" : ", but " + texts[0]);
      }
    }
    for (size_t i = 0; asked && i < texts.size(); ++i) {
      if (!matched[i]) return "unexpected: " + texts[i];
    }
    return "";
  }

  static std::string CheckAnnotations(const Eval& eval, const QueryResult& result) {
    std::string wrong = CheckKind(eval, Expectation::Kind::kWarn, Expectation::Kind::kNoWarn,
                                  result.promql_warnings);
    if (!wrong.empty()) return wrong;
    return CheckKind(eval, Expectation::Kind::kInfo, Expectation::Kind::kNoInfo,
                     result.promql_infos);
  }

  // By labels; for instants the time is 0.
  static Found Expected(const Eval& eval) {
    Found expected;
    if (eval.scalar_result) expected[Labels()] = {{0, {*eval.scalar_result, nullptr, false}}};
    for (const SeriesLine& line : eval.series) {
      auto& points = expected[line.labels];
      for (size_t i = 0; i < line.items.size(); ++i) {
        if (line.items[i].kind == Item::Kind::kGap) continue;
        int64_t t = 0;
        if (eval.step_ms != 0) t = eval.start_ms + static_cast<int64_t>(i) * eval.step_ms;
        if (eval.range_vector) {
          t = eval.vector_start_ms + static_cast<int64_t>(i) * eval.vector_step_ms;
        }
        points[t] = {line.items[i].kind == Item::Kind::kStale
                         ? std::bit_cast<double>(model::kStaleNanBits)
                         : line.items[i].value,
                     line.items[i].histogram, line.items[i].hint_is_given};
      }
    }
    return expected;
  }

  static std::string Compare(const Found& expected, const Found& found) {
    for (const auto& [labels, points] : found) {
      if (!expected.contains(labels)) return "extra " + labels.ToString() + Shown(points);
    }
    for (const auto& [labels, points] : expected) {
      const auto at = found.find(labels);
      if (at == found.end()) return "missing " + labels.ToString();
      bool same = at->second.size() == points.size();
      for (const auto& [t, v] : points) {
        const auto point = at->second.find(t);
        same = same && point != at->second.end() && SamePoint(v, point->second);
      }
      if (!same) {
        return labels.ToString() + " is" + Shown(at->second) + ", not" + Shown(points);
      }
    }
    return "";
  }

  static std::string CheckResult(const Eval& eval, const QueryResult& result) {
    if (eval.string_result) {
      return result.text == *eval.string_result ? "" : "string is " + result.text;
    }
    Found found;
    if (result.type == promql::ValueType::kScalar) {
      if (!eval.scalar_result) return "the result is a scalar";
      found[Labels()] = {{0, {result.scalar, nullptr, false}}};
      return Compare(Expected(eval), found);
    }
    for (size_t i = 0; i < result.series.size(); ++i) {
      const promql::ResultSeries& series = result.series[i];
      auto points = PointsOf(result, series);
      if (result.type == promql::ValueType::kVector) points = {{0, points.begin()->second}};
      found[Labels(series.labels)] = std::move(points);
      if (eval.ordered && i < eval.series.size() &&
          Labels(series.labels) != eval.series[i].labels) {
        return "place " + std::to_string(i) + " is of " + series.labels.ToString();
      }
    }
    return Compare(Expected(eval), found);
  }

  const promql::Engine engine_;
  std::unique_ptr<testing::VariantChecker> variants_;
  testing::MemorySource source_;
};

struct Totals {
  int passed = 0, failed = 0;
};

void RunFile(const std::string& path, const Options& options, Totals* totals) {
  const std::string name = std::filesystem::path(path).filename().string();
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Result<std::vector<Command>> commands = ReadScript(text);
  if (text.empty() || !commands.ok()) {
    std::printf("%s: %s\n", path.c_str(), commands.status().ToString().c_str());
    ++totals->failed;
    return;
  }
  Runner runner(options);
  for (const Command& command : *commands) {
    switch (command.kind) {
      case Command::Kind::kClear:
        runner.Clear();
        break;
      case Command::Kind::kLoad:
        runner.Load(command);
        break;
      case Command::Kind::kEval: {
        std::string wrong = runner.Check(command.eval);
        // What is expected is the business of a run without variants.
        if (options.variants && wrong.find("differs with ") == std::string::npos) wrong.clear();
        ++(wrong.empty() ? totals->passed : totals->failed);
        if (wrong.empty()) break;
        std::printf("%s:%d: %s\n    %s\n", name.c_str(), command.eval.line,
                    command.eval.expr.c_str(), wrong.c_str());
        break;
      }
    }
  }
}

int Main(int argc, char** argv) {
  Totals totals;
  std::vector<std::string> files;
  Options options;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--immediate-name-removal") {
      options.immediate = true;
    } else if (std::string_view(argv[i]) == "--variants") {
      options.variants = true;
    } else {
      files.emplace_back(argv[i]);
    }
  }
  if (files.empty()) {
    std::fprintf(stderr, "usage: promqltest [--immediate-name-removal] [--variants] FILE...\n");
    return 2;
  }
  for (const std::string& file : files) RunFile(file, options, &totals);
  std::printf("%d passed, %d failed\n", totals.passed, totals.failed);
  return totals.failed == 0 && totals.passed > 0 ? 0 : 1;
}

}  // namespace
}  // namespace thanos::promqltest

int main(int argc, char** argv) { return thanos::promqltest::Main(argc, argv); }
