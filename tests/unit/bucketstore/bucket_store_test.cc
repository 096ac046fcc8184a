#include "bucketstore/bucket_store.h"

#include <filesystem>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "block/block_source.h"
#include "block/byte_sink.h"
#include "bucketstore/gateway.h"
#include "bucketstore/index_cache.h"
#include "chunk/decode.h"
#include "codec/byte_reader.h"
#include "fakes/memory_bucket.h"
#include "unit/block/fixture_blocks.h"
#include "wire/store_messages.h"

namespace thanos::bucketstore {
namespace {

using model::Matcher;
using model::MatchType;
using testing::IsOk;
using testing::StatusIs;

// One line per chunk: labels, times, aggregates, encodings, hashes.
Result<std::string> Dump(SeriesSource& source, const SelectRequest& request,
                         const CallContext& context = CallContext(), SelectEnd* end = nullptr,
                         Warnings* warnings = nullptr) {
  THANOS_ASSIGN_OR_RETURN(const auto cursor, source.Select(context, request));
  cursor->Start();
  std::string out, last;
  bool first = true;
  while (true) {
    THANOS_ASSIGN_OR_RETURN(const SeriesBatchRef batch, cursor->Next());
    if (warnings != nullptr) {
      for (auto& warning : cursor->TakeWarnings()) warnings->push_back(std::move(warning));
    }
    if (!batch) break;
    EXPECT_LE(batch->series().size(), request.batch_series);
    for (const SeriesView& series : batch->series()) {
      if (!first) {
        EXPECT_LT(Compare(LabelsView(last), series.labels), 0);
      }
      first = false;
      last = series.labels.encoded();
      out += series.labels.ToString() + "\n";
      for (const ChunkView& chunk : series.chunks) {
        out += std::to_string(chunk.min_ms) + " " + std::to_string(chunk.max_ms);
        for (const ChunkPart& part : chunk.parts) {
          out += " " + std::to_string(static_cast<int>(part.aggr)) + ":" +
                 std::to_string(static_cast<int>(part.encoding)) + ":" + std::to_string(part.hash) +
                 ":" + std::to_string(part.data.size());
        }
        out += "\n";
      }
    }
  }
  if (end != nullptr) *end = cursor->end();
  return out;
}

size_t SeriesIn(const std::string& dump) {
  return static_cast<size_t>(std::count(dump.begin(), dump.end(), '{'));
}

class BucketStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(testing::SharedPath("fixtures"))) {
      GTEST_SKIP() << "../shared/fixtures is absent: skipped";
    }
    data_dir_ = ::testing::TempDir() + "/bucketstore-" + std::to_string(getpid());
    std::filesystem::remove_all(data_dir_);
  }
  void TearDown() override { std::filesystem::remove_all(data_dir_); }

  void Upload(const std::string& fixture) {
    for (const block::FixtureBlock& found : block::FixtureBlocks()) {
      if (found.fixture != fixture) continue;
      for (const auto& file : std::filesystem::recursive_directory_iterator(found.directory)) {
        if (!file.is_regular_file()) continue;
        const std::string path =
            found.id + "/" +
            std::filesystem::relative(file.path(), found.directory).generic_string();
        bucket_.Put(path, testing::ReadWholeFile(file.path().string()));
      }
      auto meta = block::ParseMeta(bucket_.Get(found.id + "/meta.json"));
      ASSERT_THAT(meta, IsOk());
      metas_[meta->ulid] = std::make_shared<const block::BlockMeta>(*meta);
    }
  }
  void MakeStore(BucketStoreOptions options = {}, bool in_memory = false) {
    store_.reset();
    BlockSetOptions set_options;
    if (!in_memory) set_options.data_dir = data_dir_;
    blocks_ = std::make_unique<BlockSet>(&bucket_, set_options, base::Logger(), &registry_);
    blocks_->Sync(metas_, true);
    store_ =
        std::make_unique<BucketStore>(blocks_.get(), std::move(options), &executor_, &registry_);
  }
  std::string LocalDump(const std::string& fixture, const SelectRequest& request) {
    block::BlockSource source("local", block::OpenFixtureFolder(fixture));
    auto dump = Dump(source, request);
    EXPECT_THAT(dump, IsOk());
    return dump.ok() ? *dump : "";
  }
  static SelectRequest Everything() {
    SelectRequest request;
    request.min_ms = INT64_MIN;
    request.max_ms = INT64_MAX;
    request.aggregates.bits = 0x3e;
    return request;
  }

  std::string data_dir_;
  testing::MemoryBucket bucket_;
  metrics::Registry registry_;
  bucketblocks::MetaMap metas_;
  base::Executor executor_{"test", 3};
  std::unique_ptr<BlockSet> blocks_;
  std::unique_ptr<BucketStore> store_;
};

