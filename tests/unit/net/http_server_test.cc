#include "net/http_server.h"

#include <atomic>
#include <future>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "codec/compression.h"
#include "support/raw_client.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::net {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using thanos::testing::RawClient;

constexpr std::chrono::seconds kLong{20};

// A server with a few routes; tests add their own before Start.
class HttpServerTest : public ::testing::Test {
 protected:
  void Start() {
    server_ = std::make_unique<HttpServer>(options_);
    server_->Handle({"GET", "POST"}, "/echo", [](const CallContext&, const HttpRequest& request) {
      std::string text = request.method + " " + request.path + "\n";
      for (const auto& [name, value] : request.form.items()) text += name + "=" + value + "\n";
      return HttpResponse::Text(200, text + (request.form_error.ok() ? "" : "bad form\n"));
    });
    server_->Handle({"GET"}, "/label/:name/values", [](const CallContext&, const HttpRequest& r) {
      return HttpResponse::Text(200, std::string(r.PathParam("name")));
    });
    server_->Handle({"OPTIONS"}, "/*path", [](const CallContext&, const HttpRequest&) {
      HttpResponse response;
      response.status = 204;
      return response;
    });
    server_->Handle(
        {}, "/-/healthy",
        [](const CallContext&, const HttpRequest&) { return HttpResponse::Text(200, "OK"); },
        {.urgent = true});
    server_->Handle({"GET"}, "/big", [](const CallContext&, const HttpRequest&) {
      return HttpResponse::Json(200, std::string(100'000, 'x'));
    });
    if (add_routes_) add_routes_(*server_);
    THANOS_ASSERT_OK(server_->Start());
  }
  std::string Ask(std::string_view bytes) {
    RawClient client(server_->port());
    client.Send(bytes);
    return client.ReadToEnd();
  }
  std::string Get(const std::string& target, const std::string& headers = "") {
    return Ask("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers +
               "\r\n");
  }

  HttpServerOptions options_;
  std::function<void(HttpServer&)> add_routes_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersAndCloses) {
  Start();
  const std::string answer = Get("/echo?a=1&b=x%20y+z");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, ::testing::ContainsRegex("\r\nDate: [A-Z][a-z][a-z], [0-9][0-9] .* GMT\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nGET /echo\na=1\nb=x y z\n"));
}

TEST_F(HttpServerTest, BodyParametersComeBeforeThoseOfTheUrl) {
  Start();
  const std::string answer =
      Ask("POST /echo?a=url&c=3 HTTP/1.1\r\nConnection: close\r\nContent-Length: 12\r\n"
          "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n\r\na=body&b=%26");
  EXPECT_THAT(answer, EndsWith("POST /echo\na=body\nb=&\na=url\nc=3\n"));
}

TEST_F(HttpServerTest, KeepsGoodPairsOfABadQuery) {
  Start();
  EXPECT_THAT(Get("/echo?a=%zz&b=2"), EndsWith("b=2\nbad form\n"));
}

TEST_F(HttpServerTest, UnknownPathAndWrongMethod) {
  Start();
  const std::string unknown = Get("/nothing");
  EXPECT_THAT(unknown, StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(unknown, EndsWith("\r\n\r\n404 page not found\n"));
  const std::string wrong = Ask("PUT /echo HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(wrong, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(wrong, HasSubstr("Allow: GET, OPTIONS, POST\r\n"));
  EXPECT_THAT(wrong, EndsWith("\r\n\r\nMethod Not Allowed\n"));
  const std::string options = Ask("OPTIONS /echo HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(options, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(options, Not(HasSubstr("Content-Length")));
}

TEST_F(HttpServerTest, PathPartsAreUnescapedOneByOne) {
  Start();
  EXPECT_THAT(Get("/label/a%2Fb/values"), EndsWith("\r\n\r\na/b"));
  EXPECT_THAT(Get("/label//values"), StartsWith("HTTP/1.1 404"));
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  Start();
  const std::string answer =
      Ask("GET /echo?n=1 HTTP/1.1\r\n\r\nGET /echo?n=2 HTTP/1.1\r\n\r\n"
          "GET /echo?n=3 HTTP/1.1\r\nConnection: close\r\n\r\n");
  const size_t first = answer.find("n=1"), second = answer.find("n=2"), third = answer.find("n=3");
  ASSERT_NE(third, std::string::npos) << answer;
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
}

TEST_F(HttpServerTest, CompressesWhatIsLargeEnough) {
  Start();
  const std::string packed = Get("/big", "Accept-Encoding: deflate, gzip;q=0.5\r\n");
  EXPECT_THAT(packed, HasSubstr("Content-Encoding: gzip\r\n"));
  EXPECT_THAT(packed, HasSubstr("Vary: Accept-Encoding\r\n"));
  auto plain = codec::GzipDecompress(packed.substr(packed.find("\r\n\r\n") + 4), 1 << 20);
  THANOS_ASSERT_OK(plain);
  EXPECT_EQ(*plain, std::string(100'000, 'x'));
  EXPECT_THAT(Get("/big", "Accept-Encoding: gzip;q=0\r\n"), Not(HasSubstr("gzip")));
  const std::string tight = Get("/big", "Accept-Encoding: gzip, deflate, br, zstd\r\n");
  EXPECT_THAT(tight, HasSubstr("Content-Encoding: zstd\r\n"));
  plain = codec::ZstdDecompress(tight.substr(tight.find("\r\n\r\n") + 4), 1 << 20);
  THANOS_ASSERT_OK(plain);
  EXPECT_EQ(*plain, std::string(100'000, 'x'));
  EXPECT_THAT(Get("/echo", "Accept-Encoding: gzip\r\n"), Not(HasSubstr("Content-Encoding")));
}

TEST_F(HttpServerTest, StreamsInPieces) {
  add_routes_ = [](HttpServer& server) {
    server.Handle({"GET"}, "/stream", [](const CallContext&, const HttpRequest&) {
      HttpResponse response = HttpResponse::Text(200, "");
      response.stream = [](BodyWriter& out) {
        for (int i = 0; i < 3; ++i) THANOS_RETURN_IF_ERROR(out.Write("piece" + std::to_string(i)));
        return OkStatus();
      };
      return response;
    });
  };
  Start();
  EXPECT_THAT(Get("/stream"),
              EndsWith("\r\n\r\n6\r\npiece0\r\n6\r\npiece1\r\n6\r\npiece2\r\n0\r\n\r\n"));
  EXPECT_THAT(Ask("GET /stream HTTP/1.0\r\n\r\n"), EndsWith("\r\n\r\npiece0piece1piece2"));
  EXPECT_THAT(Get("/stream", "Accept-Encoding: gzip\r\n"), HasSubstr("Content-Encoding: gzip"));
  EXPECT_THAT(Get("/stream", "Accept-Encoding: zstd\r\n"), HasSubstr("Content-Encoding: zstd"));
}

TEST_F(HttpServerTest, AFailedStreamIsCutShort) {
  add_routes_ = [](HttpServer& server) {
    server.Handle({"GET"}, "/fails", [](const CallContext&, const HttpRequest&) {
      HttpResponse response = HttpResponse::Text(200, "");
      response.stream = [](BodyWriter& out) {
        THANOS_RETURN_IF_ERROR(out.Write("some"));
        return InternalError("source failed");
      };
      return response;
    });
  };
  Start();
  EXPECT_THAT(Get("/fails"), Not(HasSubstr("0\r\n\r\n")));
}

TEST_F(HttpServerTest, RefusesWhatIsTooLarge) {
  options_.body_bytes_max = 100;
  options_.header_bytes_max = 4096;
  Start();
  EXPECT_THAT(Ask("POST /echo HTTP/1.1\r\nContent-Length: 101\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(Ask("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nc8\r\n" +
                  std::string(200, 'x') + "\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(Get("/echo", "X: " + std::string(5000, 'x') + "\r\n"), StartsWith("HTTP/1.1 431"));
}

TEST_F(HttpServerTest, RefusesALongTargetAndManyFields) {
  Start();
  EXPECT_THAT(Get("/echo?" + std::string(9000, 'x')), StartsWith("HTTP/1.1 414"));
  std::string fields;
  for (int i = 0; i < 101; ++i) fields += "X-" + std::to_string(i) + ": 1\r\n";
  EXPECT_THAT(Get("/echo", fields), StartsWith("HTTP/1.1 431"));
}

TEST_F(HttpServerTest, RefusesSmuggling) {
  Start();
  for (const char* request :
       {"POST /echo HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST /echo HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc",
        "GET /echo HTTP/1.1\r\nHost : x\r\n\r\n", "GET /echo HTTP/3.0\r\n\r\n",
        "nonsense\r\n\r\n"}) {
    EXPECT_THAT(Ask(request),
                ::testing::AnyOf(StartsWith("HTTP/1.1 400"), StartsWith("HTTP/1.1 505")))
        << request;
  }
}

TEST_F(HttpServerTest, AnswersExpectContinue) {
  Start();
  RawClient client(server_->port());
  client.Send(
      "POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
      "Connection: close\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("ab");
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, HalfAHeaderIsClosedInTime) {
  options_.header_timeout = std::chrono::milliseconds(50);
  Start();
  RawClient client(server_->port());
  client.Send("GET /echo HTTP/1.1\r\nHos");
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_TRUE(client.at_end());
}

TEST_F(HttpServerTest, CancelsTheHandlerWhenTheClientLeaves) {
  std::promise<void> entered, cancelled;
  add_routes_ = [&](HttpServer& server) {
    server.Handle({"GET"}, "/wait", [&](const CallContext& context, const HttpRequest&) {
      std::promise<void> gone;
      const auto registration = context.OnCancel([&] { gone.set_value(); });
      entered.set_value();
      gone.get_future().wait();
      cancelled.set_value();
      return HttpResponse::Text(200, "");
    });
  };
  Start();
  RawClient client(server_->port());
  client.Send("GET /wait HTTP/1.1\r\n\r\n");
  entered.get_future().wait();
  const auto left = std::chrono::steady_clock::now();
  client.Close();
  ASSERT_EQ(cancelled.get_future().wait_for(kLong), std::future_status::ready);
  EXPECT_LT(std::chrono::steady_clock::now() - left, std::chrono::milliseconds(100));
}

TEST_F(HttpServerTest, ASlowReaderIsDropped) {
  options_.write_timeout = std::chrono::milliseconds(100);
  options_.out_bytes_max = 64 << 10;
  std::promise<Status> ended;
  add_routes_ = [&](HttpServer& server) {
    server.Handle({"GET"}, "/flood", [&](const CallContext&, const HttpRequest&) {
      HttpResponse response = HttpResponse::Text(200, "");
      response.stream = [&](BodyWriter& out) {
        const std::string piece(64 << 10, 'x');
        for (;;) {
          if (Status status = out.Write(piece); !status.ok()) {
            ended.set_value(status);
            return status;
          }
        }
      };
      return response;
    });
  };
  Start();
  RawClient client(server_->port());
  client.Send("GET /flood HTTP/1.1\r\n\r\n");
  auto future = ended.get_future();
  ASSERT_EQ(future.wait_for(kLong), std::future_status::ready);
  EXPECT_THAT(future.get(), thanos::testing::StatusIs(StatusCode::kCancelled));
}

TEST_F(HttpServerTest, ProbesAnswerWhileAllHandlersAreBusy) {
  options_.handler_threads = 1;
  options_.waiting_requests_max = 1;
  std::promise<void> release;
  std::shared_future<void> released(release.get_future());
  std::promise<void> entered;
  add_routes_ = [&](HttpServer& server) {
    server.Handle({"GET"}, "/busy", [&](const CallContext&, const HttpRequest&) {
      entered.set_value();
      released.wait();
      return HttpResponse::Text(200, "done");
    });
  };
  Start();
  RawClient busy(server_->port()), waiting(server_->port());
  busy.Send("GET /busy HTTP/1.1\r\nConnection: close\r\n\r\n");
  entered.get_future().wait();
  waiting.Send("GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(Get("/-/healthy"), EndsWith("\r\n\r\nOK"));
  // The queue holds one: of this and the waiting one, one is refused.
  EXPECT_THAT(Get("/-/healthy"), StartsWith("HTTP/1.1 200"));
  release.set_value();
  EXPECT_THAT(busy.ReadToEnd(), EndsWith("done"));
  EXPECT_THAT(waiting.ReadToEnd(), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, StopLetsARequestEnd) {
  std::promise<void> release, entered;
  std::shared_future<void> released(release.get_future());
  add_routes_ = [&](HttpServer& server) {
    server.Handle({"GET"}, "/slow", [&](const CallContext&, const HttpRequest&) {
      entered.set_value();
      released.wait();
      return HttpResponse::Text(200, "whole");
    });
  };
  Start();
  RawClient client(server_->port()), idle(server_->port());
  client.Send("GET /slow HTTP/1.1\r\n\r\n");
  entered.get_future().wait();
  auto stopped = std::async(std::launch::async, [&] { server_->Stop(kLong); });
  EXPECT_EQ(idle.ReadToEnd(), "");  // Idle connections are closed at once.
  release.set_value();
  EXPECT_THAT(client.ReadToEnd(), EndsWith("whole"));
  ASSERT_EQ(stopped.wait_for(kLong), std::future_status::ready);
  EXPECT_FALSE(RawClient(server_->port()).connected());
}

TEST_F(HttpServerTest, StopWithoutGraceCancels) {
  std::promise<void> entered;
  add_routes_ = [&](HttpServer& server) {
    server.Handle({"GET"}, "/stuck", [&](const CallContext& context, const HttpRequest&) {
      std::promise<void> gone;
      const auto registration = context.OnCancel([&] { gone.set_value(); });
      entered.set_value();
      gone.get_future().wait();
      return HttpResponse::Text(200, "");
    });
  };
  Start();
  RawClient client(server_->port());
  client.Send("GET /stuck HTTP/1.1\r\n\r\n");
  entered.get_future().wait();
  server_->Stop(std::chrono::nanoseconds(0));
  EXPECT_THAT(client.ReadToEnd(), "");
}

TEST_F(HttpServerTest, AHandlerThatThrowsIsA500) {
  add_routes_ = [](HttpServer& server) {
    server.Handle({"GET"}, "/throws", [](const CallContext&, const HttpRequest&) -> HttpResponse {
      throw std::runtime_error("bug");
    });
    server.Handle({"GET"}, "/greedy", [](const CallContext&, const HttpRequest&) -> HttpResponse {
      throw std::bad_alloc();
    });
  };
  Start();
  EXPECT_THAT(Get("/throws"), StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(Get("/greedy"), StartsWith("HTTP/1.1 503"));
}

TEST_F(HttpServerTest, AnIdleConnectionMakesRoomForANewOne) {
  options_.connections_max = 2;
  std::promise<void> entered, release;
  add_routes_ = [&](HttpServer& server) {
    server.Handle({"GET"}, "/slow", [&](const CallContext&, const HttpRequest&) {
      entered.set_value();
      release.get_future().wait();
      return HttpResponse::Text(200, "slow");
    });
  };
  Start();
  RawClient busy(server_->port());
  busy.Send("GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  entered.get_future().wait();
  RawClient idle(server_->port());
  idle.Send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(idle.ReadUntil("GET /echo"), HasSubstr("200 OK"));
  EXPECT_EQ(server_->connections().open, 2u);
  // In the place of the idle one, once the server knows that its answer went out.
  std::string answer;
  for (int i = 0; i < 2000 && answer.empty(); ++i) {
    answer = Get("/echo");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  idle.ReadToEnd();
  EXPECT_TRUE(idle.at_end());
  EXPECT_GE(server_->connections().turned_away, 1u);
  release.set_value();
  EXPECT_THAT(busy.ReadToEnd(), EndsWith("slow"));  // The busy one is never touched.
}

TEST_F(HttpServerTest, OtherSitesMayNotChangeAnything) {
  add_routes_ = [](HttpServer& server) {
    server.Handle(
        {"POST"}, "/-/change",
        [](const CallContext&, const HttpRequest&) { return HttpResponse::Text(200, "done"); },
        {.mutating = true});
  };
  Start();
  const auto post = [&](const std::string& headers) {
    return Ask("POST /-/change HTTP/1.1\r\nHost: own:9090\r\nConnection: close\r\n" + headers +
               "Content-Length: 0\r\n\r\n");
  };
  for (const char* allowed : {"", "Origin: http://own:9090\r\n", "Sec-Fetch-Site: same-origin\r\n",
                              "Sec-Fetch-Site: none\r\nOrigin: null\r\n"}) {
    EXPECT_THAT(post(allowed), StartsWith("HTTP/1.1 200")) << allowed;
  }
  for (const char* refused : {"Origin: http://other\r\n", "Origin: null\r\n",
                              "Origin: http://own:9091\r\n", "Sec-Fetch-Site: cross-site\r\n",
                              "Sec-Fetch-Site: same-site\r\nOrigin: http://own:9090\r\n"}) {
    EXPECT_THAT(post(refused), StartsWith("HTTP/1.1 403")) << refused;
  }
}

TEST_F(HttpServerTest, ABodyAboveTheBudgetIsRefused) {
  options_.context = CallContext().WithBudget(Budget::Make("http", 10, "some.flag"));
  Start();
  EXPECT_THAT(
      Ask("POST /echo HTTP/1.1\r\nConnection: close\r\nContent-Length: 11\r\n\r\n12345678901"),
      StartsWith("HTTP/1.1 429"));
  EXPECT_THAT(
      Ask("POST /echo HTTP/1.1\r\nConnection: close\r\nContent-Length: 10\r\n\r\n1234567890"),
      StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get("/echo"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, AnAddressThatIsTakenIsNamed) {
  Start();
  HttpServerOptions options;
  options.address = server_->address();
  HttpServer second(options);
  EXPECT_THAT(second.Start(),
              thanos::testing::StatusIs(StatusCode::kUnavailable, HasSubstr(server_->address())));
}

TEST_F(HttpServerTest, RecoversFromDescriptorExhaustion) {
  Start();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  // Clients first, then a limit that leaves room for a few of the server's ends only.
  const int next = ::open("/dev/null", O_RDONLY);
  ::close(next);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(std::make_unique<RawClient>(server_->port()));
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(next + 20);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  size_t closed = 0;
  for (int i = 0; i < 60; ++i) {
    clients.push_back(std::make_unique<RawClient>(server_->port()));
    if (!clients.back()->connected()) {
      ++closed;
      clients.pop_back();
    }
  }
  EXPECT_GT(closed, 0u);
  clients.clear();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(Get("/-/healthy"), EndsWith("OK"));
}

}  // namespace
}  // namespace thanos::net
