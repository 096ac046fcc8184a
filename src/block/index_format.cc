#include "block/index_format.h"

#include <algorithm>

#include "codec/byte_reader.h"
#include "codec/hash.h"

namespace thanos::block {

uint64_t IndexToc::series_end() const {
  uint64_t end = postings_table;
  for (const uint64_t next : {label_indices, postings, label_indices_table}) {
    if (next != 0) end = std::min(end, next);
  }
  return end;
}

Result<IndexToc> ReadIndexToc(std::span<const std::byte> bytes, uint64_t index_bytes) {
  if (bytes.size() != IndexToc::kSizeBytes || index_bytes < IndexToc::kSizeBytes) {
    return DataLossError("index table of contents: file is too short");
  }
  codec::ByteReader in(bytes);
  IndexToc toc;
  for (uint64_t* field : {&toc.symbols, &toc.series, &toc.label_indices, &toc.label_indices_table,
                          &toc.postings, &toc.postings_table}) {
    *field = in.Be64();
  }
  if (in.Be32() != codec::Crc32c(bytes.first(IndexToc::kSizeBytes - 4))) {
    return DataLossError("index table of contents: checksum mismatch");
  }
  const uint64_t end = index_bytes - IndexToc::kSizeBytes;
  const bool inside = toc.label_indices <= end && toc.label_indices_table <= end &&
                      toc.postings <= end && toc.postings_table <= end;
  if (!inside || toc.symbols < kIndexHeaderBytes || toc.symbols > toc.series ||
      toc.series > toc.series_end() || toc.postings > toc.postings_table) {
    return DataLossError("index table of contents: sections are out of order or outside the file");
  }
  return toc;
}

void WriteIndexToc(const IndexToc& toc, std::string* out) {
  const size_t begin = out->size();
  codec::ByteWriter writer(out);
  writer.Be64(toc.symbols);
  writer.Be64(toc.series);
  writer.Be64(toc.label_indices);
  writer.Be64(toc.label_indices_table);
  writer.Be64(toc.postings);
  writer.Be64(toc.postings_table);
  writer.Be32(codec::Crc32c(codec::AsBytes(*out).subspan(begin)));
}

Result<int> ReadIndexVersion(std::span<const std::byte> bytes) {
  if (bytes.size() < kIndexHeaderBytes) return DataLossError("index: shorter than its header");
  if (codec::LoadBe32(bytes.data()) != kIndexMagic) return DataLossError("index: bad magic number");
  const auto version = std::to_integer<int>(bytes[4]);
  if (version < 1 || version > 3) {
    return DataLossError("index: unknown version " + std::to_string(version));
  }
  return version;
}

Result<IndexHead> ReadIndexHead(const CallContext& context, base::RangeReader& file) {
  const uint64_t size = file.size();
  if (size < kIndexHeaderBytes + IndexToc::kSizeBytes) {
    return DataLossError("index: file is too short: " + std::to_string(size) + " bytes");
  }
  IndexHead head;
  THANOS_ASSIGN_OR_RETURN(const auto begin, file.Read(context, 0, kIndexHeaderBytes));
  THANOS_ASSIGN_OR_RETURN(head.version, ReadIndexVersion(begin.bytes()));
  THANOS_ASSIGN_OR_RETURN(const auto end,
                          file.Read(context, size - IndexToc::kSizeBytes, IndexToc::kSizeBytes));
  THANOS_ASSIGN_OR_RETURN(head.toc, ReadIndexToc(end.bytes(), size));
  return head;
}

Result<std::span<const std::byte>> ReadFramedSection(std::span<const std::byte> section,
                                                     const std::string& what) {
  if (section.size() < 8) return DataLossError(what + ": shorter than its frame");
  const uint64_t length = codec::LoadBe32(section.data());
  if (length > section.size() - 8) {
    return DataLossError(what + ": length " + std::to_string(length) + " passes its end");
  }
  const auto payload = section.subspan(4, length);
  if (codec::LoadBe32(payload.data() + length) != codec::Crc32c(payload)) {
    return DataLossError(what + ": checksum mismatch");
  }
  return payload;
}

}  // namespace thanos::block
