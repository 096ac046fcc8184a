// Any text gives a number of rules or errors that say what is wrong.
#include <cstdint>
#include <string_view>

#include "tools/rule_file.h"
#include "tools/template_syntax.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto check = tools::CheckRuleFile(text);
  for (const std::string& error : check.errors) {
    if (error.empty()) __builtin_trap();
  }
  const Status status = tools::CheckAlertTemplate(text);
  if (!status.ok() && status.message().empty()) __builtin_trap();
  return 0;
}
