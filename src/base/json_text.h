// JSON strings as Go's encoder writes them.
#pragma once

#include <string>
#include <string_view>

namespace thanos::base {

/// Appends `text` quoted. Invalid UTF-8 becomes U+FFFD (written \ufffd, once per bad byte).
/// `html_escape`: also <, >, & as \u003c \u003e \u0026, as Go's encoding/json does by default.
/// U+2028 and U+2029 are always escaped.
void AppendJsonString(std::string_view text, std::string* out, bool html_escape = false);

/// Appends a byte below 0x80 as JSON's escape: \n, \", \u0001.
void AppendJsonEscape(unsigned char c, std::string* out);

/// Length of the UTF-8 rune at text[0] (1 to 4), 0 when invalid. Overlong forms and surrogates are
/// invalid, as in Go.
size_t Utf8RuneLength(std::string_view text);
bool IsValidUtf8(std::string_view text);

}  // namespace thanos::base
