// Which blocks a bucket holds: their metas, fetched once and kept, and the filters of a reader.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/log.h"
#include "base/ulid.h"
#include "block/meta.h"
#include "bucketblocks/marks.h"
#include "bucketblocks/meta_pack.h"
#include "metrics/registry.h"
#include "relabel/relabel.h"
#include "thanos/bucket.h"

namespace thanos::bucketblocks {

using MetaRef = std::shared_ptr<const block::BlockMeta>;
using MetaMap = std::map<base::Ulid, MetaRef>;

struct FetchOptions {
  std::string cache_dir;  // "" keeps metas in memory only.
  /// Blocks younger than this are left out, unless a compactor made them.
  int64_t consistency_delay_ms = 0;
  /// Blocks marked for deletion longer ago than this are left out; negative keeps them all.
  int64_t ignore_deletion_marks_delay_ms = -1;
  /// Blocks outside [min_ms(), max_ms()] are left out; called at each fetch.
  std::function<int64_t()> min_ms, max_ms;
  /// Blocks all of whose sources another block of the group has are left out.
  bool drop_duplicates = true;
  /// On the external labels and `__block_id`: what it drops is left out.
  relabel::Rules selector;
  /// These labels are not shown to the selector.
  std::vector<std::string> labels_hidden_from_selector;
  /// Taken out of the external labels; when nothing is left the first one stays as "deduped".
  std::vector<std::string> replica_labels;

  /// For who changes the bucket: all marks of the blocks that the filters before leave are read,
  /// and a meta.json of an unknown version or with the id of another block makes the view
  /// incomplete, where a reader passes over it.
  bool for_writing = false;
  /// For who shows the bucket: all marks are read, as for_writing has it, nothing else changes.
  bool with_marks = false;
  /// In front of "blocks_meta_…" in the names of metrics.
  std::string metric_prefix = "thanos_";
};

struct FetchResult {
  MetaMap metas;
  /// Not OK: some meta could not be read for a passing reason. What is missing may be there:
  /// nothing may be dropped or deleted because of it.
  Status incomplete;
  std::vector<base::Ulid> partial;     // Directories without a (readable) meta.json.
  std::vector<base::Ulid> duplicates;  // Left out because another block has all their sources.
  /// With for_writing or with_marks, of selected blocks, left out or not, and of partial ones.
  /// No-compact and no-downsample marks that cannot be read are there too, as marks without
  /// details.
  std::map<base::Ulid, Mark> deletion_marks, no_compact_marks, no_downsample_marks;
  /// Sizes of the index files as they were listed; of a block that is not there it is not known.
  std::map<base::Ulid, uint64_t> index_bytes;
};

/// Thread-safe, one fetch at a time.
class MetaFetcher {
 public:
  MetaFetcher(Bucket* bucket, FetchOptions options, base::Executor* io, base::Logger logger,
              metrics::Registry* registry);

  /// An error when the listing failed: nothing is known then.
  Result<FetchResult> Fetch(const CallContext& context);

 private:
  struct Loaded {
    MetaRef meta;   // Null when there is none.
    Status status;  // Of a passing failure.
    bool corrupted = false;
    std::map<MarkKind, Mark> marks;
    std::string new_text;  // Of a meta.json that was not kept yet.
  };
  struct ListedMark {
    MarkKind kind;
    ObjectAttributes attributes;
    bool has_attributes;
  };
  // What lies in a block's directory.
  struct Listed {
    bool has_meta = false;
    uint64_t index_bytes = 0;
    std::vector<ListedMark> marks;
    void Add(std::string_view file, const ListedObject& object);
  };
  bool reads_all_marks() const { return options_.for_writing || options_.with_marks; }
  using Listing = std::map<base::Ulid, Listed>;
  // A mark as it was read, and the listed object it was read from.
  struct KnownMark {
    ObjectAttributes attributes;
    Mark mark;
  };
  using KnownMarks = std::map<std::pair<base::Ulid, MarkKind>, KnownMark>;

  Result<Listing> ListBlocks(const CallContext& context);
  void TakeKept(const CallContext& context);
  void Keep(const Listing& listing, std::map<base::Ulid, Loaded>* loaded);
  Loaded Load(const CallContext& context, const base::Ulid& ulid, const Listed& listed);
  Status LoadMeta(const CallContext& context, const base::Ulid& ulid, const Listed& listed,
                  Loaded* loaded);
  Result<std::string> ReadMetaText(const CallContext& context, const base::Ulid& ulid);
  Status LoadMarks(const CallContext& context, const base::Ulid& ulid, const Listed& listed,
                   Loaded* loaded);
  Status LoadMark(const CallContext& context, const base::Ulid& ulid, MarkKind kind,
                  Loaded* loaded);
  bool Selected(const block::BlockMeta& meta) const;
  void Filter(std::map<base::Ulid, Loaded>* loaded, FetchResult* result);
  std::string_view StateOf(const Loaded& block, int64_t now_ms) const;
  void KeepMarks(const base::Ulid& ulid, const Loaded& block, FetchResult* result) const;
  void RemoveReplicaLabels(MetaMap* metas);
  void DropDuplicates(FetchResult* result) const;
  void CleanCache() const;

  Bucket* const bucket_;
  const FetchOptions options_;
  base::Executor* const io_;
  const base::Logger logger_;
  metrics::Counter syncs_, failures_, base_syncs_;
  metrics::Histogram seconds_;
  metrics::GaugeFamily synced_;
  metrics::Gauge modified_;
  std::mutex mutex_;
  // All guarded by mutex_.
  MetaMap known_;  // Blocks never change: a meta is read once.
  KnownMarks known_marks_;
  std::unique_ptr<MetaPack> pack_;  // Null without a cache directory.
  bool kept_taken_ = false, cleaned_ = false;
};

/// Deletes in the order that leaves no half block that looks whole: meta.json first, the deletion
/// mark last. Absent is fine.
Status DeleteBlock(const CallContext& context, Bucket& bucket, const base::Ulid& ulid);

}  // namespace thanos::bucketblocks
