#include "ui/encoding.h"

namespace thanos::ui {

net::Encoding ChooseEncoding(std::string_view accept_encoding) {
  using net::Encoding;
  const net::AcceptedEncodings accepted(accept_encoding);
  Encoding best = Encoding::kIdentity;
  int best_weight = 0;
  for (const Encoding kept : {Encoding::kBrotli, Encoding::kGzip, Encoding::kIdentity}) {
    if (accepted.Of(kept) <= best_weight) continue;
    best = kept;
    best_weight = accepted.Of(kept);
  }
  return best;
}

bool MatchesTag(std::string_view if_none_match, std::string_view tag) {
  while (!if_none_match.empty()) {
    std::string_view item = net::NextListItem(&if_none_match);
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == "*" || item == tag) return true;
  }
  return false;
}

}  // namespace thanos::ui
