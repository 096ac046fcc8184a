#include "tracing/http_post.h"

namespace thanos::tracing {
namespace {

constexpr size_t kAnswerBytesMax = 1 << 20;
constexpr size_t kShownBytesMax = 200;

bool AsksToTryAgain(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

}  // namespace

Result<std::string> PostSpans(net::HttpClient& client, const CallContext& context,
                              net::ClientRequest request) {
  request.method = "POST";
  request.response_bytes_max = kAnswerBytesMax;
  THANOS_ASSIGN_OR_RETURN(net::ClientResponse answer, client.Do(context, request));
  if (answer.status >= 200 && answer.status < 300) return std::move(answer.body);
  std::string text = "POST " + net::UrlForMessages(request.url) + ": status " +
                     std::to_string(answer.status) + ": " + answer.body.substr(0, kShownBytesMax);
  if (AsksToTryAgain(answer.status)) return UnavailableError(std::move(text));
  return InvalidArgumentError(std::move(text));
}

}  // namespace thanos::tracing
