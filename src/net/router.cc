#include "net/router.h"

#include <algorithm>
#include <set>

namespace thanos::net {
namespace {

std::vector<std::string> Split(std::string_view path) {
  std::vector<std::string> parts;
  if (!path.empty() && path.front() == '/') path.remove_prefix(1);
  while (true) {
    const size_t slash = path.find('/');
    parts.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

// Part by part: literal before `:name` before `*name`.
int Rank(const std::string& part) {
  if (part.starts_with('*')) return 2;
  return part.starts_with(':') ? 1 : 0;
}

bool MoreLiteral(const Router::Route& a, const Router::Route& b) {
  return std::lexicographical_compare(
      a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(),
      [](const std::string& x, const std::string& y) { return Rank(x) < Rank(y); });
}

bool Matches(const Router::Route& route, const std::vector<std::string>& parts,
             std::vector<std::pair<std::string, std::string>>* params) {
  params->clear();
  for (size_t i = 0; i < route.parts.size(); ++i) {
    const std::string& wanted = route.parts[i];
    if (wanted.starts_with('*')) {
      std::string rest;
      for (size_t j = i; j < parts.size(); ++j) rest += (j == i ? "" : "/") + parts[j];
      params->emplace_back(wanted.substr(1), std::move(rest));
      return true;
    }
    if (i >= parts.size()) return false;
    if (wanted.starts_with(':')) {
      if (parts[i].empty()) return false;
      params->emplace_back(wanted.substr(1), parts[i]);
    } else if (wanted != parts[i]) {
      return false;
    }
  }
  return parts.size() == route.parts.size();
}

}  // namespace

void Router::Add(std::vector<std::string> methods, std::string_view pattern, HttpHandler handler,
                 RouteOptions options) {
  Route route{std::move(methods), Split(pattern), std::move(handler), std::move(options)};
  const auto at = std::upper_bound(routes_.begin(), routes_.end(), route, MoreLiteral);
  routes_.insert(at, std::move(route));
}

Router::Match Router::Find(std::string_view method, std::string_view path) const {
  std::vector<std::string> parts = Split(path);
  for (std::string& part : parts) {
    Result<std::string> plain = UrlUnescape(part, false);
    if (!plain.ok()) return {};
    part = std::move(*plain);
  }
  Match match;
  std::set<std::string> allowed;
  for (const Route& route : routes_) {
    if (!Matches(route, parts, &match.params)) continue;
    if (route.methods.empty() ||
        std::find(route.methods.begin(), route.methods.end(), method) != route.methods.end()) {
      match.route = &route;
      return match;
    }
    allowed.insert(route.methods.begin(), route.methods.end());
  }
  match.params.clear();
  allowed.erase("OPTIONS");
  if (!allowed.empty()) allowed.insert("OPTIONS");
  match.allowed.assign(allowed.begin(), allowed.end());
  return match;
}

}  // namespace thanos::net
