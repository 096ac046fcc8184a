#include "tracing/jaeger.h"

#include <cerrno>
#include <cstring>

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http_client.h"
#include "tracing/http_post.h"

namespace thanos::tracing {
namespace {

// What an agent takes in one packet.
constexpr size_t kPacketBytesMax = 65000;

int64_t Number(const uint8_t* bytes) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
  return static_cast<int64_t>(value);
}

// Tag: 1 key, 2 type (0 string, 1 double, 2 bool, 3 long), 3 to 6 the value.
void WriteTag(std::string_view key, const TraceValue& value, ThriftWriter* out) {
  out->BeginElement();
  out->Text(1, key);
  if (const auto* text = std::get_if<std::string>(&value)) {
    out->I32(2, 0);
    out->Text(3, *text);
  } else if (const auto* real = std::get_if<double>(&value)) {
    out->I32(2, 1);
    out->Double(4, *real);
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    out->I32(2, 2);
    out->Bool(5, *flag);
  } else {
    out->I32(2, 3);
    out->I64(6, std::get<int64_t>(value));
  }
  out->EndStruct();
}

void WriteTags(int16_t id, const std::vector<std::pair<std::string, TraceValue>>& tags,
               ThriftWriter* out) {
  if (tags.empty()) return;
  out->StructList(id, tags.size());
  for (const auto& [key, value] : tags) WriteTag(key, value, out);
}

std::vector<std::pair<std::string, TraceValue>> TagsOf(const SpanRecord& span) {
  auto tags = span.attributes;
  if (span.kind == SpanKind::kServer) tags.emplace_back("span.kind", std::string("server"));
  if (span.kind == SpanKind::kClient) tags.emplace_back("span.kind", std::string("client"));
  if (span.failed) {
    tags.emplace_back("error", true);
    tags.emplace_back("otel.status_code", std::string("ERROR"));
    tags.emplace_back("otel.status_description", span.error);
  }
  return tags;
}

// Span: 1, 2 trace id (low, high), 3 id, 4 parent, 5 name, 7 flags, 8 start µs, 9 duration µs,
// 10 tags, 11 logs (1 time µs, 2 fields).
void WriteSpan(const SpanRecord& span, ThriftWriter* out) {
  out->BeginElement();
  out->I64(1, Number(span.ids.trace.data() + 8));
  out->I64(2, Number(span.ids.trace.data()));
  out->I64(3, Number(span.ids.span.data()));
  out->I64(4, Number(span.parent.data()));
  out->Text(5, span.name);
  out->I32(7, span.ids.forced ? 3 : 1);
  out->I64(8, span.start_ns / 1000);
  out->I64(9, (span.end_ns - span.start_ns) / 1000);
  WriteTags(10, TagsOf(span), out);
  if (!span.events.empty()) {
    out->StructList(11, span.events.size());
    for (const SpanEvent& event : span.events) {
      out->BeginElement();
      out->I64(1, event.time_ns / 1000);
      WriteTags(2, {{"event", event.name}}, out);
      out->EndStruct();
    }
  }
  out->EndStruct();
}

class CollectorSender : public SpanSender {
 public:
  CollectorSender(const Config& config, std::shared_ptr<net::HttpClient> client)
      : url_(config.jaeger.collector_url),
        service_(config.service_name),
        tags_(config.resource),
        client_(std::move(client)) {}

  Status Send(const CallContext& context, const std::vector<SpanRecord>& spans) override {
    net::ClientRequest request;
    request.url = url_;
    request.headers.Add("Content-Type", "application/x-thrift");
    request.body = EncodeJaeger(ThriftEncoding::kBinary, service_, tags_, spans);
    return PostSpans(*client_, context, std::move(request)).status();
  }

