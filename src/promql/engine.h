// Evaluation of PromQL over any SeriesSource.
//
//   promql::Engine engine(options);
//   QueryParams params{.text = "sum by (job) (rate(m[5m]))", .start_ms = a, .end_ms = b,
//                      .step_ms = 15000};
//   THANOS_ASSIGN_OR_RETURN(std::unique_ptr<PreparedQuery> query, engine.Prepare(params));
//   THANOS_ASSIGN_OR_RETURN(QueryResult result, query->Run(context, source));
//
// An error of Prepare is the caller's (kInvalidArgument, bad_data of the HTTP API). An error of Run
// is one of execution: kCancelled and kDeadlineExceeded when the context ended, kInternal for the
// source's internal failures, any other code is an execution error.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "promql/ast.h"
#include "promql/grid.h"
#include "promql/parser.h"
#include "promql/plan_node.h"
#include "series/sample_reader.h"
#include "thanos/call_context.h"
#include "thanos/series.h"
#include "thanos/status.h"

namespace thanos::base {
class CpuShares;
class Executor;
}  // namespace thanos::base

namespace thanos::promql {

/// Settings of a process.
struct EngineOptions {
  /// Where selectors decode and compute; not owned. Null: on the calling thread.
  base::Executor* executor = nullptr;
  /// Whose turn it is to compute when many queries want to; not owned. Null: everybody's.
  base::CpuShares* cpu_shares = nullptr;
  int64_t lookback_ms = 300000;
  int64_t default_subquery_step_ms = 60000;
  uint64_t samples_max = 50000000;  // Points that one query may hold at a time; 0 is no limit.
  uint64_t series_max = 0;          // Series that one query may read; 0 is no limit.
  bool delayed_name_removal = false;
  bool start_timestamps = false;  // rate() and its kin look at when counters began.
  uint32_t batch_series = 64;     // Series that travel together.
  bool fuse = true;               // Off: every operator hands over rows. For tests.
  size_t tiles_min = 1;           // Tiles of steps to begin with. For tests.
  ParserOptions parser;
};

/// Which aggregate of downsampled data a selector asks for follows a hint: the nearest enclosing
/// function as Prometheus' engine passes it, or as Thanos' engine does (through binary operators
/// and subqueries).
enum class HintStyle : uint8_t { kPrometheus, kThanos };

/// How a query's selectors read their source.
struct SelectOptions {
  series::DedupAlgorithm dedup = series::DedupAlgorithm::kNone;
  std::vector<std::string> replica_labels;  // Dropped by the source when dedup is on.
  int64_t max_resolution_ms = 0;
  PartialStrategy partial = PartialStrategy::kWarn;
  std::vector<std::vector<model::Matcher>> store_match;
  std::optional<Shard> shard;
  bool aggregates_by_function = true;    // Off: raw data only.
  bool counter_always_adjusted = false;  // See series::ReadOptions.
  HintStyle hints = HintStyle::kPrometheus;
};

struct QueryParams {
  std::string text;
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;      // 0: an instant query at start_ms.
  int64_t lookback_ms = 0;  // 0: the engine's.
  bool analyze = false;     // Measure every operator: QueryResult::analysis.
  SelectOptions select;
};

/// One series of a result. Everything is borrowed from the result.
struct ResultSeries {
  LabelsView labels;
  /// Times of the points when they are the samples' own (a range selector in an instant query);
  /// empty when points lie on the result's grid.
  std::span<const int64_t> times;
  /// One per time, or one per step of the grid.
  std::span<const double> values;
  /// Which steps have a float; null: all.
  const uint64_t* present = nullptr;
  /// Native histograms: one per step of the grid (null where there is none), or one per time of
  /// histogram_times. Empty when the series has none.
  std::span<const std::shared_ptr<const model::FloatHistogram>> histograms;
  std::span<const int64_t> histogram_times;

  bool Has(size_t i) const { return present == nullptr || TestBit(present, i); }
};

struct QueryStats {
  uint64_t series = 0;  // Read from the source.
  uint64_t samples_decoded = 0;
  uint64_t samples_queryable = 0;  // Samples in windows, summed over steps.
  uint64_t samples_peak = 0;       // Points held at a time.
  uint64_t peak_bytes = 0;         // Of the query's budget; 0 without one.
  uint64_t selects = 0;
  int64_t prepare_ns = 0;
  int64_t run_ns = 0;
};

/// Owns its memory and the lease for it.
struct QueryResult {
  /// Instant query: the expression's type. Range query: kMatrix.
  ValueType type = ValueType::kNone;
  Grid grid;
  /// kVector: one value each, in order of evaluation. kMatrix: sorted by labels.
  std::vector<ResultSeries> series;
  double scalar = 0;
  std::string text;
  Warnings warnings;                         // Of sources.
  std::vector<std::string> promql_warnings;  // "PromQL warning: … (1:5)"
  std::vector<std::string> promql_infos;     // "PromQL info: … (1:5)"
  bool partial = false;
  QueryStats stats;
  std::optional<PlanNode> analysis;
  std::shared_ptr<const void> owner;
};

class PreparedQuery {
 public:
  virtual ~PreparedQuery() = default;
  /// May run more than once, from one thread at a time. The source must outlive the call only.
  virtual Result<QueryResult> Run(const CallContext& context, SeriesSource& source) = 0;
  /// The operators: what each holds, in which order its rows come, what it costs. PlanText() makes
  /// lines of it.
  virtual PlanNode Explain() const = 0;
  /// Static type of the expression, checked and preprocessed.
  virtual ValueType type() const = 0;
  virtual const Expr& expr() const = 0;
};

/// Thread-safe. Must outlive its queries.
class Engine {
 public:
  explicit Engine(EngineOptions options) : options_(options) {}

  /// Parses, checks, resolves durations and `@`.
  Result<std::unique_ptr<PreparedQuery>> Prepare(const QueryParams& params) const;
  const EngineOptions& options() const { return options_; }

 private:
  const EngineOptions options_;
};

}  // namespace thanos::promql
