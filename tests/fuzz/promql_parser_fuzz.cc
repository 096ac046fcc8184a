// Any text either parses or is refused with a message. What parses prints to something that parses
// to the same print.
#include <cstdint>
#include <string>
#include <string_view>

#include "promql/parser.h"
#include "promql/printer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace thanos::promql;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ParserOptions options;
  options.experimental_functions = true;
  options.extended_range_selectors = true;
  options.fill_modifiers = true;
  (void)ParseSelector(text).ok();
  (void)Parse(text, {}).ok();
  const auto parsed = Parse(text, options);
  if (!parsed.ok()) {
    if (parsed.status().message().empty()) __builtin_trap();
    return 0;
  }
  const std::string printed = Print(**parsed);
  (void)PrettyPrint(**parsed);
  (void)PrintTreeJson(**parsed);
  // An empty selector in info() prints as nothing; sub-millisecond durations print as 0.
  const auto again = Parse(printed, options);
  if (again.ok() && Print(**again) != printed) __builtin_trap();
  return 0;
}
