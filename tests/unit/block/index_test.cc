#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "block/byte_sink.h"
#include "block/chunk_segment.h"
#include "block/index_header.h"
#include "block/index_reader.h"
#include "block/index_writer.h"
#include "block/postings_list.h"
#include "codec/byte_reader.h"
#include "codec/hash.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::block {
namespace {

using testing::IsOk;
using testing::StatusIs;

// The worked example of formats/tsdb-block §4.7.
constexpr char kExample[] =
    "baaad70002000000180000000508"
    "5f5f6e616d655f5f"
    "01610162036a6f62027570"
    "f0b315e7"
    "0000000000000000000000"
    "0f020004030102d00fe80708e807002e2de85fb2"
    "000000000000000000000000"
    "0a0200040302"
    "01d00f0031"
    "9453fe71"
    "00"
    "0000000c000000020000000300000005bb33cbd4"
    "0000000c000000020000000300000005bb33cbd4"
    "000000080000000100000003a7692ed2"
    "00000008000000010000000581c8c93a"
    "0000002800000004"
    "02000060"
    "02085f5f6e616d655f5f02757074"
    "02036a6f6201618801"
    "02036a6f6201629801"
    "675899e0"
    "0000000000000005"
    "0000000000000025"
    "000000000000005f"
    "00000000000000a8"
    "000000000000005f"
    "00000000000000a8"
    "75100f79";

std::string WriteExample() {
  std::string bytes;
  const auto sink = MakeStringSink(&bytes);
  IndexWriter writer(sink.get());
  for (const char* symbol : {"__name__", "a", "b", "job", "up"}) {
    EXPECT_THAT(writer.AddSymbol(symbol), IsOk());
  }
  EXPECT_THAT(writer.AddSeries(Labels::Of({{"__name__", "up"}, {"job", "a"}}),
                               std::vector<ChunkMeta>{{1000, 2000, 8}, {3000, 3000, 31}}),
              IsOk());
  EXPECT_THAT(writer.AddSeries(Labels::Of({{"__name__", "up"}, {"job", "b"}}),
                               std::vector<ChunkMeta>{{1000, 1000, 49}}),
              IsOk());
  EXPECT_THAT(writer.Finish(), IsOk());
  return bytes;
}

Result<std::shared_ptr<const IndexReader>> OpenBytes(std::string bytes) {
  return IndexReader::Open(
      CallContext(), base::MakeMemoryReader("index", base::PinnedBytes::Of(std::move(bytes))), {});
}

// Opens and walks everything: lists, entries, labels.
Status WalkIndex(std::string bytes) {
  THANOS_ASSIGN_OR_RETURN(const auto index, OpenBytes(std::move(bytes)));
  const CallContext context;
  THANOS_RETURN_IF_ERROR(index->ReadAllPostings(context).status());
  for (const std::string& name : index->postings_table().LabelNames()) {
    Status status;
    index->postings_table().VisitValues(name, "", [&](std::string_view, const PostingsRange& at) {
      status = index->ReadPostings(context, at).status();
      return status.ok();
    });
    THANOS_RETURN_IF_ERROR(status);
  }
  return index->VisitSeries(context, [&](uint32_t, const SeriesEntry& entry) -> Status {
    std::string labels;
    return AppendLabels(entry.labels, index->symbols(), &labels);
  });
}

TEST(IndexWriterTest, WritesTheWorkedExampleByteForByte) {
  EXPECT_EQ(testing::ToHex(WriteExample()), kExample);
}

TEST(IndexWriterTest, RefusesWhatTheFormatDoesNotAllow) {
  std::string bytes;
  const auto sink = MakeStringSink(&bytes);
  IndexWriter writer(sink.get());
  ASSERT_THAT(writer.AddSymbol("b"), IsOk());
  EXPECT_THAT(writer.AddSymbol("a"), StatusIs(StatusCode::kInvalidArgument));
  ASSERT_THAT(writer.AddSeries(Labels::Of({{"b", "b"}}), {}), IsOk());
  EXPECT_THAT(writer.AddSeries(Labels::Of({{"b", "b"}}), {}),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(writer.AddSeries(Labels::Of({{"b", "unknown"}}), {}),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST(IndexReaderTest, ReadsTheWorkedExample) {
  const CallContext context;
  THANOS_ASSERT_OK_AND_ASSIGN(const auto index, OpenBytes(testing::FromHex(kExample)));
  EXPECT_EQ(index->postings_table().LabelNames(), (std::vector<std::string>{"__name__", "job"}));
  EXPECT_EQ(index->postings_table().LabelValues("job"), (std::vector<std::string>{"a", "b"}));
  THANOS_ASSERT_OK_AND_ASSIGN(const Postings all, index->ReadAllPostings(context));
  EXPECT_EQ(all, (Postings{3, 5}));
  SeriesEntry entry;
  ASSERT_THAT(index->ReadSeries(context, 3, &entry), IsOk());
  EXPECT_EQ(entry.chunks, (std::vector<ChunkMeta>{{1000, 2000, 8}, {3000, 3000, 31}}));
  std::string labels;
  ASSERT_THAT(AppendLabels(entry.labels, index->symbols(), &labels), IsOk());
  EXPECT_EQ(LabelsView(labels).ToString(), "{__name__=\"up\", job=\"a\"}");
}

// What sets share with the one before is taken from there: any order of sets, long texts and labels
// added in front, between and behind must give what writing each anew gives.
TEST(LabelsAssemblerTest, GivesEachSetAsIfItWereTheFirst) {
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) texts.push_back(std::string(1, static_cast<char>('a' + i % 26)));
  for (int i = 0; i < 8; ++i) texts.push_back("n" + std::string(250 + static_cast<size_t>(i), 'x'));
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  std::string section, bytes;
  codec::ByteWriter body(&section), whole(&bytes);
  body.Be32(static_cast<uint32_t>(texts.size()));
  for (const std::string& text : texts) {
    body.Uvarint(text.size());
    section += text;
  }
  whole.Be32(static_cast<uint32_t>(section.size()));
  bytes += section;
  whole.Be32(codec::Crc32c(codec::AsBytes(section)));
  const auto owner = std::make_shared<std::string>(bytes);
  const base::PinnedBytes pinned(codec::AsBytes(*owner), owner);
  THANOS_ASSERT_OK_AND_ASSIGN(const SymbolTable symbols, SymbolTable::Open(pinned, 2, 0, 8));
  std::mt19937 random(7);
  for (const Labels& add : {Labels(), Labels::Of({{"A", "1"}, {"cc", "2"}, {"zz", "3"}})}) {
    LabelsAssembler assembler(symbols, add.view());
    std::vector<SymbolPair> pairs;
    for (int round = 0; round < 2000; ++round) {
      pairs.resize(random() % (pairs.size() + 1));
      uint32_t name = pairs.empty() ? 0 : pairs.back().name + 1;
      for (; name < texts.size() && random() % 8 != 0; name += 1 + random() % 3) {
        pairs.push_back({name, static_cast<uint32_t>(random() % texts.size())});
      }
      LabelsBuilder builder(add.view());
      for (const SymbolPair& pair : pairs) builder.Set(texts[pair.name], texts[pair.value]);
      THANOS_ASSERT_OK_AND_ASSIGN(const std::string_view set, assembler.Assemble(pairs));
      ASSERT_EQ(set, builder.Build().view().encoded());
    }
    // An error leaves nothing behind.
    EXPECT_THAT(assembler.Assemble(std::vector<SymbolPair>{{3, 1}, {2, 1}}),
                StatusIs(StatusCode::kDataLoss));
    EXPECT_THAT(assembler.Assemble(std::vector<SymbolPair>{{3, 9999}}),
                StatusIs(StatusCode::kDataLoss));
    LabelsBuilder builder(add.view());
    builder.Set(texts[3], texts[1]);
    THANOS_ASSERT_OK_AND_ASSIGN(const auto set,
                                assembler.Assemble(std::vector<SymbolPair>{{3, 1}}));
    EXPECT_EQ(set, builder.Build().view().encoded());
  }
}

TEST(ReadPaceTest, ForgetsWhatWasLongAgo) {
  ReadPace pace;
  EXPECT_FALSE(pace.IsQuick() || pace.IsSlow());  // Nothing is known.
  pace.Observe(std::chrono::microseconds(20), 100);
  EXPECT_TRUE(pace.IsQuick());
  for (int i = 0; i < 8; ++i) pace.Observe(std::chrono::milliseconds(30), 100);
  EXPECT_FALSE(pace.IsQuick());
  EXPECT_TRUE(pace.IsSlow());
  for (int i = 0; i < 60; ++i) pace.Observe(std::chrono::microseconds(20), 100);
  EXPECT_TRUE(pace.IsQuick());
  // Much at once takes its time from a local disk too.
  for (int i = 0; i < 60; ++i) pace.Observe(std::chrono::milliseconds(4), 8 << 20);
  EXPECT_TRUE(pace.IsQuick());
}

TEST(IndexReaderTest, SeesEveryFlippedBitThatIsNotPadding) {
  const std::string good = testing::FromHex(kExample);
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    const size_t byte = bit / 8;
    const bool padding =
        (byte >= 0x25 && byte < 0x30) || (byte >= 0x44 && byte < 0x50) || byte == 0x5f;
    // Versions 2 and 3 are read alike.
    if (padding || (byte == 4 && (good[4] ^ (1 << (bit % 8))) == 3)) continue;
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ (1 << (bit % 8)));
    EXPECT_THAT(WalkIndex(std::move(bad)), StatusIs(StatusCode::kDataLoss)) << "bit " << bit;
  }
}

TEST(IndexReaderTest, EveryTruncationIsAnError) {
  const std::string good = testing::FromHex(kExample);
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(WalkIndex(good.substr(0, size)).ok()) << size;
  }
}

