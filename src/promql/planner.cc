#include "promql/planner.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/number_text.h"
#include "promql/aggregate.h"
#include "promql/functions.h"
#include "promql/holding.h"
#include "promql/info.h"
#include "promql/preprocess.h"
#include "promql/printer.h"
#include "promql/vector_binary.h"

namespace thanos::promql {
namespace {

bool IsOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool HintsCounter(std::string_view function) {
  return IsOneOf(function, {"increase", "rate", "irate", "resets", "xincrease", "xrate"});
}

// What to read of downsampled data. formats/algorithms §4.1.
AggrSet AggregatesOf(std::string_view function) {
  AggrSet set;
  if (function == "min" || function.starts_with("min_")) {
    set.Add(Aggr::kMin);
  } else if (function == "max" || function.starts_with("max_")) {
    set.Add(Aggr::kMax);
  } else if (function == "count" || function.starts_with("count_")) {
    set.Add(Aggr::kCount);
  } else if (function.starts_with("sum_")) {
    set.Add(Aggr::kSum);
  } else if (HintsCounter(function)) {
    set.Add(Aggr::kCounter);
  } else {
    set.Add(Aggr::kCount);
    set.Add(Aggr::kSum);
  }
  return set;
}

// Functions that need several samples in a window: half of it is the coarsest resolution.
bool NeedsFineResolution(std::string_view function) {
  return IsOneOf(function, {"rate", "irate", "increase", "delta", "idelta", "deriv",
                            "predict_linear", "holt_winters", "double_exponential_smoothing"});
}

bool NameIsFixed(const model::Matchers& matchers) {
  return std::any_of(matchers.begin(), matchers.end(), [](const model::Matcher& matcher) {
    return matcher.name() == kMetricName && matcher.type() == model::MatchType::kEqual;
  });
}

const std::string& TextOf(const Expr& expr) { return As<StringLiteral>(Unwrap(expr)).value; }

// Labels of absent(): equality matchers, unless their label occurs twice.
Labels AbsentLabels(const Expr& arg) {
  const Expr& expr = Unwrap(arg);
  const VectorSelector* selector = nullptr;
  if (expr.kind == ExprKind::kVector) selector = &As<VectorSelector>(expr);
  if (expr.kind == ExprKind::kMatrix) selector = As<MatrixSelector>(expr).selector.get();
  LabelsBuilder builder;
  if (selector == nullptr) return builder.Build();
  for (const model::Matcher& matcher : selector->matchers) {
    if (matcher.name() == kMetricName) continue;
    const auto uses =
        std::count_if(selector->matchers.begin(), selector->matchers.end(),
                      [&](const model::Matcher& other) { return other.name() == matcher.name(); });
    if (uses == 1 && matcher.type() == model::MatchType::kEqual && !matcher.value().empty()) {
      builder.Set(matcher.name(), matcher.value());
    }
  }
  return builder.Build();
}

// Where a selector reads, as the `@` and offsets on the way to it add up.
struct ReadTime {
  std::optional<int64_t> at_ms;
  int64_t offset_ms = 0;

