#include "api/html.h"

namespace thanos::api {

std::string EscapeHtml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

net::HttpResponse HtmlPage(std::string_view title, std::string_view body) {
  const std::string heading = EscapeHtml(title);
  net::HttpResponse response;
  response.headers.Set("Content-Type", "text/html; charset=utf-8");
  response.headers.Set("X-Content-Type-Options", "nosniff");
  response.headers.Set("Content-Security-Policy", "default-src 'none'");
  response.body = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>" +
                  heading + "</title></head><body><h1>" + heading + "</h1>";
  response.body += body;
  response.body += "</body></html>\n";
  return response;
}

}  // namespace thanos::api
