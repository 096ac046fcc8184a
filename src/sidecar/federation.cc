#include "sidecar/federation.h"

#include <variant>

namespace thanos::sidecar {
namespace {

using ClientRef = std::shared_ptr<promclient::PrometheusClient>;
using SourceRef = std::shared_ptr<promclient::PrometheusSource>;

// External labels win.
void Extend(const Labels& external, Labels* labels) {
  LabelsBuilder builder(*labels);
  for (const Label& label : external) builder.Set(label.name, label.value);
  *labels = builder.Build();
}

class RulesOf : public rpc::RulesService {
 public:
  RulesOf(ClientRef client, SourceRef source)
      : client_(std::move(client)), source_(std::move(source)) {}
  Result<wire::RulesResponse> Rules(const CallContext& context,
                                    const wire::RulesRequest& request) override {
    THANOS_ASSIGN_OR_RETURN(wire::RulesResponse response, client_->Rules(context, request.type));
    const Labels external = source_->state().external;
    for (wire::RuleGroup& group : response.groups) {
      for (wire::Rule& rule : group.rules) {
        std::visit([&](auto& one) { Extend(external, &one.labels); }, rule);
      }
    }
    return response;
  }

 private:
  ClientRef client_;
  SourceRef source_;
};

class TargetsOf : public rpc::TargetsService {
 public:
  TargetsOf(ClientRef client, SourceRef source)
      : client_(std::move(client)), source_(std::move(source)) {}
  Result<wire::TargetsResponse> Targets(const CallContext& context,
                                        const wire::TargetsRequest& request) override {
    THANOS_ASSIGN_OR_RETURN(wire::TargetsResponse response,
                            client_->Targets(context, request.state));
    const Labels external = source_->state().external;
    for (wire::ActiveTarget& target : response.active) {
      Extend(external, &target.labels);
      Extend(external, &target.discovered_labels);
    }
    for (Labels& discovered : response.dropped) Extend(external, &discovered);
    return response;
  }

 private:
  ClientRef client_;
  SourceRef source_;
};

class MetadataOf : public rpc::MetadataService {
 public:
  explicit MetadataOf(ClientRef client) : client_(std::move(client)) {}
  Result<wire::MetadataResponse> MetricMetadata(const CallContext& context,
                                                const wire::MetadataRequest& request) override {
    return client_->Metadata(context, request.metric, request.limit);
  }

 private:
  ClientRef client_;
};

class ExemplarsOf : public rpc::ExemplarsService {
 public:
  ExemplarsOf(ClientRef client, SourceRef source)
      : client_(std::move(client)), source_(std::move(source)) {}
  Result<wire::ExemplarsResponse> Exemplars(const CallContext& context,
                                            const wire::ExemplarsRequest& request) override {
    THANOS_ASSIGN_OR_RETURN(wire::ExemplarsResponse response, client_->Exemplars(context, request));
    const Labels external = source_->state().external;
    for (wire::ExemplarData& data : response.data) Extend(external, &data.series_labels);
    return response;
  }

 private:
  ClientRef client_;
  SourceRef source_;
};

class StatusOf : public rpc::StatusService {
 public:
  StatusOf(ClientRef client, SourceRef source)
      : client_(std::move(client)), source_(std::move(source)) {}
  Result<wire::TsdbStatisticsResponse> TsdbStatistics(
      const CallContext& context, const wire::TsdbStatisticsRequest& request) override {
    wire::TsdbStatisticsResponse response;
    const Labels external = source_->state().external;
    for (const model::Matcher& matcher : request.matchers) {
      if (!matcher.Matches(external)) return response;
    }
    THANOS_ASSIGN_OR_RETURN(response.by_tenant[""],
                            client_->TsdbStatistics(context, request.limit));
    return response;
  }

 private:
  ClientRef client_;
  SourceRef source_;
};

}  // namespace

void AddFederation(ClientRef client, SourceRef source, rpc::Services* services) {
  services->rules = std::make_shared<RulesOf>(client, source);
  services->targets = std::make_shared<TargetsOf>(client, source);
  services->metadata = std::make_shared<MetadataOf>(client);
  services->exemplars = std::make_shared<ExemplarsOf>(client, source);
  services->status = std::make_shared<StatusOf>(client, source);
}

}  // namespace thanos::sidecar
