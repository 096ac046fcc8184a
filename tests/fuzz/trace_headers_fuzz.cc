// Any header gives a span's ids or none; what is written of them reads the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tracing/propagation.h"

using namespace thanos::tracing;  // NOLINT: a fuzz target is a program of its own.

namespace {

void CheckSame(const SpanIds& a, const SpanIds& b) {
  if (a.trace != b.trace || a.span != b.span || a.sampled != b.sampled) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto ids = ParseTraceParent(text)) {
    CheckSame(*ids, ParseTraceParent(FormatTraceParent(*ids)).value());
  }
  if (const auto ids = ParseUberTraceId(text)) {
    const SpanIds again = ParseUberTraceId(FormatUberTraceId(*ids)).value();
    CheckSame(*ids, again);
    if (ids->forced != again.forced) std::abort();
  }
  const auto parent = ExtractParent([text](std::string_view) { return text; });
  if (parent && (parent->trace == TraceId{} || parent->span == SpanId{})) std::abort();
  return 0;
}
