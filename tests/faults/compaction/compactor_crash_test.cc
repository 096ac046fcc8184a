// Goal: whatever call to the object store is the last one of a compactor, no sample is lost or
// there twice, and the next run ends where an undisturbed one would; the run after that has nothing
// to do. Method: a bucket in memory behind the fault decorator, which kills at each enumerated
// point, at random ones of runs that go on, and two compactors that know nothing of each other.
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "bucketblocks/transfer.h"
#include "compaction/compactor.h"
#include "fakes/memory_bucket.h"
#include "objstore/byte_sources.h"
#include "objstore/decorators.h"
#include "support/block_samples.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::compaction {
namespace {

namespace fs = std::filesystem;
constexpr int64_t kHour = 3'600'000;
constexpr int64_t kDay0 = 19'600 * 24 * kHour;

using Objects = std::map<std::string, std::string>;

Objects ObjectsOf(Bucket& bucket) {
  Objects objects;
  EXPECT_THAT(bucket.Iterate(CallContext(), {.recursive = true},
                             [&](const ListedObject& object) {
                               objects[std::string(object.name)];
                               return OkStatus();
                             }),
              testing::IsOk());
  for (auto& [name, content] : objects) {
    auto read = objstore::ReadObject(CallContext(), bucket, name, 1 << 30);
    EXPECT_THAT(read, testing::IsOk());
    if (read.ok()) content = *read;
  }
  return objects;
}

class CompactorCrashTest : public ::testing::Test {
 protected:
  CompactorCrashTest() {
    // Five blocks of 2 h that become one of 8 h and the fresh one; one of 2 d to be downsampled;
    // two that hold the same; two of a day that become one of 2 d and, at once, one of 5 minutes.
    for (int i = 0; i < 5; ++i) {
      Add({.min_ms = kDay0 + i * 2 * kHour,
           .max_ms = kDay0 + (i + 1) * 2 * kHour,
           .step_ms = 300'000,
           .labels = {{"cluster", "a"}}});
    }
    Add({.min_ms = kDay0,
         .max_ms = kDay0 + 48 * kHour,
         .step_ms = kHour,
         .series = 1,
         .labels = {{"cluster", "long"}},
         .level = 3});
    for (int i = 0; i < 2; ++i) {
      Add({.min_ms = kDay0,
           .max_ms = kDay0 + 2 * kHour,
           .step_ms = 600'000,
           .series = 1,
           .labels = {{"cluster", "twice"}}});
    }
    for (int i = 0; i < 3; ++i) {
      Add({.min_ms = kDay0 + i * 24 * kHour,
           .max_ms = kDay0 + (i + 1) * 24 * kHour,
           .step_ms = kHour,
           .series = 1,
           .labels = {{"cluster", "at once"}},
           .level = 2});
    }
  }

  void Add(testing::BlockToWrite what) {
    const std::string parent = directory_.path() + "/made";
    auto objects = testing::BlockObjects(parent, testing::WriteBlock(parent, what));
    for (auto& [name, content] : objects) {
      if (name.ends_with("/meta.json")) content = WithFiles(objects, content);
    }
    first_.merge(objects);
  }

  // The meta with the sizes of the files, as a shipper states them.
  static std::string WithFiles(const Objects& objects, const std::string& text) {
    auto meta = block::ParseMeta(text);
    EXPECT_THAT(meta, testing::IsOk());
    for (const auto& [name, content] : objects) {
      if (name.ends_with("/meta.json")) continue;
      meta->thanos.files.push_back(
          {.path = name.substr(27), .size_bytes = static_cast<int64_t>(content.size())});
    }
    return block::WriteMeta(*meta);
  }