  ReadTime Under(const TimeModifiers& time) const {
    if (time.at_ms) return {time.at_ms, time.offset_ms};
    return {at_ms, offset_ms + time.offset_ms};
  }
};

// The time of the first selector; nothing when there is none.
std::optional<ReadTime> FirstReadTime(const Expr& expr, const ReadTime& outer) {
  switch (expr.kind) {
    case ExprKind::kVector:
      return outer.Under(As<VectorSelector>(expr).time);
    case ExprKind::kMatrix:
      return outer.Under(As<MatrixSelector>(expr).selector->time);
    case ExprKind::kSubquery:
      return FirstReadTime(*As<Subquery>(expr).inner, outer.Under(As<Subquery>(expr).time));
    case ExprKind::kUnary:
      return FirstReadTime(*As<Unary>(expr).inner, outer);
    case ExprKind::kParen:
      return FirstReadTime(*As<Paren>(expr).inner, outer);
    case ExprKind::kAggregate:
      return FirstReadTime(*As<Aggregate>(expr).inner, outer);
    case ExprKind::kBinary: {
      const std::optional<ReadTime> left = FirstReadTime(*As<Binary>(expr).lhs, outer);
      return left ? left : FirstReadTime(*As<Binary>(expr).rhs, outer);
    }
    case ExprKind::kCall:
      for (const ExprPtr& arg : As<Call>(expr).args) {
        if (const std::optional<ReadTime> found = FirstReadTime(*arg, outer)) return found;
      }
      return std::nullopt;
    case ExprKind::kNumber:
    case ExprKind::kString:
      break;
  }
  return std::nullopt;
}

}  // namespace

NameRule Planner::DropRule() const { return delayed() ? NameRule::kMarkDrop : NameRule::kDropNow; }

SelectorHint Planner::HintOf(const Call& call) const {
  return {std::string(call.function->name), {}, false};
}

// Selectors.

ScanSpec Planner::Scan(const VectorSelector& selector, WindowFunction::Spec function,
                       int64_t hint_range, const SelectorHint& hint) {
  const SelectOptions& select = state_->params.select;
  function.explicit_hints = explicit_hints_;
  ScanSpec spec;
  spec.text = Print(selector);
  if (hint_range > 0) spec.text += "[" + std::to_string(hint_range) + "ms]";
  spec.name_is_fixed = NameIsFixed(selector.matchers);
  const WindowSpec& window = function.window;
  SelectRequest& request = spec.request;
  request.matchers = selector.matchers;
  if (window.grid.count > 0) {
    // Windows are open on the left.
    request.min_ms = window.End(0) - window.range_ms + 1;
    // Where replicas are merged or counters joined, values depend on where reading begins.
    const bool from_start = select.dedup != series::DedupAlgorithm::kNone ||
                            select.max_resolution_ms > 0 || select.counter_always_adjusted;
    if (from_start && !window.at_ms) request.min_ms -= window.grid.lead_ms;
    request.max_ms = window.End(window.grid.count - 1);
  }
  request.hints = {window.grid.step_ms, hint_range, hint.function, hint.grouping, hint.by};
  request.max_resolution_ms = select.max_resolution_ms;
  if (hint_range > 0 && NeedsFineResolution(hint.function)) {
    request.max_resolution_ms = std::min(request.max_resolution_ms, hint_range / 2);
  }
  if (select.aggregates_by_function) {
    request.aggregates = AggregatesOf(hint.function);
  } else {
    request.aggregates.Add(Aggr::kRaw);
  }
  request.partial = select.partial;
  request.store_match = select.store_match;
  request.shard = select.shard;
  request.batch_series = state_->options.batch_series;
  if (select.dedup != series::DedupAlgorithm::kNone) {
    request.without_labels = select.replica_labels;
  }
  spec.read.min_ms = request.min_ms;
  spec.read.max_ms = request.max_ms;
  spec.read.aggregates = request.aggregates;
  spec.read.dedup = select.dedup;
  spec.read.counter = HintsCounter(hint.function);
  spec.read.counter_always_adjusted = select.counter_always_adjusted;
  spec.function = std::move(function);
  return spec;
}

OperatorPtr Planner::LatestScan(const VectorSelector& selector, const Grid& grid,
                                const SelectorHint& hint, WindowKind kind, std::string_view name) {
  WindowFunction::Spec function;
  function.kind = kind;
  function.name = name;
  function.window = {grid, state_->lookback_ms, selector.time.offset_ms, selector.time.at_ms};
  function.place = selector.range;
  if (selector.extension == Extension::kSmoothed && kind == WindowKind::kLatest) {
    function.window.range_ms = 0;
    Extend(selector.extension, &function);
    function.window.range_ms = 2 * state_->lookback_ms;
  }
  ScanSpec spec = Scan(selector, std::move(function), 0, hint);
  if (kind != WindowKind::kLatest && name != "info") {
    spec.drop_metadata = !delayed();
    spec.mark_drop = delayed();
  }
  return MakeScan(std::move(spec), state_);
}

ScanSpec Planner::PlanRange(const MatrixSelector& matrix, const Grid& grid) {
  const TimeModifiers& time = matrix.selector->time;
  WindowFunction::Spec function;
  function.window = {grid, matrix.window_ms, time.offset_ms, time.at_ms};
  Extend(matrix.selector->extension, &function);
  return Scan(*matrix.selector, std::move(function), matrix.window_ms, {});
}

// First point: the smallest multiple of the step behind the start of the first window.
Grid Planner::SubqueryGrid(const Subquery& subquery, const Grid& grid) const {
  Grid inner;
  inner.step_ms =
      subquery.step_ms > 0 ? subquery.step_ms : state_->options.default_subquery_step_ms;
  inner.count = 0;
  if (grid.count == 0) return inner;
  const WindowSpec window{grid, subquery.window_ms, subquery.time.offset_ms, subquery.time.at_ms};
  const auto first_behind = [step = inner.step_ms](int64_t behind) {
    int64_t start = behind / step * step;
    if (start <= behind) start += step;
    return start - step > behind ? start - step : start;
  };
  const int64_t behind = window.End(0) - subquery.window_ms;
  const int64_t last = window.End(grid.count - 1);
  const int64_t start = first_behind(behind);
  inner.start_ms = start;
  if (!window.at_ms) inner.lead_ms = start - first_behind(behind - grid.lead_ms);
  if (start <= last) inner.count = static_cast<size_t>((last - start) / inner.step_ms) + 1;
  return inner;
}

OperatorPtr Planner::PlanSubqueryPoints(const Subquery& subquery, const Grid& grid) {
  return Vector(*subquery.inner, SubqueryGrid(subquery, grid), {});
}

// What anchored and smoothed read beyond the window.
void Planner::Extend(Extension extension, WindowFunction::Spec* function) const {
  function->extension = extension;
  if (extension == Extension::kNone) return;
  WindowSpec& window = function->window;
  function->inner_range_ms = window.range_ms;
  window.range_ms += state_->lookback_ms;
  if (extension == Extension::kAnchored) return;
  window.range_ms += state_->lookback_ms;
  window.offset_ms -= state_->lookback_ms;
  function->window_past_end_ms = state_->lookback_ms;
}

// Vectors.

OperatorPtr Planner::Vector(const Expr& expr, const Grid& grid, const SelectorHint& hint) {
  if (grid.count > 1 && IsStepInvariant(expr)) {
    Grid first = grid;
    first.count = 1;
    return MakeRepeat(grid, VariantVector(expr, first, hint), state_);
  }
  return VariantVector(expr, grid, hint);
}

OperatorPtr Planner::VariantVector(const Expr& expr, const Grid& grid, const SelectorHint& hint) {
  switch (expr.kind) {
    case ExprKind::kVector:
      return LatestScan(As<VectorSelector>(expr), grid, hint, WindowKind::kLatest, "");
    case ExprKind::kParen:
      return Vector(*As<Paren>(expr).inner, grid, hint);
    case ExprKind::kUnary: {
      OperatorPtr inner = Vector(*As<Unary>(expr).inner, grid, hint);
      if (!As<Unary>(expr).negate) return inner;
      return MakeUnaryMinus(std::move(inner), DropRule(), state_);
    }
    case ExprKind::kBinary:
      return BinaryVector(As<Binary>(expr), grid, hint);
    case ExprKind::kAggregate:
      return AggregateVector(As<Aggregate>(expr), grid);
    default:
      return CallVector(As<Call>(expr), grid);
  }
}

OperatorPtr Planner::BinaryVector(const Binary& binary, const Grid& grid,
                                  const SelectorHint& hint) {
  const SelectorHint inner =
      state_->params.select.hints == HintStyle::kThanos ? hint : SelectorHint();
  const bool comparison = IsComparison(binary.op) && !binary.return_bool;
  const bool left_scalar = binary.lhs->type == ValueType::kScalar;
  if (left_scalar || binary.rhs->type == ValueType::kScalar) {
    const Expr& scalar = left_scalar ? *binary.lhs : *binary.rhs;
    const Expr& vector = left_scalar ? *binary.rhs : *binary.lhs;
    return MakeVectorScalar(binary.op, binary.return_bool, left_scalar, Vector(vector, grid, inner),
                            ScalarOf(scalar, grid, inner),
                            comparison || IsTrim(binary.op) ? NameRule::kKeep : DropRule(),
                            binary.range, state_);
  }
  VectorBinarySpec spec{binary.op, binary.return_bool, *binary.matching, binary.range};
  OperatorPtr lhs = Vector(*binary.lhs, grid, inner);
  OperatorPtr rhs = Vector(*binary.rhs, grid, inner);
  if (IsSetOperator(binary.op)) {
    return MakeSetOperator(std::move(spec), std::move(lhs), std::move(rhs), state_);
  }
  return MakeVectorBinary(std::move(spec), std::move(lhs), std::move(rhs), state_);
}

OperatorPtr Planner::AggregateVector(const Aggregate& aggregate, const Grid& grid) {
  const SelectorHint hint{std::string(Spelling(aggregate.op)), aggregate.grouping,
                          !aggregate.without};
  AggregateSpec spec;
  spec.op = aggregate.op;
  spec.grouping = aggregate.grouping;
  spec.without = aggregate.without;
  spec.text = std::string(Spelling(aggregate.op)) + (aggregate.without ? " without (" : " by (");
  for (size_t i = 0; i < aggregate.grouping.size(); ++i) {
    spec.text += (i > 0 ? ", " : "") + aggregate.grouping[i];
  }
  spec.text += ")";
  spec.place = aggregate.range;
  spec.inner_place = aggregate.inner->range;
  ScalarPtr param;
  if (aggregate.param != nullptr) {
    spec.param_place = aggregate.param->range;
    if (aggregate.op == TokenKind::kCountValues) {
      spec.values_label = TextOf(*aggregate.param);
    } else {
      param = ScalarOf(*aggregate.param, grid, hint);
    }
  }
  return MakeAggregate(std::move(spec), Vector(*aggregate.inner, grid, hint), std::move(param),
                       state_);
}

// Calls.

OperatorPtr Planner::CallVector(const Call& call, const Grid& grid) {
  const FunctionId id = call.function->id;
  switch (id) {
    case FunctionId::kVector:
      return MakeVectorOf(ScalarOf(*call.args[0], grid, HintOf(call)), state_);
    case FunctionId::kAbsent:
      return MakeAbsent("absent", Vector(*call.args[0], grid, HintOf(call)),
                        AbsentLabels(*call.args[0]), state_);
    case FunctionId::kAbsentOverTime:
      return MakeAbsent("absent_over_time", WindowCall(call, grid, 0, {}),
                        AbsentLabels(*call.args[0]), state_);
    case FunctionId::kTimestamp:
      return TimestampCall(call, grid);
    case FunctionId::kStartTimestamp:
      return StartTimestampCall(call, grid);
    case FunctionId::kInfo:
      return InfoCall(call, grid);
    case FunctionId::kHistogramAvg:
    case FunctionId::kHistogramCount:
    case FunctionId::kHistogramStddev:
    case FunctionId::kHistogramStdvar:
    case FunctionId::kHistogramSum:
      return HistogramCall(call, grid);
    case FunctionId::kLabelReplace:
    case FunctionId::kLabelJoin:
      return LabelCall(call, grid);
    case FunctionId::kSort:
    case FunctionId::kSortDesc:
    case FunctionId::kSortByLabel:
    case FunctionId::kSortByLabelDesc: {
      OperatorPtr inner = Vector(*call.args[0], grid, HintOf(call));
      if (state_->params.step_ms == 0 && grid.count == 1) {
        SortSpec spec;
        spec.descending = id == FunctionId::kSortDesc || id == FunctionId::kSortByLabelDesc;
        spec.by_labels = id == FunctionId::kSortByLabel || id == FunctionId::kSortByLabelDesc;
        for (size_t i = 1; i < call.args.size(); ++i) spec.labels.push_back(TextOf(*call.args[i]));
        return MakeSort(std::move(spec), std::move(inner), state_);
      }
      state_->Annotate(AnnotationKind::kWarning,
                       "sort is ineffective for range queries since results are always ordered "
                       "by labels",
                       call.range);
      return inner;
    }
    case FunctionId::kHistogramQuantiles: {
      explicit_hints_ = false;
      BucketSpec spec;
      spec.drop_now = !delayed();
      spec.place = call.args[0]->range;
      spec.quantiles_label = TextOf(*call.args[1]);
      std::vector<ScalarPtr> params;
      for (size_t i = 2; i < call.args.size(); ++i) {
        spec.quantile_places.push_back(call.args[i]->range);
        params.push_back(ScalarOf(*call.args[i], grid, HintOf(call)));
      }
      return MakeBucketFunction(std::move(spec), std::move(params),
                                Vector(*call.args[0], grid, HintOf(call)), state_);
    }
    case FunctionId::kHistogramQuantile:
    case FunctionId::kHistogramFraction: {
      explicit_hints_ = false;
      BucketSpec spec;
      spec.fraction = id == FunctionId::kHistogramFraction;
      spec.drop_now = !delayed();
      spec.place = call.args.back()->range;
      spec.quantile_places = {call.args[0]->range};
      std::vector<ScalarPtr> params;
      for (size_t i = 0; i + 1 < call.args.size(); ++i) {
        params.push_back(ScalarOf(*call.args[i], grid, HintOf(call)));
      }
      return MakeBucketFunction(std::move(spec), std::move(params),
                                Vector(*call.args.back(), grid, HintOf(call)), state_);
    }
    case FunctionId::kQuantileOverTime:
      return WindowCall(call, grid, 1, {0});
    case FunctionId::kPredictLinear:
      return WindowCall(call, grid, 0, {1});
    case FunctionId::kDoubleExponentialSmoothing:
      return WindowCall(call, grid, 0, {1, 2});
    default:
      break;
  }
  if (!call.args.empty() && call.args[0]->type == ValueType::kMatrix) {
    return WindowCall(call, grid, 0, {});
  }
  return ElementwiseCall(call, grid);
}

OperatorPtr Planner::InfoCall(const Call& call, const Grid& grid) {
  InfoSpec spec =
      InfoSpecOf(call.args.size() > 1 ? As<VectorSelector>(Unwrap(*call.args[1])).matchers
                                      : model::Matchers());
  // Info metrics are read where the first selector reads.
  VectorSelector selector;
  selector.matchers = spec.name_matchers;
  selector.matchers.insert(selector.matchers.end(), spec.data_matchers.begin(),
                           spec.data_matchers.end());
  if (const std::optional<ReadTime> time = FirstReadTime(*call.args[0], {})) {
    selector.time.offset_ms = time->offset_ms;
    selector.time.at_ms = time->at_ms;
  }
  OperatorPtr info =
      LatestScan(selector, grid, HintOf(call), WindowKind::kLatestTime, call.function->name);
  return MakeInfo(std::move(spec), Vector(*call.args[0], grid, HintOf(call)), std::move(info),
                  state_);
}

OperatorPtr Planner::HistogramCall(const Call& call, const Grid& grid) {
  const FunctionId id = call.function->id;
  const bool whole = id == FunctionId::kHistogramStddev || id == FunctionId::kHistogramStdvar;
  const bool before = std::exchange(explicit_hints_, !whole);
  OperatorPtr input = Vector(*call.args[0], grid, HintOf(call));
  explicit_hints_ = before;
  return MakeHistogramStatistic(id, call.function->name, std::move(input), DropRule(), state_);
}

OperatorPtr Planner::TimestampCall(const Call& call, const Grid& grid) {
  const Expr& arg = Unwrap(*call.args[0]);
  if (arg.kind == ExprKind::kVector) {
    return LatestScan(As<VectorSelector>(arg), grid, HintOf(call), WindowKind::kLatestTime,
                      "timestamp");
  }
  return MakeStepTime(Vector(*call.args[0], grid, HintOf(call)), DropRule(), state_);
}

// Only samples know when they began, not what is computed of them.
OperatorPtr Planner::StartTimestampCall(const Call& call, const Grid& grid) {
  const Expr& arg = Unwrap(*call.args[0]);
  if (arg.kind == ExprKind::kVector && state_->options.start_timestamps) {
    return LatestScan(As<VectorSelector>(arg), grid, HintOf(call), WindowKind::kLatestStart,
                      call.function->name);
  }
  return MakeNothing(Vector(*call.args[0], grid, HintOf(call)), state_);
}

OperatorPtr Planner::LabelCall(const Call& call, const Grid& grid) {
  OperatorPtr input = Vector(*call.args[0], grid, HintOf(call));
  if (call.function->id == FunctionId::kLabelReplace) {
    return MakeLabelReplace({TextOf(*call.args[1]), TextOf(*call.args[2]), TextOf(*call.args[3]),
                             TextOf(*call.args[4])},
                            std::move(input), state_);
  }
  std::vector<std::string> sources;
  for (size_t i = 3; i < call.args.size(); ++i) sources.push_back(TextOf(*call.args[i]));
  return MakeLabelJoin(TextOf(*call.args[1]), TextOf(*call.args[2]), std::move(sources),
                       std::move(input), state_);
}

OperatorPtr Planner::ElementwiseCall(const Call& call, const Grid& grid) {
  if (call.args.empty()) {  // hour() and the like: of the step's time.
    return MakeElementwise(call.function->id, call.function->name,
                           MakeVectorOf(MakeTime(grid), state_), {}, DropRule(), state_);
  }
  std::vector<ScalarPtr> params;
  for (size_t i = 1; i < call.args.size(); ++i) {
    params.push_back(ScalarOf(*call.args[i], grid, HintOf(call)));
  }
  return MakeElementwise(call.function->id, call.function->name,
                         Vector(*call.args[0], grid, HintOf(call)), std::move(params), DropRule(),
                         state_);
}

namespace {

// A window function whose scalar arguments are known only when the query runs.
class WithParameters final : public Operator {
 public:
  using Columns = std::vector<std::vector<double>>;
  using Factory = std::function<OperatorPtr(Columns)>;
  WithParameters(const Grid& grid, std::vector<ScalarPtr> params, SourceRange place, bool quantile,
                 Factory factory, std::shared_ptr<QueryState> state)
      : Operator(grid, {}),
        params_(std::move(params)),
        place_(place),
        quantile_(quantile),
        factory_(std::move(factory)),
        state_(std::move(state)),
        // Until the parameters are known: the same operator with zeros.
        inner_(factory_(Columns(params_.size(), std::vector<double>(grid.count)))) {
    traits_ = inner_->traits();
    traits_.name = "parameters";
  }
  std::vector<Operator*> children() const override { return WithBelow(inner_.get(), params_); }

