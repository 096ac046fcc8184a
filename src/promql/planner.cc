#include "promql/planner.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "promql/aggregate.h"
#include "promql/functions.h"
#include "promql/holding.h"
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
    const auto uses = std::count_if(
        selector->matchers.begin(), selector->matchers.end(),
        [&](const model::Matcher& other) { return other.name() == matcher.name(); });
    if (uses == 1 && matcher.type() == model::MatchType::kEqual && !matcher.value().empty()) {
      builder.Set(matcher.name(), matcher.value());
    }
  }
  return builder.Build();
}

class SupportChecker {
 public:
  Status Check(const Expr& expr) {
    switch (expr.kind) {
      case ExprKind::kVector: return CheckSelector(As<VectorSelector>(expr));
      case ExprKind::kMatrix: return CheckSelector(*As<MatrixSelector>(expr).selector);
      case ExprKind::kSubquery: return Check(*As<Subquery>(expr).inner);
      case ExprKind::kCall: {
        const Call& call = As<Call>(expr);
        if (!IsBuilt(call.function->id)) {
          return UnimplementedError("function \"" + std::string(call.function->name) +
                                    "\" is not supported yet");
        }
        for (const ExprPtr& arg : call.args) THANOS_RETURN_IF_ERROR(Check(*arg));
        return OkStatus();
      }
      case ExprKind::kAggregate: {
        const Aggregate& aggregate = As<Aggregate>(expr);
        if (aggregate.op == TokenKind::kLimitk || aggregate.op == TokenKind::kLimitRatio) {
          return UnimplementedError("aggregation \"" + std::string(Spelling(aggregate.op)) +
                                    "\" is not supported yet");
        }
        if (aggregate.param != nullptr) THANOS_RETURN_IF_ERROR(Check(*aggregate.param));
        return Check(*aggregate.inner);
      }
      case ExprKind::kBinary:
        THANOS_RETURN_IF_ERROR(Check(*As<Binary>(expr).lhs));
        return Check(*As<Binary>(expr).rhs);
      case ExprKind::kUnary: return Check(*As<Unary>(expr).inner);
      case ExprKind::kParen: return Check(*As<Paren>(expr).inner);
      case ExprKind::kNumber:
      case ExprKind::kString: break;
    }
    return OkStatus();
  }

 private:
  static Status CheckSelector(const VectorSelector& selector) {
    if (selector.extension == Extension::kNone) return OkStatus();
    return UnimplementedError(selector.extension == Extension::kAnchored
                                  ? "anchored modifier is not supported yet"
                                  : "smoothed modifier is not supported yet");
  }

  static bool IsBuilt(FunctionId id) {
    switch (id) {
      case FunctionId::kDoubleExponentialSmoothing:
      case FunctionId::kHistogramQuantiles:
      case FunctionId::kInfo:
      case FunctionId::kMadOverTime:
      case FunctionId::kSortByLabel:
      case FunctionId::kSortByLabelDesc:
      case FunctionId::kStartTimestamp:
      case FunctionId::kTsOfFirstOverTime:
      case FunctionId::kTsOfLastOverTime:
      case FunctionId::kTsOfMaxOverTime:
      case FunctionId::kTsOfMinOverTime: return false;
      default: return true;
    }
  }
};

}  // namespace

Status CheckSupported(const Expr& expr) { return SupportChecker().Check(expr); }

NameRule Planner::DropRule() const {
  return delayed() ? NameRule::kMarkDrop : NameRule::kDropNow;
}

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
                                const SelectorHint& hint, WindowKind kind,
                                std::string_view name) {
  WindowFunction::Spec function;
  function.kind = kind;
  function.name = name;
  function.window = {grid, state_->lookback_ms, selector.time.offset_ms, selector.time.at_ms};
  function.place = selector.range;
  ScanSpec spec = Scan(selector, std::move(function), 0, hint);
  if (kind == WindowKind::kLatestTime) {
    spec.drop_metadata = !delayed();
    spec.mark_drop = delayed();
  }
  return MakeScan(std::move(spec), state_);
}

ScanSpec Planner::PlanRange(const MatrixSelector& matrix, const Grid& grid) {
  const TimeModifiers& time = matrix.selector->time;
  WindowFunction::Spec function;
  function.window = {grid, matrix.window_ms, time.offset_ms, time.at_ms};
  return Scan(*matrix.selector, std::move(function), matrix.window_ms, {});
}

// First point: the smallest multiple of the step behind the start of the first window.
Grid Planner::SubqueryGrid(const Subquery& subquery, const Grid& grid) const {
  Grid inner;
  inner.step_ms =
      subquery.step_ms > 0 ? subquery.step_ms : state_->options.default_subquery_step_ms;
  inner.count = 0;
  if (grid.count == 0) return inner;
  const WindowSpec window{grid, subquery.window_ms, subquery.time.offset_ms,
                          subquery.time.at_ms};
  const int64_t behind = window.End(0) - subquery.window_ms;
  const int64_t last = window.End(grid.count - 1);
  int64_t start = behind / inner.step_ms * inner.step_ms;
  if (start <= behind) start += inner.step_ms;
  if (start - inner.step_ms > behind) start -= inner.step_ms;
  inner.start_ms = start;
  if (start <= last) inner.count = static_cast<size_t>((last - start) / inner.step_ms) + 1;
  return inner;
}

