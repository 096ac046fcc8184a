// A thousand random bit flips over a block's chunks, its index and the local index-header: a store
// never answers wrongly and never with less in silence.
#include <filesystem>
#include <random>
#include <set>

#include <gtest/gtest.h>
#include <unistd.h>

#include "block/byte_sink.h"
#include "bucketstore/bucket_store.h"
#include "bucketstore/index_cache.h"
#include "codec/byte_reader.h"
#include "fakes/memory_bucket.h"
#include "unit/block/fixture_blocks.h"

namespace thanos::bucketstore {
namespace {

using testing::IsOk;

constexpr int kFlips = 1000;

struct Answer {
  Status status;
  std::set<std::string> series;  // Labels and every chunk's bytes, a text each.
  size_t warnings = 0;
};

std::string TextOf(const SeriesView& series) {
  std::string out = series.labels.ToString();
  for (const ChunkView& chunk : series.chunks) {
    out += " " + std::to_string(chunk.min_ms) + "-" + std::to_string(chunk.max_ms);
    for (const ChunkPart& part : chunk.parts) {
      out += ":" + std::to_string(static_cast<int>(part.encoding)) + ":" +
             std::string(codec::AsText(part.data));
    }
  }
  return out;
}

Answer Ask(BucketStore& store, const SelectRequest& request) {
  Answer out;
  auto cursor = store.Select(CallContext(), request);
  out.status = cursor.status();
  while (out.status.ok()) {
    const auto batch = (*cursor)->Next();
    out.warnings += (*cursor)->TakeWarnings().size();
    out.status = batch.status();
    if (!batch.ok() || !*batch) break;
    for (const SeriesView& series : (*batch)->series()) out.series.insert(TextOf(series));
  }
  return out;
}

class BitFlipTest : public ::testing::Test {
 protected:
  void SetUp() override {
    THANOS_SKIP_WITHOUT_SHARED("fixtures");
    data_dir_ = ::testing::TempDir() + "/bitflip-" + std::to_string(getpid());
    std::filesystem::remove_all(data_dir_);
    size_t blocks = 0;
    for (const block::FixtureBlock& found : block::FixtureBlocks()) {
      if (found.fixture != "consecutive" || blocks == 2) continue;
      ++blocks;
      for (const std::string path : {"index", "chunks/000001", "meta.json"}) {
        bucket_.Put(found.id + "/" + path, testing::ReadWholeFile(found.directory + "/" + path));
      }
      auto meta = block::ParseMeta(bucket_.Get(found.id + "/meta.json"));
      ASSERT_THAT(meta, IsOk());
      id_ = found.id;
      metas_[meta->ulid] = std::make_shared<const block::BlockMeta>(*meta);
    }
    ASSERT_EQ(blocks, 2u);
    request_.min_ms = INT64_MIN;
    request_.max_ms = INT64_MAX;
    request_.aggregates.bits = 0x3e;
    Open();
    const Answer whole = Ask(*store_, request_);
    ASSERT_THAT(whole.status, IsOk());
    truth_ = whole.series;
    ASSERT_GT(truth_.size(), 4u);
  }
  void TearDown() override { std::filesystem::remove_all(data_dir_); }

  // Opens as a role does: what is of no use is put aside here.
  void Open() {
    store_.reset();
    BlockSetOptions options;
    options.data_dir = data_dir_;
    blocks_ = std::make_unique<BlockSet>(&bucket_, options, base::Logger(), &registry_);
    blocks_->Sync(metas_, true);
    blocks_->OpenAll(CallContext(), executor_);
    store_ =
        std::make_unique<BucketStore>(blocks_.get(), BucketStoreOptions(), &executor_, &registry_);
  }

  // True when the answer differs from the truth, which it then says.
  bool Check(const std::string& what) {
    request_.partial = PartialStrategy::kAbort;
    const Answer strict = Ask(*store_, request_);
    if (strict.status.ok()) {
      EXPECT_EQ(strict.series, truth_) << what << ": wrong, and nobody was told";
    }
    request_.partial = PartialStrategy::kWarn;
    const Answer partial = Ask(*store_, request_);
    if (partial.status.ok() && partial.warnings == 0) {
      EXPECT_EQ(partial.series, truth_) << what << ": less, and nobody was told";
    }
    return !strict.status.ok();
  }

  std::string data_dir_, id_;
  testing::MemoryBucket bucket_;
  metrics::Registry registry_;
  bucketblocks::MetaMap metas_;
  base::Executor executor_{"test", 2};
  std::unique_ptr<BlockSet> blocks_;
  std::unique_ptr<BucketStore> store_;
  SelectRequest request_;
  std::set<std::string> truth_;
};

TEST_F(BitFlipTest, NoFlipGivesAWrongAnswer) {
  std::mt19937 random(20231109);
  const std::string header = data_dir_ + "/" + id_ + "/index-header";
  const std::string good_header = testing::ReadWholeFile(header);
  int told = 0;
  for (int i = 0; i < kFlips && !HasFailure(); ++i) {
    const int where = i % 3;
    const std::string object = id_ + (where == 0 ? "/chunks/000001" : "/index");
    const std::string good = where == 2 ? good_header : bucket_.Get(object);
    std::string bad = good;
    const size_t at = random() % bad.size();
    bad[at] = static_cast<char>(bad[at] ^ (1 << random() % 8));
    const std::string what = (where == 2 ? header : object) + " at " + std::to_string(at);
    std::filesystem::remove(header);  // Or it would hide what is wrong with the index.
    if (where == 2) {
      ASSERT_THAT(block::WriteFileAtomically(header, codec::AsBytes(bad)), IsOk());
    } else {
      bucket_.Put(object, bad);
    }
    Open();
    told += Check(what) ? 1 : 0;
    if (where == 2) {
      EXPECT_EQ(testing::ReadWholeFile(header), good_header) << what << ": built anew";
    } else {
      bucket_.Put(object, good);
    }
  }
  EXPECT_GT(told, kFlips / 4) << "flips must be felt";
  Open();
  EXPECT_EQ(Ask(*store_, request_).series, truth_);
}

}  // namespace
}  // namespace thanos::bucketstore
