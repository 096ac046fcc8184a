#include "requestlog/request_log.h"

#include <chrono>

#include "base/number_text.h"
#include "base/time_text.h"
#include "base/ulid.h"
#include "thanos/trace.h"

namespace thanos::requestlog {
namespace {

using base::LogFields;
using base::LogLevel;

// Milliseconds with three decimals at most.
std::string Milliseconds(double seconds) {
  const double micros = static_cast<double>(static_cast<int64_t>(seconds * 1e6));
  return base::FormatFloatF(micros / 1000);
}

class Lines {
 public:
  Lines(const ProtocolConfig& config, const base::Logger& logger)
      : config_(config), logger_(logger) {}

  const ProtocolConfig& config() const { return config_; }
  void Write(LogLevel level, std::string_view message, LogFields fields) const {
    if (level < config_.level) return;
    if (level == LogLevel::kError) {
      logger_.Error(message, std::move(fields));
    } else {
      logger_.Debug(message, std::move(fields));
    }
  }

 private:
  const ProtocolConfig config_;
  const base::Logger logger_;
};

void AddTrace(const CallContext& context, LogFields* fields) {
  const auto& span = context.span();
  if (span && span->recording()) fields->push_back({"traceID", span->TraceId()});
}

// What the allow list names: the path, and the port that the client addressed.
std::string AllowName(const net::HttpRequest& request) {
  const std::string_view host = request.headers.Get("Host");
  const size_t colon = host.rfind(':');
  const bool has_port = colon != std::string_view::npos && host.find(']', colon) == host.npos;
  return has_port ? request.path + std::string(host.substr(colon)) : request.path;
}

class LoggedRequest : public net::HttpVisit {
 public:
  LoggedRequest(std::shared_ptr<const Lines> lines, LogFields fields, std::string remote)
      : lines_(std::move(lines)), fields_(std::move(fields)), remote_(std::move(remote)) {}

  void Answering(net::HttpResponse*) override {}
  void Ended(const net::HttpObservation& seen) override {
    fields_.push_back({"http.status_code", seen.status});
    fields_.push_back({"http.time_ms", Milliseconds(seen.seconds)});
    fields_.push_back({"http.remote_addr", remote_});
    const bool fine = seen.status >= 200 && seen.status < 500;
    lines_->Write(fine ? LogLevel::kDebug : LogLevel::kError, "finished call", std::move(fields_));
  }

 private:
  const std::shared_ptr<const Lines> lines_;
  LogFields fields_;
  const std::string remote_;
};

class HttpLog : public net::HttpInterceptor {
 public:
  HttpLog(const ProtocolConfig& config, const base::Logger& logger)
      : lines_(std::make_shared<const Lines>(
            config, logger.With({{"protocol", "http"}, {"http.component", "server"}}))) {}

  std::unique_ptr<net::HttpVisit> Begin(std::string_view handler, const net::HttpRequest& request,
                                        CallContext* context) override {
    if (!lines_->config().Allows(AllowName(request))) return nullptr;
    LogFields fields = {{"http.method", request.method + " " + request.target},
                        {"http.request_id", context->request_id()},
                        {"http.user_agent", request.headers.Get("User-Agent")},
                        {"thanos.method_name", handler}};
    AddTrace(*context, &fields);
    if (lines_->config().log_start) {
      LogFields start = fields;
      start.push_back({"http.start_time", base::FormatRfc3339Ms(base::NowMs())});
      lines_->Write(LogLevel::kDebug, "started call", std::move(start));
    }
    std::string remote(request.headers.Get("X-Forwarded-For"));
    if (remote.empty()) remote = request.remote_address;
    return std::make_unique<LoggedRequest>(lines_, std::move(fields), std::move(remote));
  }

 private:
  const std::shared_ptr<const Lines> lines_;
};

bool IsServersFault(StatusCode code) {
  return code == StatusCode::kUnknown || code == StatusCode::kUnimplemented ||
         code == StatusCode::kInternal || code == StatusCode::kDataLoss;
}

class LoggedCall : public rpc::CallVisit {
 public:
  LoggedCall(std::shared_ptr<const Lines> lines, LogFields fields)
      : lines_(std::move(lines)), fields_(std::move(fields)) {}

  void Ended(const rpc::Method&, const Status& status, double seconds) override {
    fields_.push_back({"grpc.code", StatusCodeName(status.code())});
    if (!status.ok()) fields_.push_back({"grpc.error", status});
    fields_.push_back({"grpc.time_ms", Milliseconds(seconds)});
    lines_->Write(IsServersFault(status.code()) ? LogLevel::kError : LogLevel::kDebug,
                  "finished call", std::move(fields_));
  }

 private:
  const std::shared_ptr<const Lines> lines_;
  LogFields fields_;
};

class CallLog : public rpc::CallInterceptor {
 public:
  CallLog(const ProtocolConfig& config, const base::Logger& logger)
      : lines_(std::make_shared<const Lines>(
            config, logger.With({{"protocol", "grpc"}, {"grpc.component", "server"}}))) {}

  std::unique_ptr<rpc::CallVisit> Begin(const rpc::IncomingCall& call,
                                        CallContext* context) override {
    const std::string service(call.method.service), method(call.method.name);
    if (!lines_->config().Allows("/" + service + "/" + method)) return nullptr;
    // Calls of this call carry the id too, so that lines of several processes are found by it.
    if (context->request_id().empty()) {
      *context = context->WithRequestId(base::Ulid::Make(base::NowMs()).ToString());
    }
    const bool unary = call.method.type == rpc::CallType::kUnary;
    LogFields fields = {{"grpc.service", service},
                        {"grpc.method", method},
                        {"grpc.method_type", unary ? "unary" : "server_stream"},
                        {"peer.address", call.peer},
                        {"grpc.start_time", base::FormatRfc3339Ms(base::NowMs())},
                        {"requestID", context->request_id()}};
    AddTrace(*context, &fields);
    if (lines_->config().log_start) lines_->Write(LogLevel::kDebug, "started call", fields);
    return std::make_unique<LoggedCall>(lines_, std::move(fields));
  }

 private:
  const std::shared_ptr<const Lines> lines_;
};

}  // namespace

std::shared_ptr<net::HttpInterceptor> MakeHttpLog(const ProtocolConfig& config,
                                                  const base::Logger& logger) {
  if (!config.log_end) return nullptr;
  return std::make_shared<HttpLog>(config, logger);
}

std::shared_ptr<rpc::CallInterceptor> MakeCallLog(const ProtocolConfig& config,
                                                  const base::Logger& logger) {
  if (!config.log_end) return nullptr;
  return std::make_shared<CallLog>(config, logger);
}

}  // namespace thanos::requestlog
