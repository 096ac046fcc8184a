// Any bytes give an index header whose tables can be read, or a status.
#include <cstdint>
#include <string>

#include "block/index_header.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto header = block::IndexHeader::Open("fuzz", base::PinnedBytes::Of(bytes), {});
  if (header.ok()) {
    for (const std::string& name : (*header)->postings_table().LabelNames()) {
      if ((*header)->postings_table().LabelValues(name).empty()) __builtin_trap();
    }
    for (uint32_t i = 0; i < (*header)->symbols().size(); ++i) {
      if ((*header)->symbols().Find((*header)->symbols().At(i)) != i) __builtin_trap();
    }
  }
  // The same bytes as an index of which a header is built.
  std::string built;
  const auto index = base::MakeMemoryReader("fuzz", base::PinnedBytes::Of(std::move(bytes)));
  (void)block::BuildIndexHeader(CallContext(), *index, *block::MakeStringSink(&built)).ok();
  return 0;
}
