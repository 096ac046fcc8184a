#include "net/content_encoding.h"

#include <algorithm>

#include "net/http_types.h"

namespace thanos::net {
namespace {

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// ";q=0.5" in thousandths, 1000 when it says nothing.
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

std::string_view NextListItem(std::string_view* list) {
  const size_t comma = list->find(',');
  const std::string_view item = Trim(list->substr(0, comma));
  *list = comma == std::string_view::npos ? std::string_view() : list->substr(comma + 1);
  return item;
}

std::string_view NameOf(Encoding encoding) {
  switch (encoding) {
    case Encoding::kGzip:
      return "gzip";
    case Encoding::kZstd:
      return "zstd";
    case Encoding::kBrotli:
      return "br";
    case Encoding::kIdentity:
      break;
  }
  return "";
}

AcceptedEncodings::AcceptedEncodings(std::string_view accept_encoding) {
  named_.fill(-1);
  while (!accept_encoding.empty()) {
    const std::string_view item = NextListItem(&accept_encoding);
    const size_t semicolon = std::min(item.find(';'), item.size());
    const std::string_view coding = Trim(item.substr(0, semicolon));
    const int weight = WeightOf(item.substr(semicolon));
    if (coding == "*") rest_ = weight;
    for (size_t i = 0; i < kEncodings; ++i) {
      const auto known = static_cast<Encoding>(i);
      const std::string_view name = known == Encoding::kIdentity ? "identity" : NameOf(known);
      if (EqualsIgnoringCase(coding, name)) named_[i] = weight;
    }
  }
}

}  // namespace thanos::net
