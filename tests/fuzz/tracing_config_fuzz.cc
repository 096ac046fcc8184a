// Any text gives a configuration of traces or request logs, or a refusal; so does any answer of a
// collector.
#include <cstdint>
#include <string_view>

#include "requestlog/config.h"
#include "tracing/config.h"
#include "tracing/otlp.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)tracing::ParseConfig(text).ok();
  (void)requestlog::ParseConfig(text).ok();
  (void)tracing::CheckOtlpAnswer(text).ok();
  return 0;
}
