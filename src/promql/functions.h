// The functions of PromQL: names, argument types, what is experimental, what this engine can run.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "promql/ast.h"

namespace thanos::promql {

enum class FunctionId : uint8_t {
  // Elementwise on floats.
  kAbs,
  kCeil,
  kFloor,
  kExp,
  kSqrt,
  kLn,
  kLog2,
  kLog10,
  kSin,
  kCos,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kTanh,
  kAsinh,
  kAcosh,
  kAtanh,
  kDeg,
  kRad,
  kSgn,
  kRound,
  kClamp,
  kClampMin,
  kClampMax,
  kDaysInMonth,
  kDayOfMonth,
  kDayOfWeek,
  kDayOfYear,
  kHour,
  kMinute,
  kMonth,
  kYear,
  kTimestamp,
  // Over windows.
  kRate,
  kIncrease,
  kDelta,
  kIrate,
  kIdelta,
  kDeriv,
  kPredictLinear,
  kChanges,
  kResets,
  kAvgOverTime,
  kSumOverTime,
  kCountOverTime,
  kPresentOverTime,
  kMinOverTime,
  kMaxOverTime,
  kStddevOverTime,
  kStdvarOverTime,
  kQuantileOverTime,
  kFirstOverTime,
  kLastOverTime,
  kAbsentOverTime,
  kMadOverTime,
  kTsOfFirstOverTime,
  kTsOfLastOverTime,
  kTsOfMaxOverTime,
  kTsOfMinOverTime,
  kDoubleExponentialSmoothing,
  // Over windows and the sample before them.
  kXdelta,
  kXincrease,
  kXrate,
  // Whole vectors, labels, scalars.
  kAbsent,
  kHistogramQuantile,
  kHistogramQuantiles,
  kHistogramFraction,
  kHistogramAvg,
  kHistogramCount,
  kHistogramStddev,
  kHistogramStdvar,
  kHistogramSum,
  kLabelJoin,
  kLabelReplace,
  kSort,
  kSortDesc,
  kSortByLabel,
  kSortByLabelDesc,
  kPi,
  kTime,
  kVector,
  kScalar,
  kMaxOf,
  kMinOf,
  // Numbers before evaluation begins.
  kStart,
  kEnd,
  kRange,
  kStep,
  kInfo,
  kStartTimestamp,
};

struct FunctionSignature {
  FunctionId id;
  std::string_view name;
  std::span<const ValueType> args;
  /// 0: exactly `args`. n > 0: the last may be left out, and up to n of it follow. -1: any number.
  int variadic = 0;
  ValueType result = ValueType::kVector;
  bool experimental = false;
  bool extended = false;  // One of the x functions of Thanos' engine.
};

/// Null when there is none. Names are case-sensitive.
const FunctionSignature* FindFunction(std::string_view name);

}  // namespace thanos::promql
