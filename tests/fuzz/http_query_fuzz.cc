// Any query string gives parameters or a status; what was read and is written again reads the same.
// Paths meet the router, addresses the splitter, messages the URL that is shown.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/http_client.h"
#include "net/http_types.h"
#include "net/resolver.h"
#include "net/router.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  net::Values values;
  if (net::ParseQuery(text, &values).ok()) {
    net::Values again;
    if (!net::ParseQuery(values.Encode(), &again).ok()) std::abort();
    if (again.items() != values.items()) std::abort();
  }
  static const net::Router router = [] {
    net::Router made;
    made.Add({"GET"}, "/api/v1/label/:name/values", nullptr, {});
    made.Add({}, "/static/*path", nullptr, {});
    return made;
  }();
  const net::Router::Match match = router.Find("GET", text);
  for (const auto& [name, value] : match.params) {
    if (value.size() > text.size()) std::abort();
  }
  if (auto parts = net::SplitHostPort(text); parts.ok() && !parts->port.empty()) {
    if (!net::SplitHostPort(net::JoinHostPort(parts->host, parts->port)).ok()) std::abort();
  }
  net::Values parts;
  (void)net::ParseMultipart(text, "multipart/form-data; boundary=x", &parts).ok();
  if (net::UrlForMessages(text).size() > text.size()) std::abort();
  return 0;
}
