#include <string>

#include "tracing/tracing.h"

namespace thanos::tracing {
namespace {

constexpr char kForceHeader[] = "X-Thanos-Force-Tracing";
constexpr char kForceMetadata[] = "x-thanos-force-tracing";
constexpr char kTraceIdHeader[] = "X-Thanos-Trace-Id";

class TracedRequest : public net::HttpVisit {
 public:
  explicit TracedRequest(std::shared_ptr<TraceSpan> span) : span_(std::move(span)) {}

  void Answering(net::HttpResponse* response) override {
    response->headers.Set(kTraceIdHeader, span_->TraceId());
  }
  void Ended(const net::HttpObservation& seen) override {
    span_->Set("http.status_code", static_cast<int64_t>(seen.status));
    span_->Set("http.response_content_length", static_cast<int64_t>(seen.response_bytes));
    if (seen.status >= 500) {
      span_->Fail(InternalError("status " + std::to_string(seen.status)));
    }
    span_->End();
  }

 private:
  const std::shared_ptr<TraceSpan> span_;
};

class HttpTracing : public net::HttpInterceptor {
 public:
  explicit HttpTracing(std::shared_ptr<Tracer> tracer) : tracer_(std::move(tracer)) {}

  std::unique_ptr<net::HttpVisit> Begin(std::string_view handler, const net::HttpRequest& request,
                                        CallContext* context) override {
    auto span = tracer_->StartServer(
        "/" + std::string(handler) + " HTTP[server]",
        [&request](std::string_view name) { return request.headers.Get(name); },
        !request.headers.Get(kForceHeader).empty());
    *context = context->WithSpan(span);
    if (!span->recording()) return nullptr;
    span->Set("http.method", request.method);
    span->Set("http.url", request.target);
    span->Set("request_id", context->request_id());
    return std::make_unique<TracedRequest>(std::move(span));
  }

 private:
  const std::shared_ptr<Tracer> tracer_;
};

class TracedCall : public rpc::CallVisit {
 public:
  explicit TracedCall(std::shared_ptr<TraceSpan> span) : span_(std::move(span)) {}
  void Ended(const rpc::Method&, const Status& status, double) override {
    span_->Set("rpc.grpc.status_code", static_cast<int64_t>(status.code()));
    span_->Fail(status);
    span_->End();
  }

 private:
  const std::shared_ptr<TraceSpan> span_;
};

class CallTracing : public rpc::CallInterceptor {
 public:
  explicit CallTracing(std::shared_ptr<Tracer> tracer) : tracer_(std::move(tracer)) {}

  std::unique_ptr<rpc::CallVisit> Begin(const rpc::IncomingCall& call,
                                        CallContext* context) override {
    auto span = tracer_->StartServer(
        "/" + std::string(call.method.service) + "/" + std::string(call.method.name), call.metadata,
        !call.metadata(kForceMetadata).empty());
    *context = context->WithSpan(span);
    if (!span->recording()) return nullptr;
    span->Set("component", std::string("gRPC"));
    if (!context->request_id().empty()) span->Set("request_id", context->request_id());
    return std::make_unique<TracedCall>(std::move(span));
  }

 private:
  const std::shared_ptr<Tracer> tracer_;
};

}  // namespace

std::shared_ptr<net::HttpInterceptor> MakeHttpInterceptor(std::shared_ptr<Tracer> tracer) {
  return std::make_shared<HttpTracing>(std::move(tracer));
}

std::shared_ptr<rpc::CallInterceptor> MakeCallInterceptor(std::shared_ptr<Tracer> tracer) {
  return std::make_shared<CallTracing>(std::move(tracer));
}

}  // namespace thanos::tracing