 private:
  const std::string url_, service_;
  const TextPairs tags_;
  const std::shared_ptr<net::HttpClient> client_;
};

// The name is looked up at each batch: the agent may move. Sends do not block.
class AgentSender : public SpanSender {
 public:
  explicit AgentSender(const Config& config)
      : host_(config.jaeger.agent_host),
        port_(std::to_string(config.jaeger.agent_port)),
        service_(config.service_name),
        tags_(config.resource) {}

  Status Send(const CallContext& context, const std::vector<SpanRecord>& spans) override {
    THANOS_RETURN_IF_ERROR(context.Check());
    THANOS_ASSIGN_OR_RETURN(const int fd, Connect());
    Status status = SendParts(fd, spans);
    ::close(fd);
    return status;
  }

 private:
  Result<int> Connect() const {
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    if (const int code = ::getaddrinfo(host_.c_str(), port_.c_str(), &hints, &found); code != 0) {
      return UnavailableError("look up " + host_ + ": " + gai_strerror(code));
    }
    int fd = -1, error = 0;
    for (const addrinfo* at = found; at != nullptr && fd < 0; at = at->ai_next) {
      fd = ::socket(at->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);
      if (fd >= 0 && ::connect(fd, at->ai_addr, at->ai_addrlen) == 0) break;
      error = errno;
      if (fd >= 0) ::close(fd);
      fd = -1;
    }
    ::freeaddrinfo(found);
    if (fd < 0) return ErrnoError(error, "connect to " + host_ + ":" + port_);
    return fd;
  }

  // In halves until a part fits into a packet.
  Status SendParts(int fd, std::span<const SpanRecord> spans) const {
    const std::string packet = EncodeJaeger(ThriftEncoding::kCompact, service_, tags_, spans);
    if (packet.size() > kPacketBytesMax) {
      if (spans.size() == 1) {
        return InvalidArgumentError("span " + spans[0].name + " of " +
                                    std::to_string(packet.size()) +
                                    " bytes does not fit into a packet to the agent");
      }
      const size_t half = spans.size() / 2;
      THANOS_RETURN_IF_ERROR(SendParts(fd, spans.first(half)));
      return SendParts(fd, spans.subspan(half));
    }
    if (::send(fd, packet.data(), packet.size(), 0) < 0) {
      // A refusal is of the packet before; agents come back.
      return UnavailableError("send to agent " + host_ + ":" + port_ + ": " + strerror(errno));
    }
    return OkStatus();
  }

  const std::string host_, port_, service_;
  const TextPairs tags_;
};

}  // namespace

// Batch: 1 Process (1 service, 2 tags), 2 spans.
std::string EncodeJaeger(ThriftEncoding encoding, const std::string& service, const TextPairs& tags,
                         std::span<const SpanRecord> spans) {
  ThriftWriter out(encoding);
  const bool call = encoding == ThriftEncoding::kCompact;
  if (call) {
    out.OnewayCall("emitBatch");
    out.BeginStruct(1);
  }
  out.BeginStruct(1);
  out.Text(1, service);
  std::vector<std::pair<std::string, TraceValue>> values;
  for (const auto& [key, value] : tags) values.emplace_back(key, value);
  WriteTags(2, values, &out);
  out.EndStruct();
  out.StructList(2, spans.size());
  for (const SpanRecord& span : spans) WriteSpan(span, &out);
  out.EndStruct();
  if (call) out.EndStruct();
  return out.Take();
}

Result<std::unique_ptr<SpanSender>> MakeJaegerSender(const Config& config) {
  if (config.jaeger.collector_url.empty()) {
    return std::unique_ptr<SpanSender>(std::make_unique<AgentSender>(config));
  }
  net::HttpClientOptions options;
  options.basic_user = config.jaeger.user;
  options.basic_password = config.jaeger.password;
  THANOS_ASSIGN_OR_RETURN(auto client, net::HttpClient::Make(std::move(options)));
  return std::unique_ptr<SpanSender>(std::make_unique<CollectorSender>(config, std::move(client)));
}

}  // namespace thanos::tracing
