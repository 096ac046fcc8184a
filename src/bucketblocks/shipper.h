// Ships finished blocks of a local TSDB to a bucket. components/sidecar §4.4.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/ulid.h"
#include "block/meta.h"
#include "metrics/registry.h"
#include "thanos/bucket.h"

namespace thanos::bucketblocks {

struct ShipperOptions {
  std::string directory = {};                      // The TSDB's.
  std::string state_file = "thanos.shipper.json";  // Inside it.
  std::string source = "sidecar";                  // thanos.source of the metas.
  std::function<Labels()> external_labels = {};    // Asked at each sync.
  bool upload_compacted = false;
  bool allow_out_of_order = false;  // Goes on with the next block after a failed one.
  bool skip_corrupted = false;      // Leaves out broken blocks; else the first one ends a sync.
  bool hash_files = false;          // SHA-256 of every file into the meta.
};

/// One thread at a time.
class Shipper {
 public:
  Shipper(ShipperOptions options, Bucket* bucket, base::Logger logger, metrics::Registry* registry);

  /// Uploads what is not there yet, oldest first, each block's chunks, then its index, then its
  /// meta.json, after a look at the files. The state file is written after each block. Returns the
  /// number of blocks shipped; an error when something is left to do.
  Result<size_t> Sync(const CallContext& context);

 private:
  struct LocalBlock {
    std::string path;
    block::BlockMeta meta;
  };
  Result<std::vector<LocalBlock>> LocalBlocks(size_t* corrupted) const;
  std::set<base::Ulid> ReadState() const;
  Status WriteState(const std::set<base::Ulid>& uploaded,
                    const std::vector<LocalBlock>& local) const;
  Status CheckOverlap(const CallContext& context, const block::BlockMeta& meta,
                      const Labels& labels) const;
  void RemoveLeftovers() const;
  Status Upload(const CallContext& context, const LocalBlock& local, const Labels& labels,
                bool* unfit);

  const ShipperOptions options_;
  Bucket* const bucket_;
  const base::Logger logger_;
  metrics::Counter syncs_, sync_failures_, uploads_, upload_failures_, corrupted_;
  metrics::Gauge compacted_done_;
  bool cleaned_ = false;  // Of leftovers, once.
};

}  // namespace thanos::bucketblocks