  // Starts as a new process would, with the data directory of the one before.
  IterationResult Run(Bucket& bucket, int64_t delete_delay_ms, const std::string& data,
                      size_t concurrency = 1) {
    metrics::Registry registry;
    base::Executor io("io", 2);
    bucketblocks::FetchOptions fetch;
    fetch.cache_dir = data;
    fetch.ignore_deletion_marks_delay_ms = delete_delay_ms / 2;
    fetch.for_writing = true;
    bucketblocks::MetaFetcher fetcher(&bucket, fetch, &io, base::Logger(), &registry);
    CompactorOptions options;
    options.group.work_dir = data + "/compact";
    options.group.ranges_ms.assign(std::begin(kRangesMs), std::end(kRangesMs));
    options.downsample_dir = data + "/downsample";
    options.delete_delay_ms = delete_delay_ms;
    options.group_concurrency = options.fetch_concurrency = concurrency;
    options.file_concurrency = options.downsample_concurrency = concurrency;
    options.merge_concurrency = concurrency;
    // Four sources fit with their result only when their chunks stay in the bucket.
    if (short_disk_) options.group.free_bytes = [](const std::string&) { return 90'000; };
    Compactor compactor(options, &bucket, &fetcher, &io, base::Logger(), &registry);
    return compactor.RunIteration(CallContext());
  }

  // What a reader of the bucket gets: raw samples of the blocks that are whole and not superseded.
  // Every complete block is read, and must be whole.
  testing::SampleSet Samples(Bucket& bucket) {
    metrics::Registry registry;
    base::Executor io("io", 2);
    bucketblocks::MetaFetcher fetcher(&bucket, {}, &io, base::Logger(), &registry);
    auto fetched = fetcher.Fetch(CallContext());
    EXPECT_THAT(fetched, testing::IsOk());
    testing::SampleSet samples;
    if (!fetched.ok()) return samples;
    for (const auto& [ulid, meta] : fetched->metas) {
      const std::string path = directory_.path() + "/read";
      fs::remove_all(path);
      EXPECT_THAT(bucketblocks::DownloadBlock(CallContext(), bucket, ulid, path, {}),
                  testing::IsOk());
      if (meta->thanos.resolution_ms != 0) continue;
      testing::SampleSet one;
      EXPECT_THAT(testing::AddSamples(path, &one), testing::IsOk());
      const std::string group = meta->thanos.labels.at("cluster");
      for (const auto& [labels, values] : one) {
        samples[group + labels].insert(values.begin(), values.end());
      }
    }
    // The two blocks that hold the same are not told apart by their sources until they are one.
    for (auto& [labels, values] : samples) {
      if (!labels.starts_with("twice")) continue;
      const std::set<std::pair<int64_t, uint64_t>> once(values.begin(), values.end());
      values = {once.begin(), once.end()};
    }
    return samples;
  }

  std::unique_ptr<testing::MemoryBucket> FreshBucket() const {
    auto bucket = std::make_unique<testing::MemoryBucket>();
    for (const auto& [name, content] : first_) bucket->Put(name, content);
    return bucket;
  }
  std::string FreshData() {
    const std::string path = directory_.path() + "/data";
    fs::remove_all(path);
    return path;
  }

  // Cluster, range, level and resolution of the blocks without a mark.
  std::multiset<std::string> Shape(Bucket& bucket) {
    const Objects objects = ObjectsOf(bucket);
    std::multiset<std::string> shape;
    for (const auto& [name, content] : objects) {
      if (!name.ends_with("/meta.json")) continue;
      if (objects.contains(name.substr(0, 26) + "/deletion-mark.json")) continue;
      auto meta = block::ParseMeta(content);
      EXPECT_THAT(meta, testing::IsOk());
      if (!meta.ok()) continue;
      shape.insert(meta->thanos.labels["cluster"] + " " +
                   std::to_string((meta->min_ms - kDay0) / kHour) + "-" +
                   std::to_string((meta->max_ms - kDay0) / kHour) + " L" +
                   std::to_string(meta->compaction.level) + " r" +
                   std::to_string(meta->thanos.resolution_ms));
    }
    return shape;
  }

  void ExpectConvergence(Bucket& bucket, int64_t delay, const std::string& data,
                         const testing::SampleSet& want, const std::string& where) {
    ASSERT_THAT(Run(bucket, delay, data).status, testing::IsOk()) << where;
    EXPECT_EQ(Shape(bucket), kFinalShape) << where;
    EXPECT_EQ(Samples(bucket), want) << where;
    // With a delay of 0 what was marked goes in the second run: that is all that it does.
    if (delay == 0) {
      ASSERT_THAT(Run(bucket, delay, data).status, testing::IsOk()) << where;
    }
    const Objects before = ObjectsOf(bucket);
    ASSERT_THAT(Run(bucket, delay, data).status, testing::IsOk()) << where;
    EXPECT_EQ(ObjectsOf(bucket), before) << where;
  }

  const std::multiset<std::string> kFinalShape = {
      "a 0-8 L2 r0",         "a 8-10 L1 r0",    "at once 0-48 L3 r0",   "at once 0-48 L3 r300000",
      "at once 48-72 L2 r0", "long 0-48 L3 r0", "long 0-48 L3 r300000", "twice 0-2 L2 r0"};
  testing::TemporaryDirectory directory_;
  Objects first_;
  bool short_disk_ = false;
};

class CrashAtEachPoint : public CompactorCrashTest,
                         public ::testing::WithParamInterface<std::pair<int64_t, bool>> {};

TEST_P(CrashAtEachPoint, NothingIsLostOrTwice) {
  const int64_t delay = GetParam().first;
  short_disk_ = GetParam().second;
  const auto whole = FreshBucket();
  const testing::SampleSet want = Samples(*whole);
  ASSERT_EQ(want.size(), 5u);
  auto counter = std::make_shared<objstore::FaultPlan>();
  {
    auto bucket = objstore::WithFaults(FreshBucket(), counter);
    ExpectConvergence(*bucket, delay, FreshData(), want, "undisturbed");
    counter = std::make_shared<objstore::FaultPlan>();
    bucket = objstore::WithFaults(FreshBucket(), counter);
    ASSERT_THAT(Run(*bucket, delay, FreshData()).status, testing::IsOk());
  }
  ASSERT_GT(counter->points(), 100u);
  for (uint64_t point = 0; point < counter->points(); ++point) {
    auto inner = FreshBucket();
    Bucket& bucket = *inner;
    const auto faulty = objstore::WithFaults(std::move(inner), objstore::FaultPlan::CrashAt(point));
    const std::string data = FreshData(), where = "point " + std::to_string(point);
    const IterationResult crashed = Run(*faulty, delay, data);
    EXPECT_FALSE(crashed.status.ok()) << where;
    ASSERT_EQ(Samples(bucket), want) << where;
    ExpectConvergence(bucket, delay, data, want, where);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(DeleteDelays, CrashAtEachPoint,
                         ::testing::Values(std::pair(48 * kHour, false),
                                           std::pair(int64_t{0}, false),
                                           std::pair(48 * kHour, true)));

// Several crashes in a row, at random points, before a run is left alone.
TEST_F(CompactorCrashTest, RepeatedCrashesAtRandomPoints) {
  const auto whole = FreshBucket();
  const testing::SampleSet want = Samples(*whole);
  for (uint64_t seed = 1; seed <= 15; ++seed) {
    std::mt19937_64 random(seed);
    const int64_t delay = seed % 2 == 0 ? 0 : 48 * kHour;
    auto inner = FreshBucket();
    const std::string data = FreshData();
    std::unique_ptr<Bucket> bucket = std::move(inner);
    Bucket& bare = *bucket;
    auto point = std::make_shared<std::atomic<int64_t>>(0);
    const auto faulty = objstore::WithFaults(
        std::move(bucket),
        std::make_shared<objstore::FaultPlan>([point](uint64_t, std::string_view) {
          return --*point < 0 ? UnavailableError("killed") : OkStatus();
        }));
    for (int crash = 0; crash < 8; ++crash) {
      *point = static_cast<int64_t>(random() % 400);
      const IterationResult ignored = Run(*faulty, delay, data);
      ASSERT_EQ(Samples(bare), want) << "seed " << seed << ", crash " << crash;
      if (random() % 4 == 0) fs::remove_all(data);
    }
    ExpectConvergence(bare, delay, data, want, "seed " + std::to_string(seed));
    if (HasFailure()) return;
  }
}

TEST_F(CompactorCrashTest, ASecondCompactorDoesNoHarm) {
  const auto whole = FreshBucket();
  const testing::SampleSet want = Samples(*whole);
  for (int round = 0; round < 20; ++round) {
    const auto bucket = FreshBucket();
    const std::string data = FreshData();
    std::thread other([&] { (void)Run(*bucket, 48 * kHour, data + "/other", 3); });
    (void)Run(*bucket, 48 * kHour, data + "/one", 3);
    other.join();
    ASSERT_EQ(Samples(*bucket), want) << "round " << round;
    ExpectConvergence(*bucket, 48 * kHour, data + "/one", want, "round " + std::to_string(round));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace thanos::compaction
