// A Prometheus as a source of series: remote read in constant memory, external labels on top.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/executor.h"
#include "promclient/client.h"
#include "thanos/series.h"

namespace thanos::promclient {

/// What is known of the Prometheus behind a source at one moment.
struct PrometheusState {
  Labels external;                   // Those with an empty value count as none.
  int64_t min_ms = INT64_MIN;        // What is older is not served.
  bool labels_take_matchers = true;  // See LabelCallsTakeMatchers.
};

struct PrometheusSourceOptions {
  std::string name = "prometheus";
  size_t reads_max = 32;  // At once; more wait.
};

/// Thread-safe. Selections keep it alive.
///
/// Series come in order as they are read: a stack as deep as the longest series has labels undoes
/// what external labels change. Only where series carry a label that an external one replaces, or
/// that is to be removed, the whole answer is sorted under the request's budget; the source
/// remembers. Limits hold for chunks too, unlike Go's sidecar.
class PrometheusSource : public SeriesSource {
 public:
  static std::shared_ptr<PrometheusSource> Make(std::shared_ptr<PrometheusClient> client,
                                                PrometheusSourceOptions options = {});
  ~PrometheusSource() override;

  void Update(PrometheusState state);
  PrometheusState state() const;
  /// Asks Prometheus which labels its series have: where one of them is an external label's name,
  /// or one that requests want removed, answers are sorted from then on. To be called now and then:
  /// it saves a select that would fail midway, and the sorting when there is no such label.
  Status CheckLabels(const CallContext& context);
  bool sorts() const;

  SourceInfo Info() const override;
  Result<std::unique_ptr<SeriesCursor>> Select(const CallContext& context,
                                               const SelectRequest& request) override;
  Result<LabelsResult> LabelNames(const CallContext& context,
                                  const LabelsRequest& request) override;
  Result<LabelsResult> LabelValues(const CallContext& context, const std::string& name,
                                   const LabelsRequest& request) override;

 private:
  struct Impl;
  explicit PrometheusSource(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace thanos::promclient