void AppendFramed(std::string_view payload, std::string* out) {
  codec::ByteWriter writer(out);
  writer.Be32(static_cast<uint32_t>(payload.size()));
  out->append(payload);
  writer.Be32(codec::Crc32c(codec::AsBytes(payload)));
}

// Two series in the format of old Prometheus: symbols by offset, entries anywhere, a table in no
// order, a label index section in between.
std::string MakeVersion1Index() {
  std::string out;
  codec::ByteWriter writer(&out);
  writer.Be32(kIndexMagic);
  writer.U8(1);
  IndexToc toc;
  toc.symbols = out.size();
  std::string payload;
  codec::ByteWriter symbols(&payload);
  symbols.Be32(3);
  std::vector<uint64_t> places;
  for (const char* symbol : {"a", "job", "z"}) {
    places.push_back(toc.symbols + 4 + payload.size());
    symbols.UvarintString(symbol);
  }
  AppendFramed(payload, &out);
  toc.series = out.size();
  std::vector<uint32_t> references;
  for (const uint64_t value : {places[0], places[2]}) {
    references.push_back(static_cast<uint32_t>(out.size()));
    std::string entry;
    codec::ByteWriter fields(&entry);
    for (const uint64_t field : {uint64_t{1}, places[1], value, uint64_t{1}}) fields.Uvarint(field);
    fields.Varint(100);
    fields.Uvarint(5);
    fields.Uvarint(8);
    writer.Uvarint(entry.size());
    out += entry;
    writer.Be32(codec::Crc32c(codec::AsBytes(entry)));
  }
  toc.label_indices = out.size();
  out.append(24, 'x');
  toc.postings = out.size();
  std::vector<uint64_t> lists;
  for (const auto& list : std::vector<std::vector<uint32_t>>{
           {references[1]}, {references[0], references[1]}, {references[0]}}) {
    lists.push_back(out.size());
    payload.clear();
    codec::ByteWriter fields(&payload);
    fields.Be32(static_cast<uint32_t>(list.size()));
    for (const uint32_t reference : list) fields.Be32(reference);
    AppendFramed(payload, &out);
  }
  toc.label_indices_table = toc.postings_table = out.size();
  payload.clear();
  codec::ByteWriter table(&payload);
  table.Be32(3);
  const char* entries[][2] = {{"job", "z"}, {"", ""}, {"job", "a"}};
  for (size_t i = 0; i < 3; ++i) {
    table.Uvarint(2);
    table.UvarintString(entries[i][0]);
    table.UvarintString(entries[i][1]);
    table.Uvarint(lists[i]);
  }
  AppendFramed(payload, &out);
  WriteIndexToc(toc, &out);
  return out;
}