TEST_F(BucketStoreTest, AnswersAsTheLocalBlocksDo) {
  for (const char* fixture :
       {"two-replicas", "consecutive", "special", "native-histograms", "ha-hist"}) {
    metas_.clear();
    Upload(fixture);
    MakeStore();
    for (const uint32_t batch : {1u, 7u, 64u}) {
      SelectRequest request = Everything();
      request.batch_series = batch;
      request.window_bytes = batch == 7 ? 2000 : 4 << 20;
      THANOS_ASSERT_OK_AND_ASSIGN(const std::string remote, Dump(*store_, request));
      EXPECT_EQ(remote, LocalDump(fixture, request)) << fixture;
      EXPECT_GT(remote.size(), 100u);
    }
  }
}

TEST_F(BucketStoreTest, AggregatesOfTheCoarsestResolutionAreSent) {
  Upload("downsampled");
  MakeStore();
  SelectRequest request = Everything();
  request.max_resolution_ms = 3'600'000;
  request.aggregates.bits = 0;
  request.aggregates.Add(Aggr::kSum);
  request.aggregates.Add(Aggr::kCount);
  THANOS_ASSERT_OK_AND_ASSIGN(const std::string remote, Dump(*store_, request));
  EXPECT_EQ(remote, LocalDump("downsampled", request));
  EXPECT_NE(remote.find(" 1:1:"), std::string::npos);
  EXPECT_EQ(remote.find(" 5:1:"), std::string::npos);
}

TEST_F(BucketStoreTest, RemovedAndReplacedLabelsKeepTheOrder) {
  Upload("two-replicas");
  MakeStore();
  SelectRequest request = Everything();
  for (const auto& names : std::vector<std::vector<std::string>>{
           {"replica"}, {"replica", "code"}, {"instance", "pod"}, {"__name__"}}) {
    request.without_labels = names;
    THANOS_ASSERT_OK_AND_ASSIGN(const std::string remote, Dump(*store_, request));
    EXPECT_EQ(remote, LocalDump("two-replicas", request));
    for (const std::string& name : names) EXPECT_EQ(remote.find(name + "=\""), std::string::npos);
  }
}

TEST_F(BucketStoreTest, MatchersOnExternalLabelsChooseBlocksAndAreDropped) {
  Upload("two-replicas");
  MakeStore();
  SelectRequest request = Everything();
  request.matchers = {Matcher::Equal("replica", "b")};
  THANOS_ASSERT_OK_AND_ASSIGN(const std::string one, Dump(*store_, request));
  EXPECT_EQ(SeriesIn(one), 40u);
  EXPECT_EQ(one.find("replica=\"a\""), std::string::npos);
  EXPECT_EQ(store_->BlocksOf(request, {}).size(), 1u);
  request.matchers = {Matcher::Equal("replica", "c")};
  THANOS_ASSERT_OK_AND_ASSIGN(const std::string none, Dump(*store_, request));
  EXPECT_EQ(none, "");
  const StoreSelect only{{Matcher::Equal("__block_id", metas_.begin()->first.ToString())}};
  request.matchers.clear();
  EXPECT_EQ(store_->BlocksOf(request, only), std::vector<base::Ulid>{metas_.begin()->first});
}

