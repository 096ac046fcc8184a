// Replicas asked for one by one, so that each stays known as itself.
#pragma once

#include <memory>

#include "thanos/series.h"

namespace thanos::series {

struct ReplicaSourceOptions {
  /// Values of the replica labels, all of them together, that one select may open streams for.
  size_t replicas_max = 64;
};

/// A select that drops labels becomes one select for each value they have (found by asking for
/// label values), merged again: ChunkView::source says of which replica a chunk is. Chunks of one
/// replica may overlap where several stores have it. kResourceExhausted when there are more
/// replicas than allowed. All else goes to `inner` as it is. Thread-safe.
std::shared_ptr<SeriesSource> SeparateReplicas(std::shared_ptr<SeriesSource> inner,
                                               const ReplicaSourceOptions& options);

}  // namespace thanos::series
