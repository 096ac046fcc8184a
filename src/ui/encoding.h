// What a client is sent of a file that is kept compressed.
#pragma once

#include <string_view>

#include "net/content_encoding.h"

namespace thanos::ui {

/// The best of what Accept-Encoding allows: the greatest weight, of equal ones brotli before gzip
/// before identity. Identity when nothing is allowed: an answer that may be ignored is better than
/// none.
net::Encoding ChooseEncoding(std::string_view accept_encoding);

/// Whether `If-None-Match` names the entity tag (quoted, strong), by the weak comparison.
bool MatchesTag(std::string_view if_none_match, std::string_view tag);

}  // namespace thanos::ui
