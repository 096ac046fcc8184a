#include <condition_variable>
#include <mutex>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/channel_arguments.h>

#include "config/flags.h"
#include "rpc/grpc_library.h"
#include "tracing/otlp.h"

namespace thanos::tracing {
namespace {

constexpr char kExport[] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

class ExportCall : public grpc::ClientUnaryReactor {
 public:
  grpc::Status Wait() {
    std::unique_lock lock(mutex_);
    done_changed_.wait(lock, [this] { return done_; });
    return status_;
  }
  void OnDone(const grpc::Status& status) override {
    std::lock_guard lock(mutex_);
    status_ = status;
    done_ = true;
    done_changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_changed_;
  grpc::Status status_;  // Guarded by mutex_.
  bool done_ = false;    // Guarded by mutex_.
};

Result<std::string> ReadPem(const std::string& path) {
  if (path.empty()) return std::string();
  return config::ReadFileText(path);
}

Result<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(const OtlpConfig& config) {
  if (config.insecure) return grpc::InsecureChannelCredentials();
  THANOS_ASSIGN_OR_RETURN(std::string ca, ReadPem(config.tls.ca_file));
  THANOS_ASSIGN_OR_RETURN(std::string key, ReadPem(config.tls.key_file));
  THANOS_ASSIGN_OR_RETURN(std::string certificate, ReadPem(config.tls.cert_file));
  if (!config.tls.insecure_skip_verify) {
    return grpc::SslCredentials({std::move(ca), std::move(key), std::move(certificate)});
  }
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
  if (!certificate.empty()) {
    options.set_certificate_provider(
        std::make_shared<grpc::experimental::StaticDataCertificateProvider>(
            std::vector<grpc::experimental::IdentityKeyCertPair>{
                {std::move(key), std::move(certificate)}}));
    options.watch_identity_key_cert_pairs();
  }
  return grpc::experimental::TlsCredentials(options);
}

class OtlpGrpcSender : public SpanSender {
 public:
  OtlpGrpcSender(const OtlpConfig& config, TextPairs resource,
                 std::shared_ptr<grpc::ChannelCredentials> credentials)
      : endpoint_(config.endpoint),
        gzip_(config.gzip),
        headers_(config.headers),
        resource_(std::move(resource)) {
    for (auto& [name, value] : headers_) {
      for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    grpc::ChannelArguments arguments;
    arguments.SetUserAgentPrefix("thanos");
    if (!config.tls.server_name.empty() && !config.insecure) {
      arguments.SetSslTargetNameOverride(config.tls.server_name);
    }
    rpc::KeepGrpcRunning();
    channel_ = grpc::CreateCustomChannel(config.endpoint, credentials, arguments);
  }

  Status Send(const CallContext& context, const std::vector<SpanRecord>& spans) override {
    grpc::ClientContext grpc_context;
    if (context.deadline() != SteadyTime::max()) {
      const auto left = context.deadline() - std::chrono::steady_clock::now();
      grpc_context.set_deadline(std::chrono::system_clock::now() + left);
    }
    for (const auto& [name, value] : headers_) grpc_context.AddMetadata(name, value);
    if (gzip_) grpc_context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    const grpc::Slice slice(EncodeOtlp(resource_, spans));
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer answer;
    ExportCall call;
    grpc::GenericStub(channel_).PrepareUnaryCall(&grpc_context, kExport, {}, &request, &answer,
                                                 &call);
    call.StartCall();
    grpc::Status status;
    {
      const auto registration = context.OnCancel([&] { grpc_context.TryCancel(); });
      status = call.Wait();
    }
    if (!status.ok()) {
      const int code = static_cast<int>(status.error_code());
      const bool known = code > 0 && code <= static_cast<int>(StatusCode::kUnauthenticated);
      return Status(known ? static_cast<StatusCode>(code) : StatusCode::kUnknown,
                    "export to " + endpoint_ + ": " + status.error_message());
    }
    grpc::Slice whole;
    if (!answer.DumpToSingleSlice(&whole).ok()) return OkStatus();  // No answer to read.
    return CheckOtlpAnswer({reinterpret_cast<const char*>(whole.begin()), whole.size()});
  }

 private:
  const std::string endpoint_;
  const bool gzip_;
  TextPairs headers_;
  const TextPairs resource_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace

Result<std::unique_ptr<SpanSender>> MakeOtlpGrpcSender(const OtlpConfig& config,
                                                       TextPairs resource) {
  THANOS_ASSIGN_OR_RETURN(auto credentials, MakeCredentials(config));
  return std::unique_ptr<SpanSender>(
      std::make_unique<OtlpGrpcSender>(config, std::move(resource), std::move(credentials)));
}

}  // namespace thanos::tracing
