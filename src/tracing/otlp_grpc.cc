#include <utility>

#include "codec/byte_reader.h"
#include "net/tls_bridge.h"
#include "net/tls_follower.h"
#include "rpc/grpc_transport.h"
#include "tracing/otlp.h"

namespace thanos::tracing {
namespace {

constexpr char kExport[] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
constexpr size_t kConnectionsMax = 16;  // Of one channel, old and new ones together.

class OtlpGrpcSender : public SpanSender {
 public:
  OtlpGrpcSender(std::string endpoint, TextPairs resource,
                 std::shared_ptr<rpc::Transport> transport)
      : endpoint_(std::move(endpoint)),
        resource_(std::move(resource)),
        transport_(std::move(transport)) {}

  Status Send(const CallContext& context, const std::vector<SpanRecord>& spans) override {
    auto answer = transport_->Unary(context, kExport, EncodeOtlp(resource_, spans), false);
    if (!answer.ok()) return answer.status().WithContext("export to " + endpoint_);
    return CheckOtlpAnswer(codec::AsText(answer->bytes()));
  }

 private:
  const std::string endpoint_;
  const TextPairs resource_;
  const std::shared_ptr<rpc::Transport> transport_;
};

Status SetTls(const OtlpConfig& config, rpc::ChannelOptions* options) {
  net::TlsClientOptions tls;
  tls.ca.file = config.tls.ca_file;
  tls.cert.file = config.tls.cert_file;
  tls.key.file = config.tls.key_file;
  tls.server_name = config.tls.server_name;
  tls.skip_verify = config.tls.insecure_skip_verify;
  tls.protocol = "h2";
  THANOS_ASSIGN_OR_RETURN(options->tls, net::TlsFollower::Client(std::move(tls), base::Logger()));
  options->bridge = std::make_shared<net::TlsBridge>(kConnectionsMax, base::Logger());
  options->server_name = config.tls.server_name;
  return OkStatus();
}

}  // namespace

Result<std::unique_ptr<SpanSender>> MakeOtlpGrpcSender(const OtlpConfig& config,
                                                       TextPairs resource) {
  rpc::ChannelOptions options;
  options.gzip = config.gzip;
  options.metadata = config.headers;
  for (auto& [name, value] : options.metadata) {
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (!config.insecure) THANOS_RETURN_IF_ERROR(SetTls(config, &options));
  return std::unique_ptr<SpanSender>(std::make_unique<OtlpGrpcSender>(
      config.endpoint, std::move(resource), rpc::MakeGrpcTransport(config.endpoint, options)));
}

}  // namespace thanos::tracing
