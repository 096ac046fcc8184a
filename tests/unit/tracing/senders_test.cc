// What goes over the wire, and the way there.
#include <condition_variable>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "codec/compression.h"
#include "net/http_server.h"
#include "thanos/testing/status_matchers.h"
#include "tracing/elastic.h"
#include "tracing/jaeger.h"
#include "tracing/otlp.h"
#include "wire/proto_reader.h"

namespace thanos::tracing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using thanos::testing::StatusIs;

SpanRecord Sample() {
  SpanRecord span;
  for (uint8_t i = 0; i < 16; ++i) span.ids.trace[i] = static_cast<uint8_t>(i + 1);
  for (uint8_t i = 0; i < 8; ++i) span.ids.span[i] = static_cast<uint8_t>(0xa0 + i);
  span.ids.sampled = true;
  span.parent[7] = 9;
  span.parent_is_remote = true;
  span.name = "/thanos.Store/Series";
  span.kind = SpanKind::kServer;
  span.start_ns = 1'700'000'000'000'000'000;
  span.end_ns = span.start_ns + 1'500'000;
  span.attributes = {{"text", std::string("a")}, {"n", int64_t{-2}}, {"x", 0.5}, {"yes", true}};
  span.events = {{span.start_ns + 1000, "half way"}};
  span.failed = true;
  span.error = "broken";
  return span;
}

// All fields of a message as "number:value"; messages within are not looked into.
std::vector<std::string> Fields(std::string_view message) {
  wire::ProtoReader reader(message);
  std::vector<std::string> out;
  uint32_t tag = 0;
  while (!reader.AtEnd() && reader.ReadTag(&tag)) {
    std::string text = std::to_string(tag >> 3) + ":";
    uint64_t number = 0;
    std::string_view bytes;
    if ((tag & 7) == 0 && reader.Varint(&number)) {
      text += std::to_string(static_cast<int64_t>(number));
    } else if ((tag & 7) == 1 && reader.Fixed64(&number)) {
      text += std::to_string(number);
    } else if ((tag & 7) == 2 && reader.Bytes(&bytes)) {
      text += bytes;
    } else {
      const char* begin = reader.position();
      reader.Skip(tag);
      text += HexText(reinterpret_cast<const uint8_t*>(begin),
                      static_cast<size_t>(reader.position() - begin));
    }
    out.push_back(std::move(text));
  }
  EXPECT_TRUE(reader.ok()) << reader.error();
  return out;
}

std::vector<std::string> Inner(const std::vector<std::string>& fields, const std::string& number) {
  std::vector<std::string> out;
  for (const std::string& field : fields) {
    if (field.starts_with(number + ":")) out.push_back(field.substr(number.size() + 1));
  }
  return out;
}

TEST(OtlpTest, EncodesResourceScopeAndSpan) {
  const std::string bytes = EncodeOtlp({{"service.name", "query"}}, {Sample()});
  const auto resource_spans = Fields(Inner(Fields(bytes), "1").at(0));
  const auto attribute = Fields(Inner(Fields(Inner(resource_spans, "1").at(0)), "1").at(0));
  EXPECT_THAT(attribute, ElementsAre("1:service.name", "2:" + std::string("\x0a\x05query")));
  const auto scope_spans = Fields(Inner(resource_spans, "2").at(0));
  EXPECT_EQ(Fields(Inner(scope_spans, "1").at(0)).at(0), "1:thanos");
  const auto span = Fields(Inner(scope_spans, "2").at(0));
  EXPECT_EQ(Inner(span, "1").at(0),
            "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10");
  EXPECT_EQ(Inner(span, "2").at(0), "\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7");
  EXPECT_EQ(Inner(span, "4").at(0), std::string("\0\0\0\0\0\0\0\x09", 8));
  EXPECT_EQ(Inner(span, "5").at(0), "/thanos.Store/Series");
  EXPECT_EQ(Inner(span, "6").at(0), "2");
  EXPECT_EQ(Inner(span, "7").at(0), "1700000000000000000");
  EXPECT_EQ(Inner(span, "8").at(0), "1700000000001500000");
  const auto attributes = Inner(span, "9");
  ASSERT_THAT(attributes, SizeIs(4));
  EXPECT_EQ(Fields(Inner(Fields(attributes[1]), "2").at(0)).at(0), "3:-2");
  EXPECT_EQ(Fields(Inner(Fields(attributes[3]), "2").at(0)).at(0), "2:1");
  EXPECT_THAT(Fields(Inner(span, "11").at(0)), ElementsAre("1:1700000000000001000", "2:half way"));
  EXPECT_THAT(Fields(Inner(span, "15").at(0)), ElementsAre("2:broken", "3:2"));
  EXPECT_EQ(Inner(span, "16").at(0), "01030000");
}

