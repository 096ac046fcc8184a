// Go's strconv.Quote and the spelling of label names.
#pragma once

#include <string>
#include <string_view>

namespace thanos::model {

/// Appends `text` in double quotes with Go's escapes: \a \b \f \n \r \t \v \\ \", \xNN for bytes
/// that are not UTF-8, \uNNNN for runes that are not printable.
void AppendGoQuoted(std::string_view text, std::string* out);
std::string GoQuoted(std::string_view text);

/// [a-zA-Z_][a-zA-Z0-9_]*
bool IsPlainLabelName(std::string_view name);
/// [a-zA-Z_:][a-zA-Z0-9_:]*
bool IsPlainMetricName(std::string_view name);
/// A plain name as it is, any other quoted.
void AppendLabelName(std::string_view name, std::string* out);

}  // namespace thanos::model