OperatorPtr Planner::PlanSubqueryPoints(const Subquery& subquery, const Grid& grid) {
  return Vector(*subquery.inner, SubqueryGrid(subquery, grid), {});
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
    case ExprKind::kParen: return Vector(*As<Paren>(expr).inner, grid, hint);
    case ExprKind::kUnary: {
      OperatorPtr inner = Vector(*As<Unary>(expr).inner, grid, hint);
      if (!As<Unary>(expr).negate) return inner;
      return MakeUnaryMinus(std::move(inner), DropRule(), state_);
    }
    case ExprKind::kBinary: return BinaryVector(As<Binary>(expr), grid, hint);
    case ExprKind::kAggregate: return AggregateVector(As<Aggregate>(expr), grid);
    default: return CallVector(As<Call>(expr), grid);
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
    return MakeVectorScalar(binary.op, binary.return_bool, left_scalar,
                            Vector(vector, grid, inner), ScalarOf(scalar, grid, inner),
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
      return MakeAbsent("absent_over_time", WindowCall(call, grid, 0, -1),
                        AbsentLabels(*call.args[0]), state_);
    case FunctionId::kTimestamp: return TimestampCall(call, grid);
    case FunctionId::kHistogramAvg:
    case FunctionId::kHistogramCount:
    case FunctionId::kHistogramStddev:
    case FunctionId::kHistogramStdvar:
    case FunctionId::kHistogramSum:
      return HistogramCall(call, grid);
    case FunctionId::kLabelReplace:
    case FunctionId::kLabelJoin: return LabelCall(call, grid);
    case FunctionId::kSort:
    case FunctionId::kSortDesc: {
      OperatorPtr inner = Vector(*call.args[0], grid, HintOf(call));
      if (state_->params.step_ms == 0 && grid.count == 1) {
        return MakeSort(id == FunctionId::kSortDesc, std::move(inner), state_);
      }
      state_->Annotate(AnnotationKind::kWarning,
                       "sort is ineffective for range queries since results are always ordered "
                       "by labels",
                       call.range);
      return inner;
    }
    case FunctionId::kHistogramQuantile:
    case FunctionId::kHistogramFraction: {
      explicit_hints_ = false;
      BucketSpec spec;
      spec.fraction = id == FunctionId::kHistogramFraction;
      spec.drop_now = !delayed();
      spec.place = call.args.back()->range;
      spec.quantile_place = call.args[0]->range;
      std::vector<ScalarPtr> params;
      for (size_t i = 0; i + 1 < call.args.size(); ++i) {
        params.push_back(ScalarOf(*call.args[i], grid, HintOf(call)));
      }
      return MakeBucketFunction(spec, std::move(params),
                                Vector(*call.args.back(), grid, HintOf(call)), state_);
    }
    case FunctionId::kQuantileOverTime: return WindowCall(call, grid, 1, 0);
    case FunctionId::kPredictLinear: return WindowCall(call, grid, 0, 1);
    default: break;
  }
  if (!call.args.empty() && call.args[0]->type == ValueType::kMatrix) {
    return WindowCall(call, grid, 0, -1);
  }
  return ElementwiseCall(call, grid);
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

// A window function whose scalar argument is known only when the query runs.
class WithParameter final : public Operator {
 public:
  using Factory = std::function<OperatorPtr(std::vector<double>)>;
  WithParameter(const Grid& grid, OperatorTraits traits, ScalarPtr param, SourceRange place,
                bool quantile, Factory factory, std::shared_ptr<QueryState> state)
      : Operator(grid, std::move(traits)),
        param_(std::move(param)),
        place_(place),
        quantile_(quantile),
        factory_(std::move(factory)),
        state_(std::move(state)) {}

  Result<RowBatchRef> Next() override {
    THANOS_RETURN_IF_ERROR(Prepare());
    return inner_->Next();
  }
  Status ForEachRow(const RowSink& sink) override {
    THANOS_RETURN_IF_ERROR(Prepare());
    return inner_->ForEachRow(sink);
  }

 private:
  Status Prepare() {
    if (inner_ != nullptr) return OkStatus();
    THANOS_ASSIGN_OR_RETURN(const std::span<const double> values, param_->Values());
    for (const double q : values) {
      if (!quantile_ || (q >= 0 && q <= 1)) continue;
      char text[40];
      std::snprintf(text, sizeof(text), "%g", q);
      std::string shown = text;
      if (shown == "nan" || shown == "-nan") shown = "NaN";
      if (shown == "inf") shown = "+Inf";
      if (shown == "-inf") shown = "-Inf";
      state_->Annotate(AnnotationKind::kWarning,
                       "quantile value should be between 0 and 1, got " + shown, place_);
    }
    inner_ = factory_(std::vector<double>(values.begin(), values.end()));
    return OkStatus();
  }

  const ScalarPtr param_;
  const SourceRange place_;
  const bool quantile_;
  const Factory factory_;
  const std::shared_ptr<QueryState> state_;
  OperatorPtr inner_;
};

}  // namespace

