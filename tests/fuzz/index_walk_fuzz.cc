// Any bytes open as an index and are walked completely, or give a status: never a crash, a hang, or
// a read outside. Checksums are put right first, so that what lies behind them is reached.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "block/block_source.h"
#include "block/index_reader.h"
#include "block/postings_list.h"
#include "codec/byte_reader.h"
#include "codec/hash.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

namespace {

void PutBe32(std::string* bytes, size_t at, uint32_t value) {
  for (int i = 0; i < 4; ++i)
    (*bytes)[at + static_cast<size_t>(i)] = static_cast<char>(value >> (24 - 8 * i));
}

// Seals the framed section at `at`, when it fits.
void SealSection(std::string* bytes, uint64_t at) {
  if (at > bytes->size() || bytes->size() - at < 8) return;
  const uint64_t length = codec::LoadBe32(bytes->data() + at);
  if (length > bytes->size() - at - 8) return;
  PutBe32(bytes, at + 4 + length, codec::Crc32c(codec::AsBytes(*bytes).subspan(at + 4, length)));
}

void Seal(std::string* bytes) {
  if (bytes->size() < block::IndexToc::kSizeBytes + 5) return;
  const size_t toc = bytes->size() - block::IndexToc::kSizeBytes;
  PutBe32(bytes, bytes->size() - 4, codec::Crc32c(codec::AsBytes(*bytes).subspan(toc, 48)));
  SealSection(bytes, codec::LoadBe64(bytes->data() + toc));
  SealSection(bytes, codec::LoadBe64(bytes->data() + toc + 40));
}

void Walk(const std::string& bytes) {
  const CallContext context;
  auto file = base::MakeMemoryReader("fuzz", base::PinnedBytes::Of(bytes));
  const auto index = block::IndexReader::Open(context, file, {3, 3});
  if (!index.ok()) return;
  (void)(*index)->ReadAllPostings(context).ok();
  for (const std::string& name : (*index)->postings_table().LabelNames()) {
    (*index)->postings_table().VisitValues(
        name, "", [&](std::string_view, const block::PostingsRange& range) {
          return (*index)->ReadPostings(context, range).ok();
        });
  }
  std::string labels;
  (void)(*index)
      ->VisitSeries(context,
                    [&](uint32_t, const block::SeriesEntry& entry) {
                      labels.clear();
                      return block::AppendLabels(entry.labels, (*index)->symbols(), &labels);
                    })
      .ok();
  // The same bytes as a block that is queried.
  block::Block::Parts parts;
  parts.index_version = (*index)->version();
  parts.toc = (*index)->toc();
  parts.owner = *index;
  parts.symbols = &(*index)->symbols();
  parts.postings = &(*index)->postings_table();
  parts.index = file;
  parts.open_segment = [&](const CallContext&,
                           uint32_t) -> Result<std::shared_ptr<base::RangeReader>> { return file; };
  block::BlockSource source("fuzz", {std::make_shared<const block::Block>(std::move(parts))});
  SelectRequest request;
  request.min_ms = INT64_MIN;
  request.max_ms = INT64_MAX;
  const auto cursor = source.Select(context, request);
  while (cursor.ok()) {
    const auto batch = (*cursor)->Next();
    if (!batch.ok() || !*batch) break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  Walk(bytes);
  Seal(&bytes);
  Walk(bytes);
  return 0;
}
