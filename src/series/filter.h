// Cursors that change what another one yields.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "thanos/series.h"

namespace thanos::series {

/// True when the series belongs to the shard: XXH64 of `name 0xFF value 0xFF` over the labels
/// selected, modulo the number of shards.
bool InShard(const Shard& shard, LabelsView labels);

/// Drops series outside the shard.
std::unique_ptr<SeriesCursor> FilterShard(std::unique_ptr<SeriesCursor> inner, Shard shard);

/// Reads everything, removes `without` from each label set, sorts, joins equal sets. The buffer is
/// charged to the context's budget. For peers that do not sort, or do not remove labels themselves.
std::unique_ptr<SeriesCursor> SortBuffered(const CallContext& context,
                                           std::unique_ptr<SeriesCursor> inner,
                                           std::vector<std::string> without, uint32_t batch_series);

/// An empty stream.
std::unique_ptr<SeriesCursor> EmptyCursor();

/// Batches that are already there, for tests and buffered sources.
std::unique_ptr<SeriesCursor> CursorOf(std::vector<SeriesBatchRef> batches);

/// Removes the named labels. False when none occurred (*out is then untouched).
bool RemoveLabels(LabelsView labels, const std::vector<std::string>& names, std::string* out);

}  // namespace thanos::series