TEST_F(BucketStoreTest, HeadersAreBuiltOnceKeptAndRebuiltWhenBad) {
  Upload("two-replicas");
  MakeStore();
  ASSERT_THAT(Dump(*store_, Everything()), IsOk());
  const std::string path = data_dir_ + "/" + metas_.begin()->first.ToString() + "/index-header";
  ASSERT_TRUE(std::filesystem::exists(path));
  bucket_.ResetCounts();
  SelectRequest bare = Everything();
  bare.matchers = {Matcher::Equal("__name__", "no_such_metric")};
  MakeStore();
  ASSERT_THAT(Dump(*store_, bare), IsOk());
  EXPECT_EQ(bucket_.opens(), 0u) << "a kept header needs no read";
  std::string bytes = testing::ReadWholeFile(path);
  bytes[40] = static_cast<char>(bytes[40] ^ 1);
  std::filesystem::remove(path);
  ASSERT_THAT(block::WriteFileAtomically(path, codec::AsBytes(bytes)), IsOk());
  MakeStore();
  THANOS_ASSERT_OK_AND_ASSIGN(const std::string dump, Dump(*store_, Everything()));
  EXPECT_EQ(SeriesIn(dump), 80u);
  EXPECT_GT(bucket_.opens(), 0u);
}

TEST_F(BucketStoreTest, VanishedBlocksAreDroppedWithTheirDirectoriesOnlyWhenTheListIsComplete) {
  Upload("two-replicas");
  MakeStore();
  ASSERT_THAT(Dump(*store_, Everything()), IsOk());
  const base::Ulid gone = metas_.begin()->first;
  metas_.erase(metas_.begin());
  blocks_->Sync(metas_, false);
  EXPECT_EQ(blocks_->Snapshot().size(), 2u);
  blocks_->Sync(metas_, true);
  EXPECT_EQ(blocks_->Snapshot().size(), 1u);
  EXPECT_FALSE(std::filesystem::exists(data_dir_ + "/" + gone.ToString()));
  THANOS_ASSERT_OK_AND_ASSIGN(const std::string dump, Dump(*store_, Everything()));
  EXPECT_EQ(SeriesIn(dump), 40u);
}

TEST_F(BucketStoreTest, ABlockWithWrongBytesIsNamedAndTheOthersAnswer) {
  Upload("two-replicas");
  const std::string id = metas_.begin()->first.ToString();
  for (const char* file : {"/chunks/000001", "/index"}) {
    const std::string good = bucket_.Get(id + file);
    std::string bad = good;
    // In the index: the first series entries; in the segment: a chunk.
    const size_t at = file == std::string("/index")
                          ? codec::LoadBe64(bad.data() + bad.size() - 52 + 8) + 16
                          : bad.size() / 2;
    for (size_t i = 0; i < 64; ++i) bad[at + i] = static_cast<char>(bad[at + i] ^ 0x55);
    bucket_.Put(id + file, bad);
    MakeStore();
    Warnings warnings;
    SelectEnd end;
    THANOS_ASSERT_OK_AND_ASSIGN(const std::string partial,
                                Dump(*store_, Everything(), CallContext(), &end, &warnings));
    EXPECT_GE(SeriesIn(partial), 40u);
    EXPECT_TRUE(end.partial);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find(id), std::string::npos) << warnings[0];
    const auto snapshot = blocks_->Snapshot();
    EXPECT_EQ(snapshot[0].state, BlockState::kDamaged);
    EXPECT_NE(snapshot[0].reason, "");
    // It is told every time, never left out in silence; and a failure where warnings do not count
    // or the block is the only one asked.
    warnings.clear();
    THANOS_ASSERT_OK(Dump(*store_, Everything(), CallContext(), &end, &warnings));
    EXPECT_EQ(warnings.size(), 1u);
    SelectRequest strict = Everything();
    strict.partial = PartialStrategy::kAbort;
    EXPECT_THAT(Dump(*store_, strict), StatusIs(StatusCode::kDataLoss));
    SelectRequest alone = Everything();
    alone.matchers = {
        Matcher::Equal("replica", metas_.begin()->second->thanos.labels.at("replica"))};
    EXPECT_THAT(Dump(*store_, alone), StatusIs(StatusCode::kDataLoss));
    bucket_.Put(id + file, good);
    blocks_->Sync(metas_, true);
    THANOS_ASSERT_OK_AND_ASSIGN(const std::string whole, Dump(*store_, Everything()));
    EXPECT_EQ(SeriesIn(whole), 80u);
  }
}

