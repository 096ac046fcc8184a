// One remote read as a cursor of series. Internal to promclient.
#pragma once

#include <functional>
#include <memory>

#include "base/executor.h"
#include "promclient/client.h"
#include "promclient/order.h"
#include "thanos/series.h"

namespace thanos::promclient {

struct ReadPlan {
  std::shared_ptr<PrometheusClient> client;
  wire::ReadQuery query;
  Labels external;
  std::vector<std::string> without;
  std::optional<Shard> shard;
  uint64_t limit = 0;
  uint32_t batch_series = 64;
  size_t window_bytes = 4 << 20;
  /// Restore the order as the series come. Otherwise they come as Prometheus sends them, for a
  /// caller that sorts; limit and joining of what is not adjacent are then the caller's too.
  bool ordered = true;
  /// Called once when the order cannot be restored this way: later reads had better sort.
  std::function<void()> on_unordered;
};

/// True for the error of an ordered cursor that met a series whose place it cannot know.
bool IsUnorderedRead(const Status& status);

/// The work is done on `pool`, which outlives the cursor and all its tasks; a thread is held while
/// Prometheus is waited for, none while the reader is slow.
std::unique_ptr<SeriesCursor> MakeReadCursor(const CallContext& context, base::Executor* pool,
                                             ReadPlan plan);

}  // namespace thanos::promclient
