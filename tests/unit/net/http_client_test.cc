#include "net/http_client.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/byte_reader.h"
#include "net/http_server.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::net {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;
using thanos::testing::StatusIs;

class TextSource : public ByteSource {
 public:
  explicit TextSource(std::string text, bool sized = true)
      : text_(std::move(text)), sized_(sized) {}
  Result<size_t> Read(std::span<std::byte> out) override {
    const size_t count = std::min(out.size(), text_.size() - at_);
    std::memcpy(out.data(), text_.data() + at_, count);
    at_ += count;
    return count;
  }
  int64_t size() const override { return sized_ ? static_cast<int64_t>(text_.size()) : -1; }

 private:
  const std::string text_;
  const bool sized_;
  size_t at_ = 0;
};

class HttpClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    HttpServerOptions options;
    options.body_bytes_max = 64 << 20;
    server_ = std::make_unique<HttpServer>(options);
    server_->Handle({}, "/echo", [](const CallContext&, const HttpRequest& request) {
      HttpResponse response = HttpResponse::Text(200, request.method + "\n" + request.body);
      response.headers.Add("X-Agent", std::string(request.headers.Get("User-Agent")));
      response.headers.Add("X-Type", std::string(request.headers.Get("Content-Type")));
      response.headers.Add("X-Auth", std::string(request.headers.Get("Authorization")));
      response.headers.Add("X-Length", std::string(request.headers.Get("Content-Length")));
      return response;
    });
    server_->Handle({}, "/status/:code", [](const CallContext&, const HttpRequest& request) {
      return HttpResponse::Text(std::stoi(std::string(request.PathParam("code"))), "because");
    });
    server_->Handle({}, "/stream", [this](const CallContext&, const HttpRequest&) {
      HttpResponse response = HttpResponse::Text(200, "");
      response.stream = [this](BodyWriter& out) {
        const std::string piece(100'000, 'x');
        for (int i = 0; i < 1000; ++i) {
          if (Status status = out.Write(piece); !status.ok()) {
            client_gone_.set_value();
            return status;
          }
          pieces_.fetch_add(1);
        }
        return OkStatus();
      };
      return response;
    });
    server_->Handle({}, "/wait", [this](const CallContext& context, const HttpRequest&) {
      std::promise<void> gone;
      const auto registration = context.OnCancel([&] { gone.set_value(); });
      entered_.set_value();
      gone.get_future().wait();
      client_gone_.set_value();
      return HttpResponse::Text(200, "");
    });
    server_->Handle({}, "/cut", [](const CallContext&, const HttpRequest&) {
      HttpResponse response = HttpResponse::Text(200, "");
      response.stream = [](BodyWriter& out) {
        THANOS_RETURN_IF_ERROR(out.Write("some"));
        return InternalError("broken");
      };
      return response;
    });
    THANOS_ASSERT_OK(server_->Start());
    Connect({});
  }
  void Connect(HttpClientOptions options) {
    options.proxy_url = "none";
    THANOS_ASSERT_OK_AND_ASSIGN(client_, HttpClient::Make(options));
  }
  ClientRequest To(const std::string& path) {
    ClientRequest request;
    request.url = "http://" + server_->address() + path;
    return request;
  }

  std::atomic<int> pieces_{0};
  std::promise<void> entered_, client_gone_;
  std::unique_ptr<HttpServer> server_;
  std::shared_ptr<HttpClient> client_;
  CallContext context_;
};

TEST_F(HttpClientTest, SendsAndReceives) {
  ClientRequest request = To("/echo?a=b");
  request.method = "POST";
  request.body = "hello";
  request.headers.Add("Content-Type", "text/x");
  THANOS_ASSERT_OK_AND_ASSIGN(ClientResponse response, client_->Do(context_, request));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "POST\nhello");
  EXPECT_EQ(response.headers.Get("x-agent"), "Thanos/0.1.0");
  EXPECT_EQ(response.headers.Get("x-type"), "text/x");
}

TEST_F(HttpClientTest, EveryMethodAndStatus) {
  for (const char* method : {"GET", "PUT", "DELETE", "PATCH"}) {
    ClientRequest request = To("/echo");
    request.method = method;
    THANOS_ASSERT_OK_AND_ASSIGN(ClientResponse response, client_->Do(context_, request));
    EXPECT_EQ(response.body, std::string(method) + "\n");
    EXPECT_EQ(response.headers.Get("X-Type"), "");
  }
  ClientRequest head = To("/echo");
  head.method = "HEAD";
  THANOS_ASSERT_OK_AND_ASSIGN(ClientResponse response, client_->Do(context_, head));
  EXPECT_EQ(response.body, "");
  for (const int status : {204, 404, 503}) {
    THANOS_ASSERT_OK_AND_ASSIGN(ClientResponse answer,
                                client_->Do(context_, To("/status/" + std::to_string(status))));
    EXPECT_EQ(answer.status, status);
  }
}

