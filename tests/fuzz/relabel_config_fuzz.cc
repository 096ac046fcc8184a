// Any text gives rules that can be applied, or a status.
#include <cstdint>
#include <string>

#include "relabel/relabel.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto rules = relabel::Rules::Parse(text, {.strict = size % 2 == 0});
  if (!rules.ok()) return 0;
  const Labels labels = Labels::Of({{"__name__", "up"}, {"cluster", "eu"}, {"r", "\xff\xc3"}});
  if (const auto out = rules->Apply(labels.view())) {
    if (rules->empty() && out->view().ToString() != labels.view().ToString()) __builtin_trap();
  }
  return 0;
}
