// Parameters of the Prometheus HTTP API as text. protocols/http-api §2.
#pragma once

#include <cstdint>
#include <string_view>

#include "thanos/status.h"

namespace thanos::promapi {

/// Seconds as a float, rounded to milliseconds, or RFC 3339. Milliseconds.
/// kInvalidArgument: `cannot parse "x" to a valid timestamp`.
Result<int64_t> ParseTimeParam(std::string_view text);

/// Seconds as a float (may be negative), or a Prometheus duration. Nanoseconds.
/// kInvalidArgument: `cannot parse "x" to a valid duration`, with `. It overflows int64` where so.
Result<int64_t> ParseDurationParam(std::string_view text);

/// A decimal integer >= 0; "" is 0, which is no limit.
Result<uint64_t> ParseLimitParam(std::string_view text);

}  // namespace thanos::promapi
