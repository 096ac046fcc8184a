// Calls of functions.
#include <algorithm>
#include <utility>

#include "promql/aggregate.h"
#include "promql/functions.h"
#include "promql/holding.h"
#include "promql/info.h"
#include "promql/planner.h"

namespace thanos::promql {
namespace {

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

}  // namespace thanos::promql
