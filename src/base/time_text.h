// Times and durations as text: RFC 3339, Go's durations, Prometheus' durations, sizes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "thanos/status.h"

namespace thanos::base {

/// Wall clock, milliseconds since the epoch.
int64_t NowMs();

/// "2026-01-02T03:04:05.678Z".
std::string FormatRfc3339Ms(int64_t ms);
/// As Go's RFC3339Nano in UTC: no trailing zeros in the fraction, none when it is zero.
std::string FormatRfc3339Nano(int64_t seconds, int64_t nanos);
/// Nanoseconds are cut to milliseconds towards the past. Zone required; years 0 to 9999.
Result<int64_t> ParseRfc3339Ms(std::string_view text);

/// Go's time.ParseDuration: "1h15m30.918s", "-1.5h", "0", units ns us µs ms s m h. Nanoseconds.
Result<int64_t> ParseGoDuration(std::string_view text);
/// Go's Duration.String: "1h2m3.5s", "0s", "1.5ms".
std::string FormatGoDuration(int64_t ns);

/// Prometheus' model.ParseDuration: "1y2w3d4h5m6s7ms", each unit once, large to small, integers;
/// "0" alone. Nanoseconds. Error texts are Prometheus'.
Result<int64_t> ParsePromDuration(std::string_view text);
/// With an optional leading '-'.
Result<int64_t> ParsePromDurationAllowNegative(std::string_view text);
/// Prometheus' Duration.String, from milliseconds: "1h30m", "0s", "1d".
std::string FormatPromDuration(int64_t ms);

/// kingpin's base-2 sizes: "250MB", "1GiB", "0"; KB is 1024 as is KiB. A number needs a unit.
Result<int64_t> ParseBase2Bytes(std::string_view text);

}  // namespace thanos::base