TEST_F(BucketStoreTest, WithoutPartialAnswersAFailingBlockFailsTheSelect) {
  Upload("two-replicas");
  const std::string id = metas_.begin()->first.ToString();
  bucket_.before_open = [id](const CallContext&, std::string_view name) -> Status {
    if (!name.starts_with(id)) return OkStatus();
    return UnavailableError("object store is away");
  };
  MakeStore();
  SelectRequest request = Everything();
  request.partial = PartialStrategy::kAbort;
  EXPECT_THAT(Dump(*store_, request), StatusIs(StatusCode::kUnavailable));
  request.partial = PartialStrategy::kWarn;
  SelectEnd end;
  THANOS_ASSERT_OK_AND_ASSIGN(const std::string partial,
                              Dump(*store_, request, CallContext(), &end));
  EXPECT_EQ(SeriesIn(partial), 40u);
  EXPECT_TRUE(end.partial);
  EXPECT_EQ(blocks_->Snapshot()[0].state, BlockState::kKnown) << "not a fault of its bytes";
}

TEST_F(BucketStoreTest, LimitsRefuseWithTheirText) {
  Upload("two-replicas");
  BucketStoreOptions options;
  options.limits.series = 50;
  MakeStore(options);
  EXPECT_THAT(Dump(*store_, Everything()),
              StatusIs(StatusCode::kResourceExhausted,
                       ::testing::HasSubstr("exceeded series limit: limit 50 violated (got 80)")));
  options.limits = {0, 120 * 30, 0};
  MakeStore(options);
  EXPECT_THAT(Dump(*store_, Everything()),
              StatusIs(StatusCode::kResourceExhausted,
                       ::testing::HasSubstr("exceeded chunks limit: limit 30 violated (got 3")));
  options.limits = {0, 0, 1000};
  MakeStore(options);
  EXPECT_THAT(Dump(*store_, Everything()),
              StatusIs(StatusCode::kResourceExhausted,
                       ::testing::HasSubstr("exceeded bytes limit: limit 1000 violated (got ")));
  options.limits = {80, 200 * 120, 1 << 20};
  MakeStore(options);
  EXPECT_THAT(Dump(*store_, Everything()), IsOk());
}

TEST_F(BucketStoreTest, TheRequestLimitCountsSeriesThatMatch) {
  Upload("two-replicas");
  MakeStore();
  SelectRequest request = Everything();
  request.limit = 5;
  THANOS_ASSERT_OK_AND_ASSIGN(const std::string five, Dump(*store_, request));
  EXPECT_EQ(SeriesIn(five), 5u);
}