  Result<RowBatchRef> Produce() override {
    THANOS_RETURN_IF_ERROR(Prepare());
    return inner_->Next();
  }
  Status Drain(const RowSink& sink) override {
    THANOS_RETURN_IF_ERROR(Prepare());
    return inner_->ForEachRow(sink);
  }

 private:
  Status Prepare() {
    if (std::exchange(prepared_, true)) return OkStatus();
    Columns columns;
    for (const ScalarPtr& param : params_) {
      THANOS_ASSIGN_OR_RETURN(const std::span<const double> values, param->Values());
      columns.emplace_back(values.begin(), values.end());
    }
    for (const double q : columns[0]) {
      if (!quantile_ || (q >= 0 && q <= 1)) continue;
      state_->Annotate(AnnotationKind::kWarning,
                       "quantile value should be between 0 and 1, got " + base::FormatFloatG(q),
                       place_);
    }
    inner_ = factory_(std::move(columns));
    if (profiler() != nullptr) inner_->Profile(profiler());
    return OkStatus();
  }

  const std::vector<ScalarPtr> params_;
  const SourceRange place_;
  const bool quantile_;
  const Factory factory_;
  const std::shared_ptr<QueryState> state_;
  OperatorPtr inner_;
  bool prepared_ = false;
};

// Says what is wrong when the query runs.
class Refusal final : public Operator {
 public:
  Refusal(const Grid& grid, Status status)
      : Operator(grid, OperatorTraits()), status_(std::move(status)) {
    traits_.name = "refused: " + std::string(status_.message());
  }
  Result<RowBatchRef> Produce() override { return status_; }

