// How a trace travels from process to process: the headers traceparent (W3C) and uber-trace-id
// (Jaeger), over HTTP and as gRPC metadata alike.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "thanos/trace.h"

namespace thanos::tracing {

using TraceId = std::array<uint8_t, 16>;
using SpanId = std::array<uint8_t, 8>;

/// What names a span to another process. Neither id is all zero.
struct SpanIds {
  TraceId trace{};
  SpanId span{};
  bool sampled = false;
  bool forced = false;  // uber-trace-id's debug flag: to be recorded whatever the sampler says.
};

inline constexpr std::string_view kTraceParent = "traceparent";
inline constexpr std::string_view kUberTraceId = "uber-trace-id";

/// "00-<32 hex>-<16 hex>-<2 hex>"; later versions may have more behind. Nothing when malformed.
std::optional<SpanIds> ParseTraceParent(std::string_view text);
std::string FormatTraceParent(const SpanIds& ids);

/// "<trace>:<span>:<parent>:<flags>", hexadecimal without leading zeroes perhaps; the colons may
/// come as %3A. Nothing when malformed.
std::optional<SpanIds> ParseUberTraceId(std::string_view text);
std::string FormatUberTraceId(const SpanIds& ids);

/// The caller's span, traceparent first; that it is forced may stand in uber-trace-id beside it.
/// Nothing when no header can be read: a new trace begins.
std::optional<SpanIds> ExtractParent(const HeaderLookup& headers);

std::string HexText(const uint8_t* bytes, size_t size);

}  // namespace thanos::tracing