OperatorPtr Planner::WindowCall(const Call& call, const Grid& grid, size_t matrix_arg,
                                int scalar_arg) {
  const FunctionId id = call.function->id;
  const Expr& arg = Unwrap(*call.args[matrix_arg]);
  const bool drops = !KeepsName(id);
  WindowFunction::Spec function;
  function.kind = WindowKind::kFunction;
  function.id = id;
  function.name = call.function->name;
  function.place = id == FunctionId::kQuantileOverTime ? call.args[0]->range : arg.range;
  function.delayed_name_removal = delayed();
  WithParameter::Factory factory;
  OperatorTraits traits;
  if (arg.kind == ExprKind::kMatrix) {
    const MatrixSelector& matrix = As<MatrixSelector>(arg);
    const TimeModifiers& time = matrix.selector->time;
    function.window = {grid, matrix.window_ms, time.offset_ms, time.at_ms};
    ScanSpec spec =
        Scan(*matrix.selector, std::move(function), matrix.window_ms, HintOf(call));
    spec.drop_metadata = drops && !delayed();
    spec.mark_drop = drops && delayed();
    factory = [spec, state = state_](std::vector<double> param) {
      ScanSpec mine = spec;
      mine.function.param = std::move(param);
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
               state = state_](std::vector<double> param) {
      SubquerySpec mine = spec;
      mine.function.param = std::move(param);
      // The planner may be gone when a parameter comes late.
      return MakeSubquery(std::move(mine), Planner(state).Vector(*subquery.inner, inner_grid, hint),
                          state);
    };
  }
  if (scalar_arg < 0) return factory({});
  const Expr& scalar = *call.args[static_cast<size_t>(scalar_arg)];
  const OperatorPtr shape = factory(std::vector<double>(grid.count));
  return std::make_unique<WithParameter>(grid, shape->traits(),
                                         ScalarOf(scalar, grid, HintOf(call)), scalar.range,
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
    case ExprKind::kNumber: return MakeConstant(grid, As<NumberLiteral>(expr).value);
    case ExprKind::kParen: return ScalarOf(*As<Paren>(expr).inner, grid, hint);
    case ExprKind::kUnary: {
      ScalarPtr inner = ScalarOf(*As<Unary>(expr).inner, grid, hint);
      return As<Unary>(expr).negate ? MakeNegation(std::move(inner)) : std::move(inner);
    }
    case ExprKind::kBinary: {
      const Binary& binary = As<Binary>(expr);
      return MakeScalarBinary(binary.op, ScalarOf(*binary.lhs, grid, {}),
                              ScalarOf(*binary.rhs, grid, {}));
    }
    default: break;
  }
  const Call& call = As<Call>(expr);
  switch (call.function->id) {
    case FunctionId::kTime: return MakeTime(grid);
    case FunctionId::kPi: return MakeConstant(grid, 3.141592653589793);
    case FunctionId::kScalar:
      return MakeScalarOf(Vector(*call.args[0], grid, HintOf(call)));
    default: break;
  }
  return MakeExtremeOf(call.function->id == FunctionId::kMaxOf,
                       ScalarOf(*call.args[0], grid, HintOf(call)),
                       ScalarOf(*call.args[1], grid, HintOf(call)));
}

namespace {

std::string_view HoldsText(Holds holds) {
  switch (holds) {
    case Holds::kNothing: return "streams";
    case Holds::kGroups: return "holds groups";
    case Holds::kOneSide: return "holds one side";
    case Holds::kInput: return "holds its input";
  }
  return "";
}

std::string_view OrderText(RowOrder order) {
  switch (order) {
    case RowOrder::kLabels: return "by labels";
    case RowOrder::kInput: return "as its input";
    case RowOrder::kGroups: return "by first appearance of the group";
    case RowOrder::kValues: return "by value";
  }
  return "";
}

void AppendOperator(const Operator& op, size_t level, std::string* out) {
  const OperatorTraits& traits = op.traits();
  out->append(2 * level, ' ').append(traits.name).append(": ").append(HoldsText(traits.holds));
  if (traits.bytes_per_row_step > 0) {
    char text[60];
    std::snprintf(text, sizeof(text), " (%g bytes a row and step)", traits.bytes_per_row_step);
    *out += text;
  }
  out->append(", rows ").append(OrderText(traits.order));
  if (traits.fragments) *out += ", in fragments";
  out->append(", ").append(std::to_string(op.grid().count)).append(" steps\n");
  for (const Operator* child : op.children()) AppendOperator(*child, level + 1, out);
}

}  // namespace

std::string ExplainOperators(const Operator& root) {
  std::string out;
  AppendOperator(root, 0, &out);
  return out;
}

}  // namespace thanos::promql