 private:
  const Status status_;
};

Status CheckExtension(Extension extension, const FunctionSignature& function) {
  if (extension == Extension::kNone) return OkStatus();
  const bool anchored = extension == Extension::kAnchored;
  const std::string_view name = function.name;
  if (name == "delta" || name == "increase" || name == "rate" ||
      (anchored && (name == "changes" || name == "resets"))) {
    return OkStatus();
  }
  return FailedPreconditionError(
      (anchored ? "anchored modifier can only be used with: changes, delta, increase, rate, "
                  "resets - not with "
                : "smoothed modifier can only be used with: delta, increase, rate - not with ") +
      std::string(name));
}

void SetParams(WithParameters::Columns params, WindowFunction::Spec* spec) {
  if (!params.empty()) spec->param = std::move(params[0]);
  if (params.size() > 1) spec->second_param = std::move(params[1]);
}

}  // namespace

OperatorPtr Planner::WindowCall(const Call& call, const Grid& grid, size_t matrix_arg,
                                std::vector<size_t> scalar_args) {
  const FunctionId id = call.function->id;
  const Expr& arg = Unwrap(*call.args[matrix_arg]);
  // absent_over_time() has no rows of its own that could become equal.
  const bool drops = !KeepsName(id) && id != FunctionId::kAbsentOverTime;
  WindowFunction::Spec function;
  function.kind = WindowKind::kFunction;
  function.id = id;
  function.name = call.function->name;
  function.place = id == FunctionId::kQuantileOverTime ? call.args[0]->range : arg.range;
  WithParameters::Factory factory;
  OperatorTraits traits;
  if (arg.kind == ExprKind::kMatrix) {
    const MatrixSelector& matrix = As<MatrixSelector>(arg);
    const TimeModifiers& time = matrix.selector->time;
    function.window = {grid, matrix.window_ms, time.offset_ms, time.at_ms};
    const Extension extension = matrix.selector->extension;
    if (Status status = CheckExtension(extension, *call.function); !status.ok()) {
      return std::make_unique<Refusal>(grid, std::move(status));
    }
    Extend(extension, &function);
    ScanSpec spec = Scan(*matrix.selector, std::move(function), matrix.window_ms, HintOf(call));
    spec.drop_metadata = drops && !delayed();
    spec.mark_drop = drops && delayed();
    factory = [spec, state = state_](WithParameters::Columns params) {
      ScanSpec mine = spec;
      SetParams(std::move(params), &mine.function);
      return MakeScan(std::move(mine), state);
    };
  } else {
    const Subquery& subquery = As<Subquery>(arg);
    function.window = {grid, subquery.window_ms, subquery.time.offset_ms, subquery.time.at_ms};
    SubquerySpec spec{std::move(function),
                      std::string(call.function->name) + " of subquery [" +
                          std::to_string(subquery.window_ms) + "ms]",
                      drops && !delayed(), drops && delayed()};
    const Grid inner_grid = SubqueryGrid(subquery, grid);
    factory = [spec, &subquery, inner_grid, hint = HintOf(call),
               state = state_](WithParameters::Columns params) {
      SubquerySpec mine = spec;
      SetParams(std::move(params), &mine.function);
      // The planner may be gone when a parameter comes late.
      return MakeSubquery(std::move(mine), Planner(state).Vector(*subquery.inner, inner_grid, hint),
                          state);
    };
  }
  if (scalar_args.empty()) return factory({});
  std::vector<ScalarPtr> params;
  for (const size_t i : scalar_args) params.push_back(ScalarOf(*call.args[i], grid, HintOf(call)));
  return std::make_unique<WithParameters>(grid, std::move(params), call.args[scalar_args[0]]->range,
                                          id == FunctionId::kQuantileOverTime, std::move(factory),
                                          state_);
}

// Scalars.

ScalarPtr Planner::ScalarOf(const Expr& expr, const Grid& grid, const SelectorHint& hint) {
  if (expr.kind != ExprKind::kNumber && grid.count > 1 && IsStepInvariant(expr)) {
    Grid first = grid;
    first.count = 1;
    return MakeRepeated(grid, VariantScalar(expr, first, hint));
  }
  return VariantScalar(expr, grid, hint);
}

ScalarPtr Planner::VariantScalar(const Expr& expr, const Grid& grid, const SelectorHint& hint) {
  switch (expr.kind) {
    case ExprKind::kNumber:
      return MakeConstant(grid, As<NumberLiteral>(expr).value);
    case ExprKind::kParen:
      return ScalarOf(*As<Paren>(expr).inner, grid, hint);
    case ExprKind::kUnary: {
      ScalarPtr inner = ScalarOf(*As<Unary>(expr).inner, grid, hint);
      return As<Unary>(expr).negate ? MakeNegation(std::move(inner)) : std::move(inner);
    }
    case ExprKind::kBinary: {
      const Binary& binary = As<Binary>(expr);
      return MakeScalarBinary(binary.op, ScalarOf(*binary.lhs, grid, {}),
                              ScalarOf(*binary.rhs, grid, {}));
    }
    default:
      break;
  }
  const Call& call = As<Call>(expr);
  switch (call.function->id) {
    case FunctionId::kTime:
      return MakeTime(grid);
    case FunctionId::kPi:
      return MakeConstant(grid, 3.141592653589793);
    case FunctionId::kScalar:
      return MakeScalarOf(Vector(*call.args[0], grid, HintOf(call)));
    default:
      break;
  }
  return MakeExtremeOf(call.function->id == FunctionId::kMaxOf,
                       ScalarOf(*call.args[0], grid, HintOf(call)),
                       ScalarOf(*call.args[1], grid, HintOf(call)));
}

}  // namespace thanos::promql
