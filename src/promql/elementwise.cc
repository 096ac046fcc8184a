#include "promql/elementwise.h"

#include <cmath>
#include <numbers>

#include "promql/numerics.h"

namespace thanos::promql {
namespace {

// Seconds to a civil date, in Go's arithmetic on amd64: what does not fit is int64's minimum.
struct Civil {
  int64_t year;
  int month, day, day_of_year, weekday, hour, minute;
};

bool IsLeap(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int DaysInMonth(int64_t year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && IsLeap(year) ? 29 : kDays[month - 1];
}

Civil CivilOf(double value) {
  int64_t seconds = INT64_MIN;
  if (std::fabs(value) < 9223372036854775808.0) seconds = static_cast<int64_t>(value);
  // Go counts unsigned seconds from the year -292277022399; sums that wrap show as other years.
  constexpr uint64_t kAbsoluteShift = 9223372028715321600u;
  const uint64_t absolute = static_cast<uint64_t>(seconds) + kAbsoluteShift;
  const uint64_t days = absolute / 86400;
  Civil civil{};
  const uint64_t in_day = absolute % 86400;
  civil.hour = static_cast<int>(in_day / 3600);
  civil.minute = static_cast<int>(in_day % 3600 / 60);
  constexpr int64_t kAbsoluteYear = -292277022399;  // January 1st of it is a Monday.
  civil.weekday = static_cast<int>((days + 1) % 7);
  uint64_t rest = days;
  const uint64_t eras = rest / 146097;
  rest %= 146097;
  uint64_t centuries = rest / 36524;
  if (centuries == 4) centuries = 3;
  rest -= centuries * 36524;
  const uint64_t fours = rest / 1461;
  rest -= fours * 1461;
  uint64_t ones = rest / 365;
  if (ones == 4) ones = 3;
  rest -= ones * 365;
  const uint64_t years = eras * 400 + centuries * 100 + fours * 4 + ones;
  civil.year = static_cast<int64_t>(years + static_cast<uint64_t>(kAbsoluteYear));
  civil.day_of_year = static_cast<int>(rest) + 1;
  civil.month = 1;
  int day = static_cast<int>(rest);
  while (day >= DaysInMonth(civil.year, civil.month)) {
    day -= DaysInMonth(civil.year, civil.month);
    ++civil.month;
  }
  civil.day = day + 1;
  return civil;
}

double CalendarOf(FunctionId id, double value) {
  const Civil civil = CivilOf(value);
  switch (id) {
    case FunctionId::kYear:
      return static_cast<double>(civil.year);
    case FunctionId::kMonth:
      return civil.month;
    case FunctionId::kDayOfMonth:
      return civil.day;
    case FunctionId::kDayOfYear:
      return civil.day_of_year;
    case FunctionId::kDayOfWeek:
      return civil.weekday;
    case FunctionId::kDaysInMonth:
      return DaysInMonth(civil.year, civil.month);
    case FunctionId::kHour:
      return civil.hour;
    default:
      return civil.minute;
  }
}

double SignOf(double v) { return v < 0 ? -1 : v > 0 ? 1 : v; }

using UnaryFunction = double (*)(double);
UnaryFunction FunctionOf(FunctionId id) {
  switch (id) {
    case FunctionId::kAbs:
      return [](double v) { return std::fabs(v); };
    case FunctionId::kCeil:
      return [](double v) { return std::ceil(v); };
    case FunctionId::kFloor:
      return [](double v) { return std::floor(v); };
    case FunctionId::kExp:
      return [](double v) { return std::exp(v); };
    case FunctionId::kSqrt:
      return [](double v) { return std::sqrt(v); };
    case FunctionId::kLn:
      return [](double v) { return std::log(v); };
    case FunctionId::kLog2:
      return [](double v) { return std::log2(v); };
    case FunctionId::kLog10:
      return [](double v) { return std::log10(v); };
    case FunctionId::kSin:
      return [](double v) { return std::sin(v); };
    case FunctionId::kCos:
      return [](double v) { return std::cos(v); };
    case FunctionId::kTan:
      return [](double v) { return std::tan(v); };
    case FunctionId::kAsin:
      return [](double v) { return std::asin(v); };
    case FunctionId::kAcos:
      return [](double v) { return std::acos(v); };
    case FunctionId::kAtan:
      return [](double v) { return std::atan(v); };
    case FunctionId::kSinh:
      return [](double v) { return std::sinh(v); };
    case FunctionId::kCosh:
      return [](double v) { return std::cosh(v); };
    case FunctionId::kTanh:
      return [](double v) { return std::tanh(v); };
    case FunctionId::kAsinh:
      return [](double v) { return std::asinh(v); };
    case FunctionId::kAcosh:
      return [](double v) { return std::acosh(v); };
    case FunctionId::kAtanh:
      return [](double v) { return std::atanh(v); };
    case FunctionId::kDeg:
      return [](double v) { return v * 180 / std::numbers::pi; };
    case FunctionId::kRad:
      return [](double v) { return v * std::numbers::pi / 180; };
    case FunctionId::kSgn:
      return &SignOf;
    default:
      return nullptr;
  }
}

}  // namespace

void ApplyElementwise(FunctionId id, const double* in,
                      std::span<const std::span<const double>> params, const uint64_t* present,
                      const Grid& grid, double* out) {
  const auto for_each = [&](auto function) {
    ForEachBit(present, grid.words(), [&](size_t i) { out[i] = function(i, in[i]); });
  };
  if (const UnaryFunction function = FunctionOf(id)) {
    return for_each([function](size_t, double v) { return function(v); });
  }
  switch (id) {
    case FunctionId::kRound:
      return for_each([&](size_t i, double v) {
        const double inverse = 1.0 / (params.empty() ? 1.0 : params[0][i]);
        return std::floor(v * inverse + 0.5) / inverse;
      });
    case FunctionId::kClamp:
      return for_each(
          [&](size_t i, double v) { return GoMax(params[0][i], GoMin(params[1][i], v)); });
    case FunctionId::kClampMin:
      return for_each([&](size_t i, double v) { return GoMax(params[0][i], GoMin(kInf, v)); });
    case FunctionId::kClampMax:
      return for_each([&](size_t i, double v) { return GoMax(-kInf, GoMin(params[0][i], v)); });
    default:
      return for_each([id](size_t, double v) { return CalendarOf(id, v); });
  }
}

}  // namespace thanos::promql