TEST(OtlpTest, AnAnswerMaySayThatSpansWereRejected) {
  THANOS_EXPECT_OK(CheckOtlpAnswer(""));
  THANOS_EXPECT_OK(CheckOtlpAnswer("not protobuf at all"));
  THANOS_EXPECT_OK(CheckOtlpAnswer(std::string("\x0a\x00", 2)));
  EXPECT_THAT(CheckOtlpAnswer("\x0a\x06\x08\x05\x12\x02no"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("5 spans: no")));
}

// A collector that remembers one request and answers with a status.
class CollectorTest : public ::testing::Test {
 protected:
  void Start(int status, std::string body = "") {
    server_ = std::make_unique<net::HttpServer>(net::HttpServerOptions());
    server_->HandleNotFound([this, status, body](const CallContext&, const net::HttpRequest& r) {
      request_ = r;
      return net::HttpResponse::Text(status, body);
    });
    THANOS_ASSERT_OK(server_->Start());
  }
  Status SendOtlp(OtlpConfig config) {
    config.endpoint = server_->address();
    config.url_path = "/v1/traces";
    config.insecure = true;
    auto sender = MakeOtlpHttpSender(config, {{"service.name", "query"}});
    if (!sender.ok()) return sender.status();
    return (*sender)->Send(CallContext(), {Sample()});
  }

  std::unique_ptr<net::HttpServer> server_;
  net::HttpRequest request_;
};

TEST_F(CollectorTest, OtlpGoesByPostWithTheHeadersAsked) {
  Start(200);
  THANOS_ASSERT_OK(SendOtlp({.headers = {{"x-key", "abc"}}}));
  EXPECT_EQ(request_.method, "POST");
  EXPECT_EQ(request_.path, "/v1/traces");
  EXPECT_EQ(request_.headers.Get("x-key"), "abc");
  EXPECT_EQ(request_.headers.Get("Content-Type"), "application/x-protobuf");
  EXPECT_FALSE(request_.headers.Has("Content-Encoding"));
  EXPECT_EQ(request_.body, EncodeOtlp({{"service.name", "query"}}, {Sample()}));
}

TEST_F(CollectorTest, OtlpPacksWithGzip) {
  Start(202);
  THANOS_ASSERT_OK(SendOtlp({.gzip = true}));
  EXPECT_EQ(request_.headers.Get("Content-Encoding"), "gzip");
  const auto body = codec::GzipDecompress(request_.body, 1 << 20);
  THANOS_ASSERT_OK(body);
  EXPECT_EQ(*body, EncodeOtlp({{"service.name", "query"}}, {Sample()}));
}

TEST_F(CollectorTest, StatusesSayWhetherToTryAgain) {
  Start(503, "busy");
  EXPECT_THAT(SendOtlp({}), StatusIs(StatusCode::kUnavailable, HasSubstr("503: busy")));
  Start(429);
  EXPECT_THAT(SendOtlp({}), StatusIs(StatusCode::kUnavailable, HasSubstr("429")));
  Start(400, "bad");
  EXPECT_THAT(SendOtlp({}), StatusIs(StatusCode::kInvalidArgument, HasSubstr("400: bad")));
}

TEST_F(CollectorTest, JaegersCollectorGetsBinaryThrift) {
  Start(202);
  Config config;
  config.service_name = "query";
  config.jaeger.collector_url = "http://" + server_->address() + "/api/traces";
  config.jaeger.user = "u";
  config.jaeger.password = "p";
  auto sender = MakeJaegerSender(config);
  THANOS_ASSERT_OK(sender);
  THANOS_ASSERT_OK((*sender)->Send(CallContext(), {Sample()}));
  EXPECT_EQ(request_.path, "/api/traces");
  EXPECT_EQ(request_.headers.Get("Content-Type"), "application/x-thrift");
  EXPECT_EQ(request_.headers.Get("Authorization"), "Basic dTpw");
  EXPECT_EQ(request_.body,
            EncodeJaeger(ThriftEncoding::kBinary, "query", {}, std::vector<SpanRecord>{Sample()}));
}

TEST_F(CollectorTest, ElasticGetsLines) {
  Start(202);
  Config config;
  config.service_name = "query";
  config.elastic.server_url = "http://" + server_->address();
  config.elastic.secret_token = "t";
  auto sender = MakeElasticSender(config);
  THANOS_ASSERT_OK(sender);
  THANOS_ASSERT_OK((*sender)->Send(CallContext(), {Sample()}));
  EXPECT_EQ(request_.path, "/intake/v2/events");
  EXPECT_EQ(request_.headers.Get("Authorization"), "Bearer t");
  EXPECT_EQ(request_.body, EncodeElastic(config, {Sample()}));
}

