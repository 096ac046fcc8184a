#include "api/query_handlers.h"
#include "base/json_text.h"
#include "promql/parser.h"
#include "promql/printer.h"

namespace thanos::api {
namespace {

net::HttpResponse AnswerParsed(const net::HttpRequest& request,
                               const std::function<std::string(const promql::Expr&)>& data) {
  auto expr = promql::Parse(request.form.Get("query"), {});
  if (!expr.ok()) {
    return Failure(promapi::ErrorKind::kBadData,
                   "invalid parameter \"query\": " + std::string(expr.status().message()));
  }
  return Success(data(**expr), {});
}

}  // namespace

net::HttpResponse HandleFormatQuery(const net::HttpRequest& request) {
  return AnswerParsed(request, [](const promql::Expr& expr) {
    std::string out;
    base::AppendJsonString(promql::PrettyPrint(expr), &out, /*html_escape=*/true);
    return out;
  });
}

net::HttpResponse HandleParseQuery(const net::HttpRequest& request) {
  return AnswerParsed(request, promql::PrintTreeJson);
}

}  // namespace thanos::api
