#include "promapi/params.h"

#include <cmath>
#include <string>

#include "base/number_text.h"
#include "base/time_text.h"
#include "model/go_quote.h"

namespace thanos::promapi {

Result<int64_t> ParseTimeParam(std::string_view text) {
  if (const auto seconds = base::ParseGoFloat(text); seconds.ok()) {
    double whole;
    const double fraction = std::modf(*seconds, &whole);
    const double ms = whole * 1000 + std::round(fraction * 1000);
    // Infinities and NaN are accepted, as there; they end at the edges of time.
    if (!(ms > -9.2e18)) return INT64_MIN;
    if (!(ms < 9.2e18)) return INT64_MAX;
    return static_cast<int64_t>(whole) * 1000 + static_cast<int64_t>(std::round(fraction * 1000));
  }
  if (const auto time = base::ParseRfc3339Ms(text); time.ok()) return *time;
  return InvalidArgumentError("cannot parse " + model::GoQuoted(text) + " to a valid timestamp");
}

Result<int64_t> ParseDurationParam(std::string_view text) {
  const std::string failure = "cannot parse " + model::GoQuoted(text) + " to a valid duration";
  if (const auto seconds = base::ParseGoFloat(text); seconds.ok()) {
    const double ns = *seconds * 1e9;
    if (ns > 9223372036854775807.0 || ns < -9223372036854775808.0) {
      return InvalidArgumentError(failure + ". It overflows int64");
    }
    if (std::isnan(ns) || ns == 9223372036854775808.0) return INT64_MIN;
    return static_cast<int64_t>(ns);
  }
  if (const auto duration = base::ParsePromDuration(text); duration.ok()) return *duration;
  return InvalidArgumentError(failure);
}

Result<uint64_t> ParseLimitParam(std::string_view text) {
  if (text.empty()) return 0;
  const auto value = base::ParseGoInt(text);
  if (!value.ok()) {
    return InvalidArgumentError("cannot parse " + model::GoQuoted(text) + " to a valid limit");
  }
  if (*value < 0) return InvalidArgumentError("limit must be non-negative");
  return static_cast<uint64_t>(*value);
}

}  // namespace thanos::promapi