TEST(IndexReaderTest, ReadsVersion1) {
  const std::string bytes = MakeVersion1Index();
  ASSERT_THAT(WalkIndex(bytes), IsOk());
  THANOS_ASSERT_OK_AND_ASSIGN(const auto index, OpenBytes(bytes));
  EXPECT_EQ(index->postings_table().LabelValues("job"), (std::vector<std::string>{"a", "z"}));
  const auto ranges = index->postings_table().Lookup("job", {"a", "b", "z"});
  ASSERT_TRUE(ranges[0] && !ranges[1] && ranges[2]);
  THANOS_ASSERT_OK_AND_ASSIGN(const Postings z, index->ReadPostings(CallContext(), *ranges[2]));
  SeriesEntry entry;
  ASSERT_THAT(index->ReadSeries(CallContext(), z.at(0), &entry), IsOk());
  std::string labels;
  ASSERT_THAT(AppendLabels(entry.labels, index->symbols(), &labels), IsOk());
  EXPECT_EQ(LabelsView(labels).ToString(), "{job=\"z\"}");
  // The header knows the same, with symbols at their old offsets.
  std::string header_bytes;
  const auto file = base::MakeMemoryReader("index", base::PinnedBytes::Of(bytes));
  ASSERT_THAT(BuildIndexHeader(CallContext(), *file, *MakeStringSink(&header_bytes)), IsOk());
  THANOS_ASSERT_OK_AND_ASSIGN(const auto header,
                              IndexHeader::Open("h", base::PinnedBytes::Of(header_bytes), {}));
  EXPECT_EQ(header->postings_table().Lookup("job", {"z"}),
            index->postings_table().Lookup("job", {"z"}));
  EXPECT_THAT(header->symbols().Lookup(entry.labels[0].value), testing::IsOkAndHolds("z"));
  EXPECT_EQ(header->index_bytes(), bytes.size());
}

