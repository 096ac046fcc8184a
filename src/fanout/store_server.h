// Any SeriesSource as a StoreAPI service.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "metrics/registry.h"
#include "rpc/service.h"
#include "thanos/series.h"

namespace thanos::fanout {

struct StoreServerOptions {
  /// Parent of each call's budget; null is none.
  std::shared_ptr<Budget> budget = nullptr;
};

/// Batches go out as frames of at most the batch size asked for.
std::shared_ptr<rpc::StoreService> MakeStoreService(std::shared_ptr<SeriesSource> source,
                                                    StoreServerOptions options,
                                                    metrics::Registry* registry);

struct InfoServiceOptions {
  std::string component;
  bool rules = false, targets = false, metric_metadata = false, exemplars = false, query = false,
       status = false;
};
/// `ready` false makes Info answer kUnknown "Not ready".
std::shared_ptr<rpc::InfoService> MakeInfoService(std::shared_ptr<SeriesSource> source,
                                                  InfoServiceOptions options,
                                                  std::function<bool()> ready);

}  // namespace thanos::fanout
