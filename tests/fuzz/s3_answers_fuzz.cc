// Any bytes as an answer of S3 give what it means or an error that says why.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "objstore/s3_answers.h"
#include "objstore/xml.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

namespace {

template <typename T>
void MustTell(const Result<T>& result) {
  if (!result.ok() && result.status().message().empty()) std::abort();
}

// Escaped text comes back as it was.
void CheckEscape(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) return;
  }
  const auto parsed = objstore::ParseXml("<a>" + objstore::XmlEscape(text) + "</a>");
  if (!parsed.ok() || parsed->text != text) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  MustTell(objstore::ParseXml(text));
  for (const bool version1 : {false, true}) {
    const auto page = objstore::ParseS3Page(text, version1);
    MustTell(page);
    if (!page.ok()) continue;
    if (page->truncated == page->next.empty()) std::abort();
    if (!std::is_sorted(page->entries.begin(), page->entries.end(),
                        [](const auto& a, const auto& b) { return a.name < b.name; })) {
      std::abort();
    }
  }
  objstore::ParseS3Error(text);
  objstore::S3Error error;
  (void)objstore::ParseLateResult(text, "CopyObjectResult", &error);
  MustTell(objstore::ParseUploadId(text));
  MustTell(objstore::ParseLocation(text));
  MustTell(objstore::ParseStsCredentials(text));
  MustTell(objstore::ParseMetadataCredentials(text));
  const auto range = objstore::ParseContentRange(text);
  MustTell(range);
  if (range.ok() && range->total >= 0 && range->last >= range->total) std::abort();
  CheckEscape(text);
  return 0;
}
