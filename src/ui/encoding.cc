#include "ui/encoding.h"

#include <algorithm>
#include <array>
#include <string>

#include "net/http_types.h"

namespace thanos::ui {
namespace {

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// Cuts what stands before the next comma off the front.
std::string_view NextItem(std::string_view* list) {
  const size_t comma = list->find(',');
  const std::string_view item = Trim(list->substr(0, comma));
  *list = comma == std::string_view::npos ? std::string_view() : list->substr(comma + 1);
  return item;
}

// ";q=0.5" in thousandths, 1000 when it says nothing. What is no weight counts as 0.
int WeightOf(std::string_view parameters) {
  const size_t at = parameters.find("q=");
  if (at == std::string_view::npos) return 1000;
  const std::string_view text = Trim(parameters.substr(at + 2));
  if (text.empty() || (text[0] != '0' && text[0] != '1')) return 0;
  int weight = (text[0] - '0') * 1000;
  int place = 100;
  for (size_t i = 2; i < text.size() && place > 0; ++i, place /= 10) {
    if (text[i] < '0' || text[i] > '9') break;
    weight += (text[i] - '0') * place;
  }
  return std::min(weight, 1000);
}

}  // namespace

Encoding ChooseEncoding(std::string_view accept_encoding) {
  constexpr int kUnsaid = -1;
  std::array<int, 3> weights = {kUnsaid, kUnsaid, kUnsaid};  // By Encoding.
  int rest = kUnsaid;                                        // Of "*".
  while (!accept_encoding.empty()) {
    const std::string_view item = NextItem(&accept_encoding);
    const size_t semicolon = item.find(';');
    const std::string_view coding = Trim(item.substr(0, semicolon));
    const int weight =
        semicolon == std::string_view::npos ? 1000 : WeightOf(item.substr(semicolon));
    if (coding == "*") rest = weight;
    for (const Encoding known : {Encoding::kBrotli, Encoding::kGzip, Encoding::kIdentity}) {
      const std::string_view name = known == Encoding::kIdentity ? "identity" : NameOf(known);
      if (net::EqualsIgnoringCase(coding, name)) weights[static_cast<size_t>(known)] = weight;
    }
  }
  Encoding best = Encoding::kIdentity;
  int best_weight = 0;
  for (const Encoding known : {Encoding::kBrotli, Encoding::kGzip, Encoding::kIdentity}) {
    int weight = weights[static_cast<size_t>(known)];
    if (weight == kUnsaid) weight = rest;
    if (weight > best_weight) {
      best = known;
      best_weight = weight;
    }
  }
  return best;
}

std::string_view NameOf(Encoding encoding) {
  switch (encoding) {
    case Encoding::kBrotli:
      return "br";
    case Encoding::kGzip:
      return "gzip";
    case Encoding::kIdentity:
      return "";
  }
  return "";
}

bool MatchesTag(std::string_view if_none_match, std::string_view tag) {
  while (!if_none_match.empty()) {
    std::string_view item = NextItem(&if_none_match);
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == "*" || item == tag) return true;
  }
  return false;
}

}  // namespace thanos::ui