TEST_F(HttpClientTest, UploadsFromASource) {
  const std::string text(5'000'000, 'u');
  for (const bool chunked : {false, true}) {
    TextSource source(text, !chunked);
    ClientRequest request = To("/echo");
    request.method = "PUT";
    request.body_source = &source;
    request.chunked_upload = chunked;
    THANOS_ASSERT_OK_AND_ASSIGN(ClientResponse response, client_->Do(context_, request));
    EXPECT_EQ(response.body.size(), text.size() + 4);
    EXPECT_EQ(response.headers.Get("X-Length"), chunked ? "" : "5000000");
  }
}

TEST_F(HttpClientTest, AuthorizesAndKeepsSecretsOutOfMessages) {
  HttpClientOptions options;
  options.bearer_token = "tok";
  Connect(options);
  THANOS_ASSERT_OK_AND_ASSIGN(ClientResponse response, client_->Do(context_, To("/echo")));
  EXPECT_EQ(response.headers.Get("X-Auth"), "Bearer tok");
  ClientRequest request;
  request.url = "http://user:secret@127.0.0.1:1/path?token=secret";
  EXPECT_THAT(client_->Do(context_, request),
              StatusIs(StatusCode::kUnavailable,
                       ::testing::AllOf(HasSubstr("GET http://127.0.0.1:1/path: "),
                                        Not(HasSubstr("secret")))));
}

TEST_F(HttpClientTest, ReadsAheadOnlyAWindow) {
  THANOS_ASSERT_OK_AND_ASSIGN(auto stream, client_->Open(context_, To("/stream")));
  int before = -1;
  while (before != pieces_.load()) {
    before = pieces_.load();
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_LT(before, 300);  // Of 1,000: the window, and what sockets and the server hold.
  THANOS_ASSERT_OK_AND_ASSIGN(std::string body, stream->ReadAll(200 << 20));
  EXPECT_EQ(body.size(), 100'000'000u);
}

TEST_F(HttpClientTest, AnAnswerAboveItsLimitIsRefused) {
  ClientRequest request = To("/stream");
  request.response_bytes_max = 1'000'000;
  EXPECT_THAT(client_->Do(context_, request), StatusIs(StatusCode::kResourceExhausted));
  client_gone_.get_future().wait();
}

TEST_F(HttpClientTest, CancellationAborts) {
  const CallContext call = context_.WithCancel();
  auto answer =
      std::async(std::launch::async, [&] { return client_->Do(call, To("/wait")).status(); });
  entered_.get_future().wait();
  const auto began = std::chrono::steady_clock::now();
  call.Cancel();
  EXPECT_THAT(answer.get(), StatusIs(StatusCode::kCancelled, HasSubstr("/wait")));
  client_gone_.get_future().wait();
  EXPECT_LT(std::chrono::steady_clock::now() - began, milliseconds(100));
}

TEST_F(HttpClientTest, DeadlinesHold) {
  EXPECT_THAT(client_->Do(context_.WithTimeout(milliseconds(50)), To("/wait")),
              StatusIs(StatusCode::kDeadlineExceeded));
  client_gone_.get_future().wait();
}

TEST_F(HttpClientTest, AHeaderTimeoutIsWorthAnotherTry) {
  HttpClientOptions options;
  options.response_header_timeout = milliseconds(50);
  Connect(options);
  EXPECT_THAT(client_->Do(context_, To("/wait")), StatusIs(StatusCode::kUnavailable));
  client_gone_.get_future().wait();
}

TEST_F(HttpClientTest, ABodyThatBreaksOffIsAnError) {
  EXPECT_FALSE(client_->Do(context_, To("/cut")).ok());
}

TEST_F(HttpClientTest, BadInputIsRefused) {
  ClientRequest request = To("/echo");
  request.headers.Add("X", "a\r\nY: b");
  EXPECT_THAT(client_->Do(context_, request), StatusIs(StatusCode::kInvalidArgument));
  request = To("/echo");
  request.url = "ftp://127.0.0.1/";
  EXPECT_THAT(client_->Do(context_, request), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(HttpClientTest, ManyAtOnce) {
  std::vector<std::future<Status>> answers;
  for (int i = 0; i < 16; ++i) {
    answers.push_back(std::async(std::launch::async, [&] {
      for (int j = 0; j < 20; ++j) {
        if (Status status = client_->Do(context_, To("/echo")).status(); !status.ok())
          return status;
      }
      return OkStatus();
    }));
  }
  for (auto& answer : answers) THANOS_EXPECT_OK(answer.get());
}

TEST_F(HttpClientTest, AStreamMayOutliveItsClient) {
  THANOS_ASSERT_OK_AND_ASSIGN(auto stream, client_->Open(context_, To("/stream")));
  client_.reset();
  EXPECT_THAT(stream->ReadAll(200 << 20), StatusIs(StatusCode::kCancelled));
}

TEST(Url, Forms) {
  EXPECT_EQ(UrlForMessages("https://u:p@host:1/a/b?c=d#e"), "https://host:1/a/b");
  EXPECT_EQ(UrlForMessages("http://host"), "http://host");
  EXPECT_EQ(JoinUrl("http://h/p/", "/api/v1/x"), "http://h/p/api/v1/x");
  EXPECT_EQ(JoinUrl("http://h?a=b", "x"), "http://h/x?a=b");
}

}  // namespace
}  // namespace thanos::net
