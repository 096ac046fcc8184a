// What a client is sent of a file that is kept compressed.
#pragma once

#include <cstdint>
#include <string_view>

namespace thanos::ui {

enum class Encoding : uint8_t { kBrotli, kGzip, kIdentity };

/// The best of what Accept-Encoding allows (RFC 9110 §12.5.3): the greatest weight, of equal ones
/// brotli before gzip before identity. Identity when nothing is allowed: an answer that may be
/// ignored is better than none.
Encoding ChooseEncoding(std::string_view accept_encoding);
/// Of Content-Encoding; "" for identity.
std::string_view NameOf(Encoding encoding);

/// Whether `If-None-Match` names the entity tag (quoted, strong), by the weak comparison.
bool MatchesTag(std::string_view if_none_match, std::string_view tag);

}  // namespace thanos::ui
