#include "block/series_load.h"

#include <map>
#include <random>
#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "block/block_writer.h"
#include "block/series_scanner.h"
#include "chunk/xor.h"
#include "codec/byte_reader.h"
#include "support/counting_limiter.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::block {
namespace {

using testing::IsOk;
using testing::StatusIs;

// An index in memory that counts what is read of it.
class CountingReader : public base::RangeReader {
 public:
  explicit CountingReader(std::string bytes) : bytes(std::move(bytes)) {}
  uint64_t size() const override { return bytes.size(); }
  Result<base::PinnedBytes> Read(const CallContext&, uint64_t offset, uint64_t length) override {
    ++reads;
    return base::PinnedBytes::Of(bytes.substr(offset, length));
  }
  const std::string& name() const override { return name_; }
  std::string bytes;
  int reads = 0;

 private:
  const std::string name_ = "the-index";
};

// Keeps everything; tests look inside.
class FakeCache : public IndexCache {
 public:
  bool Keeps(Item item) const override { return item == Item::kSeries; }
  std::vector<base::PinnedBytes> Fetch(const CallContext&, Item, const std::string&,
                                       std::span<const uint64_t> keys) override {
    std::vector<base::PinnedBytes> out(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto found = pages.find(keys[i]);
      if (found != pages.end()) out[i] = base::PinnedBytes::Of(found->second);
    }
    return out;
  }
  void Store(const CallContext&, Item, const std::string&, uint64_t key,
             std::span<const std::byte> bytes) override {
    pages[key] = codec::AsText(bytes);
  }
  base::PinnedBytes FetchExpanded(const CallContext&, const std::string&,
                                  std::string_view) override {
    return {};
  }
  void StoreExpanded(const CallContext&, const std::string&, std::string_view,
                     std::span<const std::byte>) override {}
  std::map<uint64_t, std::string> pages;
};

// Chunks of each series: mostly a few, so that a page holds many entries; 1,500 make an entry of
// more than a page, 20,000 one that no cache is believed.
size_t ChunksOf(int series) {
  if (series == 150) return 20'000;
  return series % 100 == 50 ? 1'500 : static_cast<size_t>(1 + series % 30);
}

class SeriesLoadTest : public ::testing::Test {
 protected:
  static constexpr int kSeries = 300;

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(WriteBlock());
    IndexToc toc = written_->toc();
    SeriesScanner scanner(&written_->index(), toc, kSeriesAlignment);
    for (SeriesEntry entry;;) {
      THANOS_ASSERT_OK_AND_ASSIGN(const bool more, scanner.Next(CallContext(), &entry));
      if (!more) break;
      references_.push_back(scanner.reference());
      entries_.push_back(entry);
    }
    ASSERT_EQ(references_.size(), static_cast<size_t>(kSeries));
    THANOS_ASSERT_OK_AND_ASSIGN(const auto bytes,
                                written_->index().Read(CallContext(), 0, written_->index().size()));
    index_ = std::make_shared<CountingReader>(std::string(codec::AsText(bytes.bytes())));
    Block::Parts parts;
    parts.meta = written_->meta();
    parts.toc = toc;
    parts.owner = written_;
    parts.symbols = &written_->symbols();
    parts.postings = &written_->postings();
    parts.index = index_;
    block_ = std::make_unique<Block>(std::move(parts));
  }

  void WriteBlock() {
    const base::Ulid id = base::Ulid::Make(1'700'000'000'000);
    THANOS_ASSERT_OK_AND_ASSIGN(const auto writer,
                                BlockWriter::Create(directory_.path(), id, {.durable = false}));
    std::set<std::string> symbols = {"__name__"};
    for (int i = 0; i < kSeries; ++i) symbols.insert("m" + std::to_string(1000 + i));
    for (const std::string& symbol : symbols) ASSERT_THAT(writer->AddSymbol(symbol), IsOk());
    chunk::XorAppender appender;
    ASSERT_TRUE(appender.Append(0, 1));
    for (int i = 0; i < kSeries; ++i) {
      std::vector<NewChunk> chunks;
      for (size_t c = 0; c < ChunksOf(i); ++c) {
        const auto time = static_cast<int64_t>(c) * 1000;
        chunks.push_back({time, time + 500, ChunkEncoding::kXor, appender.bytes()});
      }
      ASSERT_THAT(
          writer->AddSeries(Labels::Of({{"__name__", "m" + std::to_string(1000 + i)}}), chunks),
          IsOk());
    }
    BlockMeta meta;
    meta.max_ms = 20'000'001;
    meta.compaction.sources = {id};
    ASSERT_THAT(writer->Finish(meta), IsOk());
    THANOS_ASSERT_OK_AND_ASSIGN(
        written_, Block::OpenDirectory(CallContext(), directory_.path() + "/" + id.ToString()));
  }

  Result<LoadedEntries> Load(std::span<const uint32_t> references,
                             const CallContext& context = CallContext()) {
    return LoadEntries(context, *block_, references, options_);
  }

