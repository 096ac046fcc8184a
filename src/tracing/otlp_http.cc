#include <zlib.h>

#include "codec/compression.h"
#include "net/http_client.h"
#include "tracing/http_post.h"
#include "tracing/otlp.h"

namespace thanos::tracing {
namespace {

class OtlpHttpSender : public SpanSender {
 public:
  OtlpHttpSender(const OtlpConfig& config, TextPairs resource,
                 std::shared_ptr<net::HttpClient> client)
      : url_((config.insecure ? "http://" : "https://") + config.endpoint + config.url_path),
        gzip_(config.gzip),
        headers_(config.headers),
        resource_(std::move(resource)),
        client_(std::move(client)) {}

  Status Send(const CallContext& context, const std::vector<SpanRecord>& spans) override {
    net::ClientRequest request;
    request.url = url_;
    request.headers.Add("Content-Type", "application/x-protobuf");
    for (const auto& [name, value] : headers_) request.headers.Set(name, value);
    request.body = EncodeOtlp(resource_, spans);
    if (gzip_) {
      request.body = codec::GzipCompress(request.body, Z_BEST_SPEED);
      request.headers.Set("Content-Encoding", "gzip");
    }
    THANOS_ASSIGN_OR_RETURN(const std::string answer,
                            PostSpans(*client_, context, std::move(request)));
    return CheckOtlpAnswer(answer);
  }

 private:
  const std::string url_;
  const bool gzip_;
  const TextPairs headers_, resource_;
  const std::shared_ptr<net::HttpClient> client_;
};

}  // namespace

Result<std::unique_ptr<SpanSender>> MakeOtlpHttpSender(const OtlpConfig& config,
                                                       TextPairs resource) {
  net::HttpClientOptions options;
  options.tls = {config.tls.ca_file, config.tls.cert_file, config.tls.key_file,
                 config.tls.server_name, config.tls.insecure_skip_verify};
  THANOS_ASSIGN_OR_RETURN(auto client, net::HttpClient::Make(std::move(options)));
  return std::unique_ptr<SpanSender>(
      std::make_unique<OtlpHttpSender>(config, std::move(resource), std::move(client)));
}

}  // namespace thanos::tracing