std::string BuildHeader(const std::string& index) {
  const auto reader = base::MakeMemoryReader("index", base::PinnedBytes::Of(index));
  std::string bytes;
  EXPECT_THAT(BuildIndexHeader(CallContext(), *reader, *MakeStringSink(&bytes)), IsOk());
  return bytes;
}

std::string IndexOf(const nlohmann::json& row) {
  if (row.contains("index_hex")) return testing::FromHex(row["index_hex"]);
  return testing::ReadWholeFile(testing::SharedPath("fixtures/" +
                                                    row["fixture"].get<std::string>() + "/" +
                                                    row["block"].get<std::string>() + "/index"));
}

std::string HexSha256(std::string_view bytes) {
  const auto digest = codec::Sha256(bytes);
  return testing::ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

void ExpectLookups(const nlohmann::json& row, const IndexHeader& header) {
  for (const auto& lookup : row["lookups"]) {
    std::vector<std::string> values;
    for (const auto& value : lookup["values"]) values.push_back(testing::TextOf(value));
    const auto ranges = header.postings_table().Lookup(testing::TextOf(lookup["name"]), values);
    for (size_t i = 0; i < ranges.size(); ++i) {
      // No ranges at all: an error of the call for one value, or an unknown name.
      const bool none = !lookup.contains("ranges") || i >= lookup["ranges"].size();
      const auto expected = none ? -1 : lookup["ranges"][i][0].get<int64_t>();
      ASSERT_EQ(ranges[i].has_value(), expected >= 0) << row["id"] << lookup;
      if (!ranges[i]) continue;
      EXPECT_EQ(static_cast<int64_t>(ranges[i]->start), expected) << row["id"];
      EXPECT_EQ(static_cast<int64_t>(ranges[i]->end), lookup["ranges"][i][1].get<int64_t>());
    }
  }
}

TEST(IndexHeaderTest, IsBuiltByteForByteAndAnswersAsThanosDoes) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/index_header.jsonl");
  const auto rows =
      testing::ReadJsonLines(testing::SharedPath("conformance/vectors/index_header.jsonl"));
  for (const auto& row : rows) {
    const std::string bytes = BuildHeader(IndexOf(row));
    EXPECT_EQ(HexSha256(bytes), row["sha256"].get<std::string>()) << row["id"];
    for (const uint32_t sampling : {1u, 32u}) {
      THANOS_ASSERT_OK_AND_ASSIGN(
          const auto header,
          IndexHeader::Open("h", base::PinnedBytes::Of(bytes), {sampling, sampling}));
      EXPECT_EQ(header->index_version(), row["index_version"].get<int>());
      std::vector<std::string> names;
      for (const auto& name : row["label_names"]) names.push_back(testing::TextOf(name));
      EXPECT_EQ(header->postings_table().LabelNames(), names) << row["id"];
      for (const auto& [name, list] : row["label_values"].items()) {
        std::vector<std::string> values;
        for (const auto& value : list) values.push_back(testing::TextOf(value));
        EXPECT_EQ(header->postings_table().LabelValues(name), values) << row["id"] << name;
      }
      for (const auto& symbol : row["symbols"]) {
        const auto found = header->symbols().Lookup(symbol[0].get<uint32_t>());
        ASSERT_EQ(found.ok(), !symbol[1].is_null()) << row["id"] << symbol;
        if (!found.ok()) continue;
        EXPECT_EQ(std::string(*found), testing::TextOf(symbol[1])) << row["id"];
        EXPECT_EQ(header->symbols().Find(*found), symbol[0].get<uint32_t>());
      }
      ExpectLookups(row, *header);
    }
  }
}

