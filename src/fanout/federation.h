// Rules, targets, metadata, exemplars and TSDB statistics of all endpoints that offer them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fanout/endpoint.h"
#include "rpc/service.h"

namespace thanos::fanout {

struct FederationOptions {
  /// Required by and stripped from the selectors of exemplar queries.
  Labels selector_labels;
  /// The matchers of each selector of a query in PromQL; its error is the caller's.
  std::function<Result<std::vector<model::Matchers>>(std::string_view)> selectors_of;
  std::chrono::nanoseconds call_timeout = std::chrono::minutes(2);
  std::chrono::nanoseconds response_timeout{0};  // Longest silence of a peer; 0 is none.
};

/// Asks all at once, from one thread. A peer that fails or is silent for too long becomes a warning
/// that names it, or with PartialStrategy::kAbort the error of the call. Nothing is deduplicated
/// but metadata, since a querier above this one may know other replica labels. Thread-safe.
class Federation : public rpc::RulesService,
                   public rpc::TargetsService,
                   public rpc::MetadataService,
                   public rpc::ExemplarsService,
                   public rpc::StatusService {
 public:
  using Endpoints = std::function<std::vector<std::shared_ptr<Endpoint>>()>;
  Federation(FederationOptions options, Endpoints endpoints);

  Result<wire::RulesResponse> Rules(const CallContext& context,
                                    const wire::RulesRequest& request) override;
  Result<wire::TargetsResponse> Targets(const CallContext& context,
                                        const wire::TargetsRequest& request) override;
  Result<wire::MetadataResponse> MetricMetadata(const CallContext& context,
                                                const wire::MetadataRequest& request) override;
  Result<wire::ExemplarsResponse> Exemplars(const CallContext& context,
                                            const wire::ExemplarsRequest& request) override;
  Result<wire::TsdbStatisticsResponse> TsdbStatistics(
      const CallContext& context, const wire::TsdbStatisticsRequest& request) override;

  const FederationOptions& options() const { return options_; }

 private:
  template <typename Request>
  using Calls = std::vector<std::pair<std::shared_ptr<Endpoint>, Request>>;
  /// The same request for each endpoint that offers `api`.
  template <typename Request>
  Calls<Request> ForAll(Api api, const Request& request) const;
  template <typename Response, typename Request, typename Take>
  Result<Response> AskAll(const CallContext& context, std::string_view what,
                          const Calls<Request>& calls, const Take& take) const;

  const FederationOptions options_;
  const Endpoints endpoints_;
};

}  // namespace thanos::fanout
