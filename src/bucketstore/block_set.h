// The blocks that a store serves: their metas, and their index-headers, built on demand and kept in
// a local directory. A block whose index cannot be used is put aside with its reason; the others go
// on.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/log.h"
#include "block/block.h"
#include "bucketblocks/fetcher.h"
#include "metrics/registry.h"
#include "thanos/bucket.h"

namespace thanos::block {
class IndexHeader;
}

namespace thanos::bucketstore {

struct BlockSetOptions {
  /// Headers live in `<data_dir>/<ULID>/index-header`; "" keeps them in memory.
  std::string data_dir;
  uint32_t postings_sampling = 32;
  /// Headers on disk are opened at first use and let go when nobody asked for `idle_ms`.
  bool lazy_reader = false;
  int64_t idle_ms = 300'000;
};

enum class BlockState : uint8_t {
  kKnown,  // Its meta only; the header is built when it is asked for.
  kOpen,
  kDamaged,      // Some of its bytes are wrong or gone: what touches them fails, the rest serves.
  kQuarantined,  // Its index is of no use: answers without it say so; tried again at each Sync.
};

struct BlockStatus {
  bucketblocks::MetaRef meta;
  BlockState state = BlockState::kKnown;
  std::string reason;  // Of a quarantine or the first damage that was found.
};

/// A block that queries may ask.
struct ServingBlock {
  bucketblocks::MetaRef meta;
  Labels labels;  // External.
  bool quarantined = false;
};
using ServingBlocks = std::shared_ptr<const std::vector<ServingBlock>>;

/// Thread-safe. The bucket outlives it and every Block that came from it.
class BlockSet {
 public:
  BlockSet(Bucket* bucket, BlockSetOptions options, base::Logger logger,
           metrics::Registry* registry);
  ~BlockSet();

  /// Takes over what a fetch found: new blocks are added, quarantined ones tried again. What
  /// vanished is dropped, with its local directory, only when `complete`.
  void Sync(const bucketblocks::MetaMap& metas, bool complete);
  /// Sizes of index files that a listing gave, for blocks whose metas do not state them: nobody has
  /// to be asked then. Replaces those known before.
  void KnowIndexBytes(std::map<base::Ulid, uint64_t> index_bytes);
  /// One block more or less; for tests and single changes.
  void Add(bucketblocks::MetaRef meta);
  void Remove(const base::Ulid& id);

  /// Opens all blocks that are not yet, newest first; a failing one is logged and counted. With the
  /// lazy reader they are let go again.
  void OpenAll(const CallContext& context, base::Executor& executor);

  /// The block, its header loaded or built; users at the same time share one build. kNotFound when
  /// it is not in the set, kDataLoss with the reason when it is quarantined.
  Result<block::BlockRef> Open(const CallContext& context, const base::Ulid& id);
  /// The block when it is open already, else null. Never waits.
  block::BlockRef IfOpen(const base::Ulid& id);

  /// Puts a block aside because of what reading its index gave.
  void Quarantine(const base::Ulid& id, const Status& reason);
  /// Takes note of wrong bytes somewhere in a block.
  void ReportDamage(const base::Ulid& id, const Status& reason);
  /// With the lazy reader: lets go what was not used for a while.
  void UnloadIdle();

  /// Everything in the set, by id.
  std::vector<BlockStatus> Snapshot() const;
  /// The blocks that answer queries, by id, quarantined ones among them: who asks for those has to
  /// be told. Cheap; shared until the set changes.
  ServingBlocks Serving() const;

 private:
  struct Entry {
    bucketblocks::MetaRef meta;
    Labels labels;
    block::BlockRef block;  // Once open.
    bool opening = false;
    bool prepared = false;  // Was open once.
    std::chrono::steady_clock::time_point used;
    Status quarantine;  // Not OK: put aside.
    Status damage;      // Not OK: the first that was found.

    void Take(bucketblocks::MetaRef found) {
      if (found == meta) return;
      labels = found->ExternalLabels();
      meta = std::move(found);
      block.reset();
      prepared = false;
      damage = OkStatus();
    }
  };
  struct HeaderAndIndex;
  bool lazy() const { return options_.lazy_reader && !options_.data_dir.empty(); }
  Result<block::BlockRef> OpenFor(const CallContext& context, const base::Ulid& id, bool query);
  Result<block::BlockRef> LoadCounted(const CallContext& context, const block::BlockMeta& meta,
                                      bool first, bool lazy_load);
  void Keep(const base::Ulid& id, const block::BlockRef& block, bool query);
  Result<block::BlockRef> Load(const CallContext& context, const block::BlockMeta& meta);
  Result<HeaderAndIndex> LoadHeader(const CallContext& context, const block::BlockMeta& meta);
  Result<HeaderAndIndex> BuildHeader(const CallContext& context, const block::BlockMeta& meta,
                                     const std::string& path);
  Result<std::shared_ptr<const block::IndexHeader>> OpenHeader(const std::string& path) const;
  Result<std::shared_ptr<base::RangeReader>> OpenIndex(const CallContext& context,
                                                       const block::BlockMeta& meta) const;
  void AddHeaderMetrics(metrics::Registry* registry);
  void RemoveDirectory(const std::string& id);
  void CleanDirectories();
  void Changed();

  Bucket* const bucket_;
  const BlockSetOptions options_;
  const base::Logger logger_;
  metrics::Counter loads_, load_failures_, drops_, drop_failures_;
  metrics::Counter lazy_loads_, lazy_load_failures_, lazy_unloads_, lazy_unload_failures_;
  metrics::Gauge loaded_, last_loaded_, quarantined_, damaged_;
  metrics::Histogram load_seconds_, header_download_seconds_, header_load_seconds_;
  metrics::Histogram lazy_load_seconds_;
  mutable std::mutex mutex_;
  std::condition_variable opened_;
  std::map<base::Ulid, Entry> entries_;         // Guarded by mutex_.
  ServingBlocks serving_;                       // Guarded by mutex_.
  std::map<base::Ulid, uint64_t> index_bytes_;  // Guarded by mutex_.
};

}  // namespace thanos::bucketstore
