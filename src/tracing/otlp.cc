#include "tracing/otlp.h"

#include "codec/proto_writer.h"
#include "thanos/version.h"
#include "wire/proto_reader.h"

namespace thanos::tracing {
namespace {

using codec::ProtoWriter;

std::string_view BytesOf(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// KeyValue: 1 key, 2 AnyValue (1 string, 2 bool, 3 int, 4 double).
ProtoWriter Attribute(std::string_view key, const TraceValue& value) {
  ProtoWriter any;
  if (const auto* text = std::get_if<std::string>(&value)) {
    any.BytesAlways(1, *text);
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    any.VarintAlways(2, *flag ? 1 : 0);
  } else if (const auto* number = std::get_if<int64_t>(&value)) {
    any.VarintAlways(3, static_cast<uint64_t>(*number));
  } else {
    any.DoubleAlways(4, std::get<double>(value));
  }
  ProtoWriter out;
  out.Bytes(1, key);
  out.Message(2, any);
  return out;
}

uint64_t KindNumber(SpanKind kind) {
  switch (kind) {
    case SpanKind::kInternal:
      return 1;
    case SpanKind::kServer:
      return 2;
    case SpanKind::kClient:
      return 3;
  }
  return 0;
}

// W3C's trace flags, and whether the parent is known to be of another process.
uint32_t FlagsOf(const SpanRecord& span) {
  constexpr uint32_t kSampled = 1, kHasIsRemote = 0x100, kIsRemote = 0x200;
  return kSampled | kHasIsRemote | (span.parent_is_remote ? kIsRemote : 0);
}

ProtoWriter Encode(const SpanRecord& span) {
  ProtoWriter out;
  out.Bytes(1, BytesOf(span.ids.trace.data(), span.ids.trace.size()));
  out.Bytes(2, BytesOf(span.ids.span.data(), span.ids.span.size()));
  if (span.has_parent()) out.Bytes(4, BytesOf(span.parent.data(), span.parent.size()));
  out.Bytes(5, span.name);
  out.Varint(6, KindNumber(span.kind));
  out.Fixed64(7, static_cast<uint64_t>(span.start_ns));
  out.Fixed64(8, static_cast<uint64_t>(span.end_ns));
  for (const auto& [key, value] : span.attributes) out.Message(9, Attribute(key, value));
  out.Varint(10, span.attributes_dropped);
  for (const SpanEvent& event : span.events) {
    ProtoWriter inner;
    inner.Fixed64(1, static_cast<uint64_t>(event.time_ns));
    inner.Bytes(2, event.name);
    out.Message(11, inner);
  }
  out.Varint(12, span.events_dropped);
  if (span.failed) {
    ProtoWriter status;
    status.Bytes(2, span.error);
    status.Varint(3, 2);  // STATUS_CODE_ERROR
    out.Message(15, status);
  }
  out.Fixed32(16, FlagsOf(span));
  return out;
}

// ExportTracePartialSuccess: 1 rejected spans, 2 why.
struct PartialSuccess {
  uint64_t rejected = 0;
  std::string_view why;
};

bool ReadPartialSuccess(std::string_view bytes, PartialSuccess* out) {
  wire::ProtoReader reader(bytes);
  uint32_t tag = 0;
  while (!reader.AtEnd() && reader.ReadTag(&tag)) {
    if (tag == wire::Tag(1, wire::WireType::kVarint)) {
      reader.Varint(&out->rejected);
    } else if (tag == wire::Tag(2, wire::WireType::kBytes)) {
      reader.Bytes(&out->why);
    } else {
      reader.Skip(tag);
    }
  }
  return reader.ok();
}

}  // namespace

// ExportTraceServiceResponse: 1 partial success. An answer that cannot be read is of no interest:
// its status said that the spans were taken.
Status CheckOtlpAnswer(std::string_view answer) {
  wire::ProtoReader reader(answer);
  PartialSuccess partial;
  uint32_t tag = 0;
  while (!reader.AtEnd() && reader.ReadTag(&tag)) {
    std::string_view bytes;
    if (tag != wire::Tag(1, wire::WireType::kBytes)) {
      reader.Skip(tag);
    } else if (reader.Bytes(&bytes) && !ReadPartialSuccess(bytes, &partial)) {
      return OkStatus();
    }
  }
  if (!reader.ok() || partial.rejected == 0) return OkStatus();
  return InvalidArgumentError("the collector rejected " + std::to_string(partial.rejected) +
                              " spans: " + std::string(partial.why.substr(0, 200)));
}

// ExportTraceServiceRequest: 1 ResourceSpans (1 Resource, 2 ScopeSpans (1 scope, 2 spans)).
std::string EncodeOtlp(const TextPairs& resource, const std::vector<SpanRecord>& spans) {
  ProtoWriter attributes;
  for (const auto& [key, value] : resource) attributes.Message(1, Attribute(key, value));
  ProtoWriter scope;
  scope.Bytes(1, "thanos");
  scope.Bytes(2, kVersion);
  ProtoWriter scope_spans;
  scope_spans.Message(1, scope);
  for (const SpanRecord& span : spans) scope_spans.Message(2, Encode(span));
  ProtoWriter resource_spans;
  resource_spans.Message(1, attributes);
  resource_spans.Message(2, scope_spans);
  ProtoWriter request;
  request.Message(1, resource_spans);
  return request.Take();
}

}  // namespace thanos::tracing