TEST(IndexHeaderTest, SeesEveryFlippedBit) {
  const std::string good = BuildHeader(testing::FromHex(kExample));
  EXPECT_EQ(good.size(), 166u);
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    if (bit / 8 == 5 && (good[5] ^ (1 << (bit % 8))) == 3) continue;
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THAT(IndexHeader::Open("h", base::PinnedBytes::Of(bad), {}),
                StatusIs(StatusCode::kDataLoss))
        << "bit " << bit;
  }
}

TEST(IndexHeaderTest, AFileIsWrittenWholeAndMapped) {
  const std::string path = ::testing::TempDir() + "/index-header-test";
  const auto reader =
      base::MakeMemoryReader("index", base::PinnedBytes::Of(testing::FromHex(kExample)));
  ASSERT_THAT(BuildIndexHeaderFile(CallContext(), *reader, path), IsOk());
  THANOS_ASSERT_OK_AND_ASSIGN(const auto header, IndexHeader::OpenFile(path, {}));
  EXPECT_EQ(header->postings_table().LabelValues("job"), (std::vector<std::string>{"a", "b"}));
  EXPECT_THAT(IndexHeader::OpenFile(path + "-absent", {}), StatusIs(StatusCode::kNotFound));
  std::filesystem::remove(path);
}

TEST(ChunkSegmentTest, WritesTheWorkedExample) {
  std::string bytes;
  ChunkWriter writer(
      [&](uint32_t) -> Result<std::unique_ptr<ByteSink>> { return MakeStringSink(&bytes); });
  const std::string a = testing::FromHex("0002d00f3ff0000000000000e807c25fff");
  const std::string b = testing::FromHex("0001f02e4008000000000000");
  const std::string c = testing::FromHex("0001d00f4014000000000000");
  std::vector<ChunkMeta> metas;
  ASSERT_THAT(writer.WriteSeries(
                  std::vector<NewChunk>{{1000, 2000, ChunkEncoding::kXor, codec::AsBytes(a)},
                                        {3000, 3000, ChunkEncoding::kXor, codec::AsBytes(b)}},
                  &metas),
              IsOk());
  ASSERT_THAT(
      writer.WriteSeries(
          std::vector<NewChunk>{{1000, 1000, ChunkEncoding::kXor, codec::AsBytes(c)}}, &metas),
      IsOk());
  ASSERT_THAT(writer.Finish(), IsOk());
  EXPECT_EQ(metas[1].ref, 31u);
  EXPECT_EQ(metas[2].ref, 49u);
  EXPECT_EQ(testing::ToHex(bytes),
            "85bd40dd01000000"
            "11010002d00f3ff0000000000000e807c25fff79fe1ac9"
            "0c010001f02e4008000000000000facd4339"
            "0c010001d00f40140000000000008df5aa22");
  THANOS_ASSERT_OK_AND_ASSIGN(const StoredChunk read,
                              ReadStoredChunk(codec::AsBytes(bytes).subspan(31)));
  EXPECT_EQ(codec::AsText(read.data), b);
  for (size_t bit = 31 * 8; bit < 49 * 8; ++bit) {
    std::string bad = bytes;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    const auto chunk = ReadStoredChunk(codec::AsBytes(bad).subspan(31, 18));
    EXPECT_TRUE(!chunk.ok() || !chunk->complete()) << bit;
  }
}

TEST(ChunkSegmentTest, CutsSegmentsAtTheSizeAsked) {
  std::vector<std::string> segments;
  segments.reserve(10);
  ChunkWriter writer(
      [&](uint32_t segment) -> Result<std::unique_ptr<ByteSink>> {
        EXPECT_EQ(segment, segments.size());
        return MakeStringSink(&segments.emplace_back());
      },
      100);
  const std::string data(30, 'x');
  std::vector<NewChunk> chunks(5, NewChunk{0, 0, ChunkEncoding::kXor, codec::AsBytes(data)});
  std::vector<ChunkMeta> metas;
  ASSERT_THAT(writer.WriteSeries(chunks, &metas), IsOk());
  ASSERT_THAT(writer.Finish(), IsOk());
  EXPECT_EQ(segments.size(), 3u);
  EXPECT_EQ(metas[4].segment(), 2u);
  for (const std::string& segment : segments) EXPECT_LE(segment.size(), 100u);
}

}  // namespace
}  // namespace thanos::block
