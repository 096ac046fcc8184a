// Any bytes give the symbols of an ELF file, in order, or a refusal.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "profile/symbols.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto symbols = thanos::profile::ReadSymbols({reinterpret_cast<const char*>(data), size});
  if (!symbols.ok()) return 0;
  for (size_t i = 1; i < symbols->size(); ++i) {
    if ((*symbols)[i].address < (*symbols)[i - 1].address) std::abort();
  }
  return 0;
}
