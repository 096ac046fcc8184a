#include "ui/prefix.h"

#include <algorithm>

namespace thanos::ui {
namespace {

bool IsPlainPart(std::string_view part) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
  };
  return !part.empty() && part != "." && part != ".." && std::ranges::all_of(part, plain);
}

}  // namespace

bool IsPlainPrefix(std::string_view prefix) {
  while (!prefix.empty()) {
    if (prefix.front() != '/') return false;
    prefix.remove_prefix(1);
    const size_t slash = prefix.find('/');
    if (!IsPlainPart(prefix.substr(0, slash))) return false;
    prefix = slash == std::string_view::npos ? std::string_view() : prefix.substr(slash);
  }
  return true;
}

std::string LinkPrefix(const PrefixOptions& options, const net::HttpRequest& request) {
  if (!options.header.empty()) {
    std::string_view given = request.headers.Get(options.header);
    while (given.ends_with('/')) given.remove_suffix(1);
    if (!given.empty() && IsPlainPrefix(given)) return std::string(given);
  }
  return options.external.empty() ? options.route : options.external;
}

}  // namespace thanos::ui