TEST_F(BucketStoreTest, CancellationEndsASelectThatWaitsForTheBucket) {
  Upload("two-replicas");
  MakeStore();
  std::atomic<bool> waiting{false};
  bucket_.before_open = [&](const CallContext& context, std::string_view) -> Status {
    waiting = true;
    while (context.Check().ok()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return context.Check();
  };
  const CallContext context = CallContext().WithCancel();
  std::thread canceller([&] {
    while (!waiting) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    context.Cancel();
  });
  EXPECT_THAT(Dump(*store_, Everything(), context), StatusIs(StatusCode::kCancelled));
  canceller.join();
}

TEST_F(BucketStoreTest, ACursorThatGoesAwayWaitsForNothing) {
  Upload("two-replicas");
  MakeStore();
  std::atomic<bool> stopped{false};
  bucket_.before_open = [&](const CallContext& context, std::string_view) -> Status {
    while (context.Check().ok()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    stopped = true;
    return context.Check();
  };
  {
    THANOS_ASSERT_OK_AND_ASSIGN(const auto cursor, store_->Select(CallContext(), Everything()));
    cursor->Start();
  }
  for (int i = 0; i < 2000 && !stopped; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(stopped);
}

TEST_F(BucketStoreTest, MemoryIsChargedAndGivenBack) {
  Upload("two-replicas");
  MakeStore();
  const auto budget = Budget::Make("request", 64 << 20);
  ASSERT_THAT(Dump(*store_, Everything(), CallContext().WithBudget(budget)), IsOk());
  EXPECT_GT(budget->peak_bytes(), 10000u);
  for (int i = 0; i < 1000 && budget->used_bytes() != 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(budget->used_bytes(), 0u);
  const auto small = Budget::Make("request", 3000, "store.memory");
  EXPECT_THAT(Dump(*store_, Everything(), CallContext().WithBudget(small)),
              StatusIs(StatusCode::kResourceExhausted, ::testing::HasSubstr("store.memory")));
}

TEST_F(BucketStoreTest, InfoStatesLabelSetsTimesAndRuns) {
  MakeStore();
  EXPECT_EQ(store_->Info().min_ms, INT64_MAX);
  EXPECT_EQ(store_->Info().max_ms, INT64_MIN);
  Upload("two-replicas");
  Upload("consecutive");
  BucketStoreOptions options;
  options.max_ms = [] { return int64_t{1'699'580'000'000}; };
  MakeStore(options);
  const SourceInfo info = store_->Info();
  ASSERT_EQ(info.label_sets.size(), 3u);
  EXPECT_EQ(info.label_sets[0].ToString(), "{cluster=\"cons\", replica=\"a\"}");
  EXPECT_EQ(info.max_ms, 1'699'580'000'000);
  EXPECT_EQ(info.tsdbs.size(), 6u) << "the consecutive blocks do not touch";
}

TEST_F(BucketStoreTest, LabelCallsAgreeWithTheLocalBlocks) {
  Upload("two-replicas");
  Upload("special");
  MakeStore({}, true);
  auto blocks = block::OpenFixtureFolder("two-replicas");
  for (auto& block : block::OpenFixtureFolder("special")) blocks.push_back(block);
  block::BlockSource local("local", blocks);
  LabelsRequest request;
  request.min_ms = 0;
  request.max_ms = INT64_MAX;
  for (int round = 0; round < 3; ++round) {
    if (round == 1) request.matchers = {Matcher::Equal("cluster", "eu")};
    if (round == 2)
      request.matchers = {Matcher::Equal("code", "200"), Matcher::NotEqual("pod", "")};
    THANOS_ASSERT_OK_AND_ASSIGN(const auto names, store_->LabelNames(CallContext(), request));
    THANOS_ASSERT_OK_AND_ASSIGN(const auto expected, local.LabelNames(CallContext(), request));
    EXPECT_EQ(names.values, expected.values);
    for (const std::string& name : expected.values) {
      THANOS_ASSERT_OK_AND_ASSIGN(const auto values,
                                  store_->LabelValues(CallContext(), name, request));
      THANOS_ASSERT_OK_AND_ASSIGN(const auto wanted,
                                  local.LabelValues(CallContext(), name, request));
      EXPECT_EQ(values.values, wanted.values) << name;
    }
  }
}

TEST_F(BucketStoreTest, LabelCallsTellWhichBlocksTheyAsked) {
  Upload("two-replicas");
  MakeStore();
  LabelsRequest request;
  request.min_ms = 0;
  request.max_ms = INT64_MAX;
  SelectRequest select = Everything();
  select.max_resolution_ms = INT64_MAX;
  std::vector<std::string> ulids;
  for (const base::Ulid& ulid : store_->BlocksOf(select, {})) ulids.push_back(ulid.ToString());
  ASSERT_FALSE(ulids.empty());
  THANOS_ASSERT_OK_AND_ASSIGN(const auto names, store_->LabelNames(CallContext(), request));
  EXPECT_EQ(names.hints, wire::EncodeLabelResponseHints(wire::LabelCall::kNames, ulids));
  THANOS_ASSERT_OK_AND_ASSIGN(const auto values,
                              store_->LabelValues(CallContext(), "__name__", request));
  EXPECT_EQ(values.hints, wire::EncodeLabelResponseHints(wire::LabelCall::kValues, ulids));
}

TEST_F(BucketStoreTest, HintsOfLabelCallsChooseBlocksAndMustBeTheirOwn) {
  Upload("two-replicas");
  MakeStore();
  Gateway gateway(store_.get(), 1, Budget::Make("all calls", 0, ""), &registry_);
  LabelsRequest request;
  request.min_ms = 0;
  request.max_ms = INT64_MAX;
  wire::SeriesRequestHints hints;
  hints.block_matchers = {Matcher::Equal("__block_id", "none")};
  request.hints_any = wire::EncodeRequestHints(hints, "SeriesRequestHints");
  EXPECT_THAT(gateway.LabelNames(CallContext(), request), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(gateway.LabelValues(CallContext(), "__name__", request),
              StatusIs(StatusCode::kInvalidArgument));
  // The three messages are told apart by their names alone.
  const auto named = [&](const std::string& message) {
    LabelsRequest out = request;
    out.hints_any = wire::EncodeRequestHints(hints, message);
    return out;
  };
  THANOS_ASSERT_OK_AND_ASSIGN(const auto names,
                              gateway.LabelNames(CallContext(), named("LabelNamesRequestHints")));
  EXPECT_TRUE(names.values.empty());
  THANOS_ASSERT_OK_AND_ASSIGN(
      const auto values,
      gateway.LabelValues(CallContext(), "__name__", named("LabelValuesRequestHints")));
  EXPECT_TRUE(values.values.empty());
}

TEST_F(BucketStoreTest, ChunksAreReadWithLittleMoreThanTheirBytes) {
  Upload("two-replicas");
  MakeStore();
  ASSERT_THAT(Dump(*store_, Everything()), IsOk());  // Builds the headers.
  bucket_.ResetCounts();
  SelectEnd end;
  ASSERT_THAT(Dump(*store_, Everything(), CallContext(), &end), IsOk());
  EXPECT_EQ(end.series, 80u);
  // Postings, entries and chunks, one read each per block.
  EXPECT_LE(bucket_.opens(), 6u);
  EXPECT_LT(bucket_.opened_bytes(), end.bytes * 13 / 10);
}

TEST_F(BucketStoreTest, ABlockThatIsGoneIsReplacedByItsSuccessorOnce) {
  Upload("two-replicas");
  int refreshed = 0;
  BucketStoreOptions options;
  bucketblocks::MetaMap before = metas_;
  // The successor: the same files under another name.
  const std::string old_id = metas_.begin()->first.ToString();
  const base::Ulid successor = base::Ulid::Make(1800000000000);
  const auto move = [&] {
    for (const std::string file : {"index", "chunks/000001"}) {
      bucket_.Put(successor.ToString() + "/" + file, bucket_.Get(old_id + "/" + file));
      ASSERT_THAT(bucket_.Delete(CallContext(), old_id + "/" + file), IsOk());
    }
    block::BlockMeta meta = *metas_.begin()->second;
    meta.ulid = successor;
    metas_.erase(metas_.begin());
    metas_[successor] = std::make_shared<const block::BlockMeta>(meta);
  };
  options.refresh = [&](const CallContext&) -> Status {
    ++refreshed;
    blocks_->Sync(metas_, true);
    return OkStatus();
  };
  for (const PartialStrategy partial : {PartialStrategy::kAbort, PartialStrategy::kWarn}) {
    SCOPED_TRACE(static_cast<int>(partial));
    metas_ = before;
    Upload("two-replicas");
    MakeStore(options);
    SelectRequest request = Everything();
    request.partial = partial;
    THANOS_ASSERT_OK_AND_ASSIGN(const std::string whole, Dump(*store_, request));
    move();
    refreshed = 0;
    Warnings warnings;
    SelectEnd end;
    THANOS_ASSERT_OK_AND_ASSIGN(const std::string again,
                                Dump(*store_, request, CallContext(), &end, &warnings));
    EXPECT_EQ(again, whole);
    EXPECT_EQ(refreshed, 1);
    EXPECT_TRUE(warnings.empty());
    EXPECT_FALSE(end.partial);
    // Without a successor it is looked for once, and told.
    ASSERT_THAT(bucket_.Delete(CallContext(), successor.ToString() + "/chunks/000001"), IsOk());
    refreshed = 0;
    const auto failed = Dump(*store_, request, CallContext(), &end, &warnings);
    EXPECT_EQ(refreshed, 1);
    EXPECT_EQ(failed.ok(), partial == PartialStrategy::kWarn);
    EXPECT_EQ(warnings.size(), partial == PartialStrategy::kWarn ? 1u : 0u);
  }
}

TEST_F(BucketStoreTest, ABlockThatIsGoneForGoodIsToldOnce) {
  Upload("two-replicas");
  BucketStoreOptions options;
  options.refresh = [&](const CallContext&) -> Status {
    blocks_->Sync(metas_, true);
    return OkStatus();
  };
  MakeStore(options);
  ASSERT_GT(metas_.size(), 1u);
  const std::string id = metas_.begin()->first.ToString();
  for (const std::string file : {"index", "chunks/000001"}) {
    ASSERT_THAT(bucket_.Delete(CallContext(), id + "/" + file), IsOk());
  }
  metas_.erase(metas_.begin());
  SelectRequest request = Everything();
  request.partial = PartialStrategy::kAbort;
  // Its data was announced and is not there: an answer without it would be wrong.
  EXPECT_FALSE(Dump(*store_, request).ok());
  // By the next call the set does not announce it any more.
  EXPECT_TRUE(Dump(*store_, request).ok());
}

TEST_F(BucketStoreTest, TwentyOfTheWorstQueriesStayInsideTheBudget) {
  Upload("two-replicas");
  MakeStore();
  THANOS_ASSERT_OK_AND_ASSIGN(const std::string whole, Dump(*store_, Everything()));
  // Enough for some of them, not for all; then for none.
  for (const size_t limit : {size_t{4} << 20, size_t{20} << 10}) {
    const auto budget = Budget::Make("all calls", limit, "store.memory-budget");
    Gateway gateway(store_.get(), 20, budget, &registry_);
    std::atomic<int> answered{0}, refused{0}, other{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 20; ++i) {
      threads.emplace_back([&] {
        const auto dump = Dump(gateway, Everything());
        if (dump.ok() && *dump == whole) {
          ++answered;
        } else if (dump.status().code() == StatusCode::kResourceExhausted) {
          ++refused;
        } else {
          ++other;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(other, 0);
    EXPECT_LE(budget->peak_bytes(), limit);
    EXPECT_EQ(answered + refused, 20);
    if (limit < (1 << 20)) {
      EXPECT_EQ(refused, 20);
    } else {
      EXPECT_GT(answered, 0);
    }
    store_.reset();  // Waits for reads that were left behind.
    EXPECT_EQ(budget->used_bytes(), 0u);
    MakeStore();
  }
}

// An index cache of the store's own making, kept over many queries.
TEST_F(BucketStoreTest, WithAnIndexCacheAnswersAreTheSameAndTheIndexIsReadOnce) {
  Upload("two-replicas");
  THANOS_ASSERT_OK_AND_ASSIGN(const auto cache, MakeIndexCache("", 10 << 20, &registry_));
  BucketStoreOptions options;
  options.index_cache = cache.get();
  MakeStore(options);
  std::vector<model::Matchers> queries = {
      {}, {Matcher::Equal("code", "200")}, {Matcher::NotEqual("code", "200")}};
  for (const char* pattern : {"app_.*", ".*total", "", "app_metric_0(1|2)"}) {
    auto matcher = Matcher::Make(MatchType::kRegex, "__name__", pattern);
    ASSERT_THAT(matcher, IsOk());
    queries.push_back({*matcher, Matcher::NotEqual("code", "404")});
  }
  for (const model::Matchers& matchers : queries) {
    SelectRequest request = Everything();
    request.matchers = matchers;
    THANOS_ASSERT_OK_AND_ASSIGN(const std::string cold, Dump(*store_, request));
    EXPECT_EQ(cold, LocalDump("two-replicas", request));
    uint64_t index_reads = 0;
    bucket_.before_open = [&](const CallContext&, std::string_view name) -> Status {
      if (name.ends_with("/index")) ++index_reads;
      return OkStatus();
    };
    THANOS_ASSERT_OK_AND_ASSIGN(const std::string warm, Dump(*store_, request));
    bucket_.before_open = nullptr;
    EXPECT_EQ(warm, cold);
    EXPECT_EQ(index_reads, 0u);
  }
}

}  // namespace
}  // namespace thanos::bucketstore
