#include "requestlog/request_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thanos::requestlog {
namespace {

using base::LogLevel;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

const base::Logger kLogger(LogLevel::kDebug, base::LogFormat::kLogfmt);

ProtocolConfig All(LogLevel level = LogLevel::kDebug) { return {true, true, level, {}}; }

net::HttpRequest Request() {
  net::HttpRequest request;
  request.method = "POST";
  request.target = "/api/v1/query?dedup=1";
  request.path = "/api/v1/query";
  request.body = "query=secret_metric";
  request.remote_address = "127.0.0.1:9";
  request.headers = {
      {"Host", "localhost:10902"}, {"User-Agent", "curl"}, {"Authorization", "Basic hidden"}};
  return request;
}

// What is written while one request is served with `status`.
std::string HttpLines(const ProtocolConfig& config, int status,
                      const net::HttpRequest& request = Request()) {
  CaptureStderr();
  CallContext context = CallContext().WithRequestId("r1");
  const auto log = MakeHttpLog(config, kLogger);
  if (auto visit = log->Begin("query", request, &context)) {
    net::HttpResponse response;
    visit->Answering(&response);
    net::HttpObservation seen;
    seen.status = status;
    seen.seconds = 0.0015;
    visit->Ended(seen);
  }
  return GetCapturedStderr();
}

std::string CallLines(const ProtocolConfig& config, const Status& status, std::string* id) {
  CaptureStderr();
  const rpc::Method method{"thanos.Store", "Series", rpc::CallType::kServerStream};
  CallContext context = CallContext().WithRequestId(*id);
  const auto log = MakeCallLog(config, kLogger);
  if (auto visit = log->Begin({method, "ipv4:127.0.0.1:9", {}}, &context)) {
    visit->Ended(method, status, 0.25);
  }
  *id = context.request_id();
  return GetCapturedStderr();
}

TEST(HttpLogTest, WritesStartAndEnd) {
  const std::string lines = HttpLines(All(), 200);
  EXPECT_THAT(
      lines,
      AllOf(HasSubstr("msg=\"started call\" protocol=http http.component=server "
                      "http.method=\"POST /api/v1/query?dedup=1\" http.request_id=r1 "
                      "http.user_agent=curl thanos.method_name=query http.start_time="),
            HasSubstr("level=debug msg=\"finished call\""),
            HasSubstr("http.status_code=200 http.time_ms=1.5 http.remote_addr=127.0.0.1:9")));
}

TEST(HttpLogTest, WritesNoBodiesAndNoSecrets) {
  EXPECT_THAT(HttpLines(All(), 200),
              AllOf(Not(HasSubstr("secret_metric")), Not(HasSubstr("hidden")), Not(IsEmpty())));
}

TEST(HttpLogTest, TheStatusDecidesTheLevelTheLevelWhatIsWritten) {
  EXPECT_THAT(HttpLines(All(), 499), HasSubstr("level=debug msg=\"finished"));
  EXPECT_THAT(HttpLines(All(), 500), HasSubstr("level=error msg=\"finished"));
  EXPECT_THAT(HttpLines(All(LogLevel::kError), 499), IsEmpty());
  EXPECT_THAT(HttpLines(All(LogLevel::kInfo), 302), IsEmpty());
  EXPECT_THAT(HttpLines(All(LogLevel::kError), 503),
              AllOf(Not(HasSubstr("started")), HasSubstr("http.status_code=503")));
}

TEST(HttpLogTest, MayWriteTheEndOnlyOrNothing) {
  ProtocolConfig config = All();
  config.log_start = false;
  EXPECT_THAT(HttpLines(config, 200), AllOf(Not(HasSubstr("started")), HasSubstr("finished")));
  config.log_end = false;
  EXPECT_EQ(MakeHttpLog(config, kLogger), nullptr);
  EXPECT_EQ(MakeCallLog(config, kLogger), nullptr);
}

TEST(HttpLogTest, TheListNamesPathAndPort) {
  ProtocolConfig config = All();
  config.allowed = {"/api/v1/query:10902"};
  EXPECT_THAT(HttpLines(config, 200), HasSubstr("finished"));
  config.allowed = {"/api/v1/query:10903"};
  EXPECT_THAT(HttpLines(config, 200), IsEmpty());
}

TEST(HttpLogTest, AProxyNamesItsClient) {
  net::HttpRequest request = Request();
  request.headers.Set("X-Forwarded-For", "10.0.0.1");
  EXPECT_THAT(HttpLines(All(), 200, request), HasSubstr("http.remote_addr=10.0.0.1\n"));
}

TEST(CallLogTest, WritesStartAndEnd) {
  std::string id = "r2";
  EXPECT_THAT(CallLines(All(), OkStatus(), &id),
              AllOf(HasSubstr("msg=\"started call\" protocol=grpc grpc.component=server "
                              "grpc.service=thanos.Store grpc.method=Series "
                              "grpc.method_type=server_stream peer.address=ipv4:127.0.0.1:9"),
                    HasSubstr("requestID=r2"), HasSubstr("grpc.code=OK grpc.time_ms=250\n")));
  EXPECT_EQ(id, "r2");
}

TEST(CallLogTest, TheCodeDecidesTheLevel) {
  std::string id = "r";
  EXPECT_THAT(CallLines(All(LogLevel::kError), InternalError("broken"), &id),
              AllOf(HasSubstr("level=error"), HasSubstr("grpc.code=Internal grpc.error=broken")));
  EXPECT_THAT(CallLines(All(LogLevel::kError), UnavailableError("away"), &id), IsEmpty());
}

TEST(CallLogTest, ACallWithoutAnIdGetsOneThatItHandsOn) {
  std::string id;
  const std::string lines = CallLines(All(), OkStatus(), &id);
  EXPECT_EQ(id.size(), 26u);
  EXPECT_THAT(lines, HasSubstr("requestID=" + id));
}

TEST(CallLogTest, TheListNamesServiceAndMethod) {
  std::string id = "r";
  ProtocolConfig config = All();
  config.allowed = {"/thanos.Store/LabelNames"};
  EXPECT_THAT(CallLines(config, OkStatus(), &id), IsEmpty());
  config.allowed = {"/thanos.Store/Series"};
  EXPECT_THAT(CallLines(config, OkStatus(), &id), HasSubstr("finished"));
}

}  // namespace
}  // namespace thanos::requestlog
