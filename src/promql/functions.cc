#include "promql/functions.h"

#include <array>

namespace thanos::promql {
namespace {

constexpr ValueType S = ValueType::kScalar;
constexpr ValueType V = ValueType::kVector;
constexpr ValueType M = ValueType::kMatrix;
constexpr ValueType T = ValueType::kString;

constexpr std::array kNone = std::array<ValueType, 0>{};
constexpr std::array kS = {S};
constexpr std::array kV = {V};
constexpr std::array kM = {M};
constexpr std::array kSS = {S, S};
constexpr std::array kSM = {S, M};
constexpr std::array kMS = {M, S};
constexpr std::array kMSS = {M, S, S};
constexpr std::array kVS = {V, S};
constexpr std::array kSV = {S, V};
constexpr std::array kSSV = {S, S, V};
constexpr std::array kVSS = {V, S, S};
constexpr std::array kVT = {V, T};
constexpr std::array kVV = {V, V};
constexpr std::array kVTSS = {V, T, S, S};
constexpr std::array kVTTT = {V, T, T, T};
constexpr std::array kVTTTT = {V, T, T, T, T};

using Id = FunctionId;

constexpr FunctionSignature kFunctions[] = {
    {Id::kAbs, "abs", kV},
    {Id::kAbsent, "absent", kV},
    {Id::kAbsentOverTime, "absent_over_time", kM},
    {Id::kAcos, "acos", kV},
    {Id::kAcosh, "acosh", kV},
    {Id::kAsin, "asin", kV},
    {Id::kAsinh, "asinh", kV},
    {Id::kAtan, "atan", kV},
    {Id::kAtanh, "atanh", kV},
    {Id::kAvgOverTime, "avg_over_time", kM},
    {Id::kCeil, "ceil", kV},
    {Id::kChanges, "changes", kM},
    {Id::kClamp, "clamp", kVSS},
    {Id::kClampMax, "clamp_max", kVS},
    {Id::kClampMin, "clamp_min", kVS},
    {Id::kCos, "cos", kV},
    {Id::kCosh, "cosh", kV},
    {Id::kCountOverTime, "count_over_time", kM},
    {Id::kDaysInMonth, "days_in_month", kV, 1},
    {Id::kDayOfMonth, "day_of_month", kV, 1},
    {Id::kDayOfWeek, "day_of_week", kV, 1},
    {Id::kDayOfYear, "day_of_year", kV, 1},
    {Id::kDeg, "deg", kV},
    {Id::kDelta, "delta", kM},
    {Id::kDeriv, "deriv", kM},
    {Id::kDoubleExponentialSmoothing, "double_exponential_smoothing", kMSS, 0, V, true},
    {Id::kEnd, "end", kNone, 0, S, true},
    {Id::kExp, "exp", kV},
    {Id::kFirstOverTime, "first_over_time", kM},
    {Id::kFloor, "floor", kV},
    {Id::kHistogramAvg, "histogram_avg", kV},
    {Id::kHistogramCount, "histogram_count", kV},
    {Id::kHistogramFraction, "histogram_fraction", kSSV},
    {Id::kHistogramQuantile, "histogram_quantile", kSV},
    {Id::kHistogramQuantiles, "histogram_quantiles", kVTSS, 9, V, true},
    {Id::kHistogramStddev, "histogram_stddev", kV},
    {Id::kHistogramStdvar, "histogram_stdvar", kV},
    {Id::kHistogramSum, "histogram_sum", kV},
    {Id::kHour, "hour", kV, 1},
    {Id::kIdelta, "idelta", kM},
    {Id::kIncrease, "increase", kM},
    {Id::kInfo, "info", kVV, 1, V, true},
    {Id::kIrate, "irate", kM},
    {Id::kLabelJoin, "label_join", kVTTT, -1},
    {Id::kLabelReplace, "label_replace", kVTTTT},
    {Id::kLastOverTime, "last_over_time", kM},
    {Id::kLn, "ln", kV},
    {Id::kLog10, "log10", kV},
    {Id::kLog2, "log2", kV},
    {Id::kMadOverTime, "mad_over_time", kM, 0, V, true},
    {Id::kMaxOf, "max_of", kSS, 0, S, true},
    {Id::kMaxOverTime, "max_over_time", kM},
    {Id::kMinOf, "min_of", kSS, 0, S, true},
    {Id::kMinOverTime, "min_over_time", kM},
    {Id::kMinute, "minute", kV, 1},
    {Id::kMonth, "month", kV, 1},
    {Id::kPi, "pi", kNone, 0, S},
    {Id::kPredictLinear, "predict_linear", kMS},
    {Id::kPresentOverTime, "present_over_time", kM},
    {Id::kQuantileOverTime, "quantile_over_time", kSM},
    {Id::kRad, "rad", kV},
    {Id::kRange, "range", kNone, 0, S, true},
    {Id::kRate, "rate", kM},
    {Id::kResets, "resets", kM},
    {Id::kRound, "round", kVS, 1},
    {Id::kScalar, "scalar", kV, 0, S},
    {Id::kSgn, "sgn", kV},
    {Id::kSin, "sin", kV},
    {Id::kSinh, "sinh", kV},
    {Id::kSort, "sort", kV},
    {Id::kSortByLabel, "sort_by_label", kVT, -1, V, true},
    {Id::kSortByLabelDesc, "sort_by_label_desc", kVT, -1, V, true},
    {Id::kSortDesc, "sort_desc", kV},
    {Id::kSqrt, "sqrt", kV},
    {Id::kStart, "start", kNone, 0, S, true},
    {Id::kStartTimestamp, "start_timestamp", kV, 0, V, true},
    {Id::kStddevOverTime, "stddev_over_time", kM},
    {Id::kStdvarOverTime, "stdvar_over_time", kM},
    {Id::kStep, "step", kNone, 0, S, true},
    {Id::kSumOverTime, "sum_over_time", kM},
    {Id::kTan, "tan", kV},
    {Id::kTanh, "tanh", kV},
    {Id::kTime, "time", kNone, 0, S},
    {Id::kTimestamp, "timestamp", kV},
    {Id::kTsOfFirstOverTime, "ts_of_first_over_time", kM, 0, V, true},
    {Id::kTsOfLastOverTime, "ts_of_last_over_time", kM, 0, V, true},
    {Id::kTsOfMaxOverTime, "ts_of_max_over_time", kM, 0, V, true},
    {Id::kTsOfMinOverTime, "ts_of_min_over_time", kM, 0, V, true},
    {Id::kVector, "vector", kS},
    {Id::kXdelta, "xdelta", kM, 0, V, false, true},
    {Id::kXincrease, "xincrease", kM, 0, V, false, true},
    {Id::kXrate, "xrate", kM, 0, V, false, true},
    {Id::kYear, "year", kV, 1},
};

}  // namespace

const FunctionSignature* FindFunction(std::string_view name) {
  for (const FunctionSignature& function : kFunctions) {
    if (function.name == name) return &function;
  }
  return nullptr;
}

}  // namespace thanos::promql
