// What stands between the StoreAPI and a BucketStore: hints of requests, admission, memory.
#pragma once

#include <memory>
#include <string>

#include "bucketstore/bucket_store.h"
#include "metrics/gate.h"
#include "metrics/registry.h"
#include "thanos/series.h"

namespace thanos::bucketstore {

/// Thread-safe. A place at the gate is held only while a cursor reads, never while its client is
/// slow to take what was read: calls that wait for each other cannot lock each other out.
class Gateway : public SeriesSource {
 public:
  Gateway(BucketStore* store, size_t concurrent_max, std::shared_ptr<Budget> budget,
          metrics::Registry* registry);

  SourceInfo Info() const override { return store_->Info(); }
  Result<std::unique_ptr<SeriesCursor>> Select(const CallContext& context,
                                               const SelectRequest& request) override;
  Result<LabelsResult> LabelNames(const CallContext& context,
                                  const LabelsRequest& request) override;
  Result<LabelsResult> LabelValues(const CallContext& context, const std::string& name,
                                   const LabelsRequest& request) override;

 private:
  CallContext WithBudget(const CallContext& context) const;

  BucketStore* const store_;
  std::shared_ptr<Budget> budget_;
  metrics::Gate gate_;
};

}  // namespace thanos::bucketstore
