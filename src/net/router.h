// Which handler serves a path.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_server.h"

namespace thanos::net {

/// Patterns and their handlers. Filled by one thread, then read by any number.
class Router {
 public:
  struct Route {
    std::vector<std::string> methods;  // Empty: any.
    std::vector<std::string> parts;    // Of the pattern, between slashes.
    HttpHandler handler;
    RouteOptions options;
  };
  struct Match {
    const Route* route = nullptr;
    std::vector<std::pair<std::string, std::string>> params;
    /// When no route serves the method: those that are served, sorted, with OPTIONS. Empty: the
    /// path is unknown. A route for OPTIONS alone does not make a path known.
    std::vector<std::string> allowed;
  };

  void Add(std::vector<std::string> methods, std::string_view pattern, HttpHandler handler,
           RouteOptions options);
  /// `path` is raw, without the query; parts are unescaped one by one, so that %2F is no slash.
  Match Find(std::string_view method, std::string_view path) const;

 private:
  std::vector<Route> routes_;  // The more literal come first.
};

}  // namespace thanos::net
