// Numbers as Go prints and reads them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "thanos/status.h"

namespace thanos::base {

/// strconv.AppendFloat(value, 'f', -1, 64): shortest digits, no exponent.
void AppendFloatF(double value, std::string* out);
/// strconv 'e', -1: "1e+00", "1.5e-07".
void AppendFloatE(double value, std::string* out);
/// strconv 'g', -1, which is fmt's %v too: exponent form below 1e-4 and from 1e6 on.
void AppendFloatG(double value, std::string* out);
/// A sample value in the HTTP API: 'f' for 0 and 1e-6 <= |v| < 1e21, else 'e' with at least two
/// exponent digits.
void AppendFloatApi(double value, std::string* out);
std::string FormatFloatF(double value);
std::string FormatFloatG(double value);

/// strconv.ParseFloat(text, 64): sign, Inf/Infinity/NaN in any case, hex floats, underscores only
/// with a base prefix. Out of range is an error. Error texts are Go's.
Result<double> ParseGoFloat(std::string_view text);

/// Go's strconv.ParseInt(text, 10, 64) and ParseBool.
Result<int64_t> ParseGoInt(std::string_view text);
Result<bool> ParseGoBool(std::string_view text);

}  // namespace thanos::base
