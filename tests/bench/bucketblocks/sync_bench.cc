// What a store pays for a bucket of 100,000 blocks before it reads any of them: fetching the metas,
// the filters, taking them over, choosing blocks for a query. Metas only, from memory; one group of
// external labels, a tenth of the blocks already replaced by others.
#include <fstream>
#include <string>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "bucketblocks/fetcher.h"
#include "bucketstore/block_set.h"
#include "bucketstore/bucket_store.h"
#include "fakes/memory_bucket.h"

namespace thanos::bucketblocks {
namespace {

constexpr int kBlocks = 100'000;
constexpr int64_t kBegin = 1'600'000'000'000, kBlockMs = 7'200'000;

void Fill(testing::MemoryBucket* bucket) {
  std::vector<base::Ulid> ids;
  for (int i = 0; i < kBlocks; ++i) {
    block::BlockMeta meta;
    meta.ulid = base::Ulid::Make(kBegin + i);
    ids.push_back(meta.ulid);
    // Every tenth one replaces the one before.
    const int slot = i - (i % 10 == 9 ? 1 : 0);
    meta.min_ms = kBegin + slot * kBlockMs;
    meta.max_ms = meta.min_ms + kBlockMs;
    meta.stats.samples = 1'000'000;
    meta.compaction.level = i % 10 == 9 ? 2 : 1;
    meta.compaction.sources = {ids[static_cast<size_t>(slot)]};
    if (slot != i) meta.compaction.sources.push_back(meta.ulid);
    meta.thanos.labels = {{"cluster", "bench"}, {"replica", "a"}};
    bucket->Put(meta.ulid.ToString() + "/meta.json", block::WriteMeta(meta));
  }
}

double ResidentMegabytes() {
  std::ifstream statm("/proc/self/statm");
  double pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

void BM_SyncOfManyBlocks(benchmark::State& state) {
  testing::MemoryBucket bucket;
  Fill(&bucket);
  const double before = ResidentMegabytes();
  base::Executor io("meta", 32);
  size_t loaded = 0;
  double megabytes = 0;
  for (auto _ : state) {
    metrics::Registry registry;
    FetchOptions options;
    options.ignore_deletion_marks_delay_ms = 0;
    MetaFetcher fetcher(&bucket, options, &io, base::Logger(), &registry);
    bucketstore::BlockSet blocks(&bucket, {}, base::Logger(), &registry);
    const auto fetched = fetcher.Fetch(CallContext());
    if (!fetched.ok()) state.SkipWithError("fetch failed");
    blocks.Sync(fetched->metas, true);
    loaded = blocks.Serving()->size();
    bucketstore::BucketStore store(&blocks, {}, nullptr, nullptr);
    SelectRequest request;
    request.min_ms = kBegin;
    request.max_ms = kBegin + 100 * kBlockMs;
    benchmark::DoNotOptimize(store.BlocksOf(request, {}));
    megabytes = ResidentMegabytes() - before;
  }
  state.counters["blocks"] = static_cast<double>(loaded);
  state.counters["megabytes"] = megabytes;
}
BENCHMARK(BM_SyncOfManyBlocks)->Unit(benchmark::kSecond)->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace thanos::bucketblocks
