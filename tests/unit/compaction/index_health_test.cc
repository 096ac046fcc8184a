#include "compaction/index_health.h"

#include <gtest/gtest.h>

#include "block/byte_sink.h"
#include "block/index_writer.h"
#include "codec/byte_reader.h"
#include "codec/hash.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::compaction {
namespace {

using block::ChunkMeta;
using testing::StatusIs;

// The writer refuses what is out of order, so that a faulty entry is put together by hand: entries
// of one label set {a="N"} each, with the chunks given.
std::string IndexOf(const std::vector<std::vector<ChunkMeta>>& series) {
  std::string out;
  const auto sink = block::MakeStringSink(&out);
  block::IndexWriter writer(sink.get());
  for (const char* symbol : {"0", "1", "2", "a"}) THANOS_EXPECT_OK(writer.AddSymbol(symbol));
  for (uint32_t i = 0; i < series.size(); ++i) {
    const block::SymbolPair label{3, i};
    THANOS_EXPECT_OK(writer.AddSeries({&label, 1}, series[i]));
  }
  THANOS_EXPECT_OK(writer.Finish());
  return out;
}

Result<IndexHealth> Check(std::string bytes, int64_t min_ms, int64_t max_ms) {
  auto file = base::MakeMemoryReader("index", base::PinnedBytes::Of(std::move(bytes)));
  auto index = block::IndexReader::Open(CallContext(), std::move(file), {});
  if (!index.ok()) return index.status();
  return CheckIndex(CallContext(), **index, min_ms, max_ms);
}

TEST(CheckIndex, AHealthyIndexHasSizesAndNoErrors) {
  THANOS_ASSERT_OK_AND_ASSIGN(
      const IndexHealth health,
      Check(
          IndexOf({{{0, 99, 8}, {100, 199, 58}, {200, 299, 188}, {300, 399, 238}}, {{0, 9, 300}}}),
          0, 400));
  EXPECT_EQ(health.series, 2u);
  EXPECT_EQ(health.chunks, 5u);
  EXPECT_EQ(health.series_size_max, 32);
  EXPECT_EQ(health.chunk_size_max, 130);  // Not the last two of a series.
  THANOS_EXPECT_OK(health.AnyError());
}

TEST(CheckIndex, ChunksOutsideOfTheBlockAreCritical) {
  const std::string bytes = IndexOf({{{100, 199, 8}}});
  for (const auto& [min_ms, max_ms] : {std::pair{150, 400}, {0, 150}, {200, 400}, {0, 99}}) {
    THANOS_ASSERT_OK_AND_ASSIGN(const IndexHealth health, Check(bytes, min_ms, max_ms));
    EXPECT_EQ(health.outside_chunks, 1u) << min_ms;
    EXPECT_EQ(health.complete_outside, min_ms == 200 || max_ms == 99 ? 1u : 0u);
    EXPECT_THAT(health.CriticalError(), StatusIs(StatusCode::kDataLoss)) << min_ms;
  }
  // The end that the meta states is exclusive, and still allowed for.
  THANOS_ASSERT_OK_AND_ASSIGN(const IndexHealth health, Check(bytes, 100, 199));
  THANOS_EXPECT_OK(health.AnyError());
}

TEST(CheckIndex, AChunkThatBeginsAtTheEndIsNotCritical) {
  THANOS_ASSERT_OK_AND_ASSIGN(const IndexHealth health,
                              Check(IndexOf({{{0, 50, 8}, {100, 199, 58}}}), 0, 100));
  EXPECT_EQ(health.at_end_outside, 1u);
  THANOS_EXPECT_OK(health.CriticalError());
  EXPECT_THAT(health.AtEndError(), StatusIs(StatusCode::kDataLoss));
}

// Entry bytes after the symbols section, of version 2: written here to be wrong on purpose.
std::string WithSeries(const std::vector<std::string>& payloads) {
  std::string good = IndexOf({{{0, 9, 8}}});
  std::string out = good.substr(0, 5 + 4 + 4 + 4 * 2 + 4);
  block::IndexToc toc;
  toc.symbols = 5;
  while (out.size() % 16 != 0) out += '\0';
  toc.series = out.size();
  for (const std::string& payload : payloads) {
    while (out.size() % 16 != 0) out += '\0';
    codec::ByteWriter writer(&out);
    writer.Uvarint(payload.size());
    out += payload;
    codec::ByteWriter(&out).Be32(codec::Crc32c(codec::AsBytes(payload)));
  }
  while (out.size() % 4 != 0) out += '\0';
  toc.label_indices = toc.postings = toc.label_indices_table = toc.postings_table = out.size();
  std::string table(4, '\0');
  codec::ByteWriter(&out).Be32(4);
  out += table;
  codec::ByteWriter(&out).Be32(codec::Crc32c(codec::AsBytes(table)));
  block::WriteIndexToc(toc, &out);
  return out;
}

std::string Entry(std::vector<std::pair<uint32_t, uint32_t>> labels,
                  std::vector<ChunkMeta> chunks) {
  std::string out;
  codec::ByteWriter writer(&out);
  writer.Uvarint(labels.size());
  for (const auto& [name, value] : labels) {
    writer.Uvarint(name);
    writer.Uvarint(value);
  }
  writer.Uvarint(chunks.size());
  for (size_t i = 0; i < chunks.size(); ++i) {
    const auto duration = static_cast<uint64_t>(chunks[i].max_ms - chunks[i].min_ms);
    if (i == 0) {
      writer.Varint(chunks[i].min_ms);
      writer.Uvarint(duration);
      writer.Uvarint(chunks[i].ref);
    } else {
      writer.Uvarint(static_cast<uint64_t>(chunks[i].min_ms - chunks[i - 1].max_ms));
      writer.Uvarint(duration);
      writer.Varint(static_cast<int64_t>(chunks[i].ref - chunks[i - 1].ref));
    }
  }
  return out;
}

TEST(CheckIndex, CountsDisorderOfChunksAndLabels) {
  const std::vector<ChunkMeta> twice = {{0, 99, 8}, {0, 99, 60}, {100, 150, 90}};
  const std::vector<ChunkMeta> back = {{100, 199, 8}, {0, 99, 60}, {150, 160, 90}};
  THANOS_ASSERT_OK_AND_ASSIGN(
      const IndexHealth health,
      Check(WithSeries({Entry({{3, 0}}, twice), Entry({{3, 1}, {0, 0}}, back)}), 0, 200));
  EXPECT_EQ(health.duplicated_chunks, 1u);
  EXPECT_EQ(health.out_of_order_chunks, 1u);
  EXPECT_EQ(health.out_of_order_series, 1u);
  EXPECT_EQ(health.out_of_order_labels, 1u);
  THANOS_EXPECT_OK(health.CriticalError());
  EXPECT_THAT(health.OutOfOrderChunksError(), StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(health.OutOfOrderLabelsError(), StatusIs(StatusCode::kDataLoss));
}

TEST(CheckIndex, ImpossibleSeriesAreErrors) {
  const std::vector<ChunkMeta> chunks = {{0, 99, 8}};
  const std::pair<const char*, std::vector<std::string>> cases[] = {
      {"no labels", {Entry({}, chunks)}},
      {"no chunks", {Entry({{3, 0}}, {})}},
      {"twice", {Entry({{3, 0}}, chunks), Entry({{3, 0}}, chunks)}},
      {"out of order", {Entry({{3, 1}}, chunks), Entry({{3, 0}}, chunks)}},
      {"unknown symbol", {Entry({{3, 9}}, chunks)}},
      {"cut", {Entry({{3, 0}}, chunks).substr(0, 3)}},
  };
  for (const auto& [name, entries] : cases) {
    EXPECT_THAT(Check(WithSeries(entries), 0, 200), StatusIs(StatusCode::kDataLoss)) << name;
  }
}

}  // namespace
}  // namespace thanos::compaction