  // Loads the series `at` and compares them with what was scanned.
  void ExpectEntries(const std::vector<size_t>& at) {
    std::vector<uint32_t> references;
    for (const size_t i : at) references.push_back(references_[i]);
    THANOS_ASSERT_OK_AND_ASSIGN(const LoadedEntries loaded, Load(references));
    ASSERT_EQ(loaded.payloads.size(), at.size());
    for (size_t i = 0; i < at.size(); ++i) {
      SeriesEntry entry;
      ASSERT_THAT(DecodeSeries(loaded.payloads[i], &entry), IsOk());
      EXPECT_EQ(entry.labels, entries_[at[i]].labels) << at[i];
      EXPECT_EQ(entry.chunks, entries_[at[i]].chunks) << at[i];
    }
  }
  static std::vector<size_t> All() {
    std::vector<size_t> all(kSeries);
    for (size_t i = 0; i < all.size(); ++i) all[i] = i;
    return all;
  }

  testing::TemporaryDirectory directory_;
  BlockRef written_;
  std::vector<uint32_t> references_;
  std::vector<SeriesEntry> entries_;
  std::shared_ptr<CountingReader> index_;
  std::unique_ptr<Block> block_;
  FakeCache cache_;
  BlockReadOptions options_;
};

// Any choice of series, any guess of their lengths, with and without a cache, cold and warm.
TEST_F(SeriesLoadTest, EntriesAreThoseOfTheFile) {
  std::mt19937 random(7);
  for (const uint64_t guess : {16u, 300u, 4096u, 100'000u}) {
    for (IndexCache* const cache :
         {static_cast<IndexCache*>(nullptr), static_cast<IndexCache*>(&cache_)}) {
      SCOPED_TRACE(std::to_string(guess) + (cache != nullptr ? " cached" : ""));
      options_.series_bytes = guess;
      options_.index_cache = cache;
      cache_.pages.clear();
      ExpectEntries(All());
      for (int round = 0; round < 30; ++round) {
        if (round == 10) cache_.pages.clear();
        const unsigned share = 1 + random() % 50;
        std::vector<size_t> some;
        for (size_t i = 0; i < kSeries; ++i) {
          if (random() % share == 0) some.push_back(i);
        }
        ExpectEntries(some);
      }
    }
  }
}

TEST_F(SeriesLoadTest, AWarmCacheNeedsNoRead) {
  options_.index_cache = &cache_;
  ExpectEntries(All());
  EXPECT_GT(index_->reads, 0);
  const uint64_t bytes = block_->toc().series_end() - block_->toc().series;
  EXPECT_LE(cache_.pages.size(), bytes / kSeriesPageBytes + 2);
  index_->reads = 0;
  std::vector<size_t> short_ones;  // Others are longer than a cache is believed.
  for (size_t i = 0; i < kSeries; ++i) {
    if (ChunksOf(static_cast<int>(i)) < 20'000) short_ones.push_back(i);
  }
  ExpectEntries(short_ones);
  EXPECT_EQ(index_->reads, 0);
}

TEST_F(SeriesLoadTest, WrongPagesOfACacheAreReadAgainAndReplaced) {
  options_.index_cache = &cache_;
  ExpectEntries(All());
  const std::map<uint64_t, std::string> right = cache_.pages;
  std::mt19937 random(3);
  for (int round = 0; round < 60; ++round) {
    for (auto& [key, page] : cache_.pages) {
      switch (round % 3) {
        case 0:
          for (char& c : page) c = static_cast<char>(random());
          break;
        case 1:
          page[random() % page.size()] ^= static_cast<char>(1 << random() % 8);
          break;
        default:
          page.resize(random() % page.size());
      }
    }
    ExpectEntries(All());
    // A page of which no entry was in doubt may stay: a flipped bit between entries harms nobody.
    if (round % 3 != 1) {
      EXPECT_EQ(cache_.pages, right);
    }
    cache_.pages = right;
  }
}

// A long entry that proves wrong when the rest of it is looked at, before one that did at once.
TEST_F(SeriesLoadTest, DoubtsMayComeInAnyOrder) {
  options_.index_cache = &cache_;
  options_.series_bytes = 300;
  ExpectEntries(All());
  const uint64_t longer = references_[50] * kSeriesAlignment / kSeriesPageBytes + 1;
  const uint64_t later = references_[200] * kSeriesAlignment / kSeriesPageBytes;
  for (const uint64_t page : {longer, later}) {
    for (char& c : cache_.pages.at(page)) c = static_cast<char>(c ^ 0x55);
  }
  ExpectEntries(All());
}

// What a wrong page says of a length is not believed: it could make a call read half an index.
TEST_F(SeriesLoadTest, AnEntryOfACacheIsNotOfAnyLength) {
  options_.index_cache = &cache_;
  options_.series_bytes = 300;
  ExpectEntries(All());
  const uint64_t place = uint64_t{references_[3]} * kSeriesAlignment;
  std::string& page = cache_.pages.at(place / kSeriesPageBytes);
  const size_t at =
      place - std::max(place / kSeriesPageBytes * kSeriesPageBytes, block_->toc().series);
  for (size_t i = 0; i < 3; ++i) page[at + i] = "\x80\x80\x05"[i];  // 80 KiB.
  const CallContext poor = CallContext().WithBudget(Budget::Make("call", 40 << 10, "test"));
  EXPECT_THAT(Load(std::span(references_).subspan(3, 1), poor), IsOk());
}

TEST_F(SeriesLoadTest, WhatComesOutOfTheCacheIsLimitedToo) {
  testing::CountingLimiter limiter;
  options_.index_cache = &cache_;
  options_.limiter = &limiter;
  ExpectEntries({1, 2, 3});
  limiter.reserved_bytes = 0;
  THANOS_ASSERT_OK_AND_ASSIGN(const LoadedEntries loaded,
                              Load(std::span(references_).subspan(1, 3)));
  uint64_t bytes = 0;
  for (const auto& payload : loaded.payloads) bytes += payload.size();
  EXPECT_EQ(limiter.reserved_bytes, bytes);
}

TEST_F(SeriesLoadTest, PagesMayBeAskedInAnyOrder) {
  const uint64_t first = block_->toc().series, end = block_->toc().series_end();
  const ByteSpan all{first, end};
  THANOS_ASSERT_OK_AND_ASSIGN(
      SeriesPages pages,
      SeriesPages::Load(CallContext(), *block_, std::span(&all, 1), options_, false));
  pages.Keep(CallContext(), *block_, &cache_);
  options_.index_cache = &cache_;
  THANOS_ASSERT_OK_AND_ASSIGN(
      pages, SeriesPages::Load(CallContext(), *block_, std::span(&all, 1), options_, true));
  for (const uint64_t offset : {end - 1, first, first + 9000, first + 100}) {
    THANOS_ASSERT_OK_AND_ASSIGN(const auto bytes, pages.From(offset, 6000));
    const uint64_t least = std::min<uint64_t>(6000, end - offset);
    ASSERT_GE(bytes.size(), least);
    EXPECT_EQ(codec::AsText(bytes.first(least)), index_->bytes.substr(offset, least));
  }
}

TEST_F(SeriesLoadTest, WrongBytesOfTheIndexAreToldAndNotKept) {
  for (IndexCache* const cache :
       {static_cast<IndexCache*>(nullptr), static_cast<IndexCache*>(&cache_)}) {
    options_.index_cache = cache;
    const std::string right = index_->bytes;
    const uint64_t place = uint64_t{references_[7]} * kSeriesAlignment;
    index_->bytes[place + 3] ^= 4;
    EXPECT_THAT(Load(references_),
                StatusIs(StatusCode::kDataLoss,
                         ::testing::HasSubstr("the-index at " + std::to_string(place))));
    EXPECT_TRUE(cache_.pages.empty());
    // Others on the same page are as good as before.
    EXPECT_THAT(Load(std::span(references_).first(7)), IsOk());
    cache_.pages.clear();
    // A length that passes the end of the series.
    index_->bytes[place] = '\xff';
    index_->bytes[place + 1] = '\xff';
    index_->bytes[place + 2] = '\xff';
    index_->bytes[place + 3] = '\x0f';
    EXPECT_THAT(Load(std::span(references_).subspan(7, 1)),
                StatusIs(StatusCode::kDataLoss, ::testing::HasSubstr("passes the end")));
    index_->bytes = right;
  }
}

TEST_F(SeriesLoadTest, ReferencesOutsideTheSeriesAreRefused) {
  const auto end = static_cast<uint32_t>(block_->toc().series_end() / kSeriesAlignment + 1);
  for (const uint32_t reference : {0u, end, UINT32_MAX}) {
    EXPECT_THAT(Load(std::span(&reference, 1)),
                StatusIs(StatusCode::kDataLoss, ::testing::HasSubstr("outside the series")));
  }
}

TEST_F(SeriesLoadTest, WhatIsHeldIsCharged) {
  const auto budget = Budget::Make("call", 10 << 20, "test");
  const CallContext context = CallContext().WithBudget(budget);
  {
    THANOS_ASSERT_OK_AND_ASSIGN(const LoadedEntries loaded, Load(references_, context));
    uint64_t bytes = 0;
    for (const auto& payload : loaded.payloads) bytes += payload.size();
    EXPECT_GE(budget->used_bytes(), bytes);
  }
  EXPECT_EQ(budget->used_bytes(), 0u);
  // Entries that lie across pages of a cache are copied.
  const auto used = [&] {
    const auto loaded = Load(std::span(references_).first(40), context);
    EXPECT_THAT(loaded, IsOk());
    return budget->used_bytes();
  };
  const size_t of_one_piece = used();
  options_.index_cache = &cache_;
  ExpectEntries(All());
  EXPECT_GT(used(), of_one_piece);
  const CallContext poor = CallContext().WithBudget(Budget::Make("call", 8 << 10, "test"));
  EXPECT_THAT(Load(references_, poor), StatusIs(StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace thanos::block