TEST(ElasticTest, ServersAreTransactionsOthersSpans) {
  Config config;
  config.service_name = "query";
  config.elastic.environment = "test";
  SpanRecord inner = Sample();
  inner.kind = SpanKind::kInternal;
  inner.failed = false;
  const std::string text = EncodeElastic(config, {Sample(), inner});
  std::vector<nlohmann::json> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    lines.push_back(nlohmann::json::parse(text.substr(at, end - at)));
    at = end + 1;
  }
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_EQ(lines[0]["metadata"]["service"]["name"], "query");
  EXPECT_EQ(lines[0]["metadata"]["service"]["environment"], "test");
  EXPECT_EQ(lines[0]["metadata"]["service"]["agent"]["name"], "thanos");
  const auto& transaction = lines[1]["transaction"];
  EXPECT_EQ(transaction["id"], "a0a1a2a3a4a5a6a7");
  EXPECT_EQ(transaction["trace_id"], "0102030405060708090a0b0c0d0e0f10");
  EXPECT_EQ(transaction["parent_id"], "0000000000000009");
  EXPECT_EQ(transaction["duration"], 1.5);
  EXPECT_EQ(transaction["timestamp"], 1'700'000'000'000'000);
  EXPECT_EQ(transaction["outcome"], "failure");
  EXPECT_EQ(transaction["context"]["tags"]["n"], -2);
  EXPECT_EQ(transaction["context"]["tags"]["yes"], true);
  EXPECT_EQ(lines[2]["span"]["outcome"], "success");
  EXPECT_EQ(lines[2]["span"]["type"], "app");
}

// The bytes are spelled out: there is no reader of Thrift here.
TEST(ThriftWriterTest, BinaryFields) {
  ThriftWriter out(ThriftEncoding::kBinary);
  out.I32(2, -1);
  out.I64(3, 258);
  out.Bool(4, true);
  out.Double(5, 0.5);
  out.Text(6, "ab");
  out.BeginStruct(7);
  out.EndStruct();
  out.StructList(8, 2);
  const std::string bytes = out.Take();
  EXPECT_EQ(HexText(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()),
            "080002ffffffff"
            "0a00030000000000000102"
            "02000401"
            "0400053fe0000000000000"
            "0b0006000000026162"
            "0c000700"
            "0f00080c00000002");
}

TEST(ThriftWriterTest, CompactFieldsAreStepsBetweenIds) {
  ThriftWriter out(ThriftEncoding::kCompact);
  out.OnewayCall("go");
  out.I32(2, -1);
  out.I64(3, 258);
  out.Bool(4, true);
  out.Bool(5, false);
  out.Double(6, 0.5);
  out.Text(7, "ab");
  out.BeginStruct(8);
  out.I32(1, 1);
  out.EndStruct();
  out.StructList(9, 2);
  out.I32(40, 1);
  out.StructList(41, 15);
  const std::string bytes = out.Take();
  EXPECT_EQ(HexText(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()),
            "8281"
            "00"
            "02676f"
            "2501"
            "168404"
            "11"
            "12"
            "17000000000000e03f"
            "18026162"
            "1c"
            "1502"
            "00"
            "192c"
            "055002"
            "19fc0f");
}

// A socket where an agent would be.
class AgentTest : public ::testing::Test {
 protected:
  AgentTest() : fd_(::socket(AF_INET, SOCK_DGRAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    const timeval patience{20, 0};
    EXPECT_EQ(::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    config_.service_name = "query";
    config_.jaeger.agent_host = "127.0.0.1";
    config_.jaeger.agent_port = ntohs(address.sin_port);
    auto sender = MakeJaegerSender(config_);
    EXPECT_TRUE(sender.ok());
    sender_ = std::move(*sender);
  }
  ~AgentTest() override { ::close(fd_); }
  std::string Packet() {
    std::string packet(1 << 16, '\0');
    const ssize_t size = ::recv(fd_, packet.data(), packet.size(), 0);
    packet.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
    return packet;
  }

  const int fd_;
  Config config_;
  std::unique_ptr<SpanSender> sender_;
};

TEST_F(AgentTest, GetsOneCallAPacket) {
  THANOS_ASSERT_OK(sender_->Send(CallContext(), {Sample()}));
  const std::string packet = Packet();
  EXPECT_EQ(packet,
            EncodeJaeger(ThriftEncoding::kCompact, "query", {}, std::vector<SpanRecord>{Sample()}));
  EXPECT_EQ(packet.substr(0, 13), std::string("\x82\x81\x00\x09"
                                              "emitBatch",
                                              13));
}

TEST_F(AgentTest, LargeBatchesAreSplit) {
  SpanRecord large = Sample();
  large.attributes = {{"a", std::string(16000, 'x')}};
  const std::vector<SpanRecord> spans(7, large);
  THANOS_ASSERT_OK(sender_->Send(CallContext(), spans));
  const std::span<const SpanRecord> all(spans);
  EXPECT_EQ(Packet(), EncodeJaeger(ThriftEncoding::kCompact, "query", {}, all.first(3)));
  EXPECT_EQ(Packet(), EncodeJaeger(ThriftEncoding::kCompact, "query", {}, all.first(4)));
}

TEST_F(AgentTest, ASpanLargerThanAPacketIsRefused) {
  SpanRecord large = Sample();
  for (int i = 0; i < 5; ++i) large.attributes.emplace_back("a", std::string(16000, 'x'));
  EXPECT_THAT(sender_->Send(CallContext(), {large}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("does not fit")));
}

}  // namespace
}  // namespace thanos::tracing
