// Many endpoints as one source: pruning, opening all together, merging, partial answers.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fanout/endpoint.h"
#include "fanout/tsdb_selector.h"
#include "metrics/registry.h"
#include "thanos/series.h"

namespace thanos::fanout {

struct FanoutOptions {
  /// Announced in Info, required by and stripped from requests.
  Labels selector_labels;
  std::string component = "query";
  TsdbSelector tsdb_selector = {};
};

/// An endpoint of one call, and what the call asks of it besides.
struct AskedEndpoint {
  std::shared_ptr<Endpoint> endpoint;
  std::vector<model::Matcher> matchers;  // Of the TSDB selector.
};

/// Thread-safe.
class FanoutSource : public SeriesSource {
 public:
  using Endpoints = std::function<std::vector<std::shared_ptr<Endpoint>>()>;
  /// `endpoints` gives those known now.
  FanoutSource(FanoutOptions options, Endpoints endpoints, metrics::Registry* registry);

  SourceInfo Info() const override;
  Result<std::unique_ptr<SeriesCursor>> Select(const CallContext& context,
                                               const SelectRequest& request) override;
  Result<LabelsResult> LabelNames(const CallContext& context,
                                  const LabelsRequest& request) override;
  Result<LabelsResult> LabelValues(const CallContext& context, const std::string& name,
                                   const LabelsRequest& request) override;

 private:
  struct Choice {
    std::vector<AskedEndpoint> asked;
    Warnings absent;  // Of those that would be asked and are known to be down.
  };
  Choice Choose(const std::vector<model::Matcher>& matchers, int64_t min_ms, int64_t max_ms,
                const std::vector<std::vector<model::Matcher>>& store_match) const;
  using Begin = std::function<rpc::PendingAnswer<LabelsResult>(Endpoint&, const CallContext&,
                                                               const LabelsRequest&)>;
  Result<LabelsResult> AskAll(const CallContext& context, const LabelsRequest& request,
                              std::string_view what, const Begin& begin);

  const FanoutOptions options_;
  const Endpoints endpoints_;
  metrics::Counter empty_streams_;
};

/// True when a select failed because a peer's series were out of order after some had been handed
/// on. The peer is remembered: the same select works when it is made again.
bool IsWorthRepeating(const Status& status);

}  // namespace thanos::fanout
