// What a server offers: one interface a gRPC service, in plain types. Methods are called on many
// threads at once, each on one of the server's handler threads, and may block there; they look at
// the context, which is cancelled when the caller leaves or its deadline passes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/pinned_bytes.h"
#include "thanos/call_context.h"
#include "thanos/series.h"
#include "thanos/status.h"
#include "wire/federation_messages.h"
#include "wire/query_messages.h"
#include "wire/store_messages.h"

namespace thanos::rpc {

/// Messages that the transport pulls when the peer has room for them: a slow peer holds no thread
/// of ours, only the stream object. One thread at a time, not always the same. Destroyed when the
/// call is over, whether it came to its end or not.
class FrameStream {
 public:
  virtual ~FrameStream() = default;
  /// The next message (wire/series_frame.h makes them); nothing at the end. Blocks on its sources
  /// only. An error ends the call with that code and text.
  virtual Result<std::optional<base::PinnedBytes>> Next() = 0;
  /// Next() has a message at hand and would wait for nothing. Such messages go out together.
  virtual bool Ready() const { return false; }
};

class StoreService {
 public:
  virtual ~StoreService() = default;
  virtual Result<std::unique_ptr<FrameStream>> Series(const CallContext& context,
                                                      const SelectRequest& request) = 0;
  virtual Result<LabelsResult> LabelNames(const CallContext& context,
                                          const LabelsRequest& request) = 0;
  virtual Result<LabelsResult> LabelValues(const CallContext& context, const std::string& label,
                                           const LabelsRequest& request) = 0;
};

class InfoService {
 public:
  virtual ~InfoService() = default;
  /// Called every few seconds by each querier: cheap. kUnknown "Not ready" while not ready.
  virtual Result<wire::InfoResponse> Info(const CallContext& context) = 0;
};

class RulesService {
 public:
  virtual ~RulesService() = default;
  virtual Result<wire::RulesResponse> Rules(const CallContext& context,
                                            const wire::RulesRequest& request) = 0;
};
class TargetsService {
 public:
  virtual ~TargetsService() = default;
  virtual Result<wire::TargetsResponse> Targets(const CallContext& context,
                                                const wire::TargetsRequest& request) = 0;
};
class MetadataService {
 public:
  virtual ~MetadataService() = default;
  virtual Result<wire::MetadataResponse> MetricMetadata(const CallContext& context,
                                                        const wire::MetadataRequest& request) = 0;
};
class ExemplarsService {
 public:
  virtual ~ExemplarsService() = default;
  virtual Result<wire::ExemplarsResponse> Exemplars(const CallContext& context,
                                                    const wire::ExemplarsRequest& request) = 0;
};
class StatusService {
 public:
  virtual ~StatusService() = default;
  virtual Result<wire::TsdbStatisticsResponse> TsdbStatistics(
      const CallContext& context, const wire::TsdbStatisticsRequest& request) = 0;
};

class QueryService {
 public:
  virtual ~QueryService() = default;
  /// Frames of wire/query_messages.h.
  virtual Result<std::unique_ptr<FrameStream>> Query(const CallContext& context,
                                                     const wire::QueryRequest& request) = 0;
  virtual Result<std::unique_ptr<FrameStream>> QueryRange(const CallContext& context,
                                                          const wire::QueryRequest& request) = 0;
};

/// What is null is not served: kUnimplemented.
struct Services {
  std::shared_ptr<StoreService> store;
  std::shared_ptr<InfoService> info;
  std::shared_ptr<RulesService> rules;
  std::shared_ptr<TargetsService> targets;
  std::shared_ptr<MetadataService> metadata;
  std::shared_ptr<ExemplarsService> exemplars;
  std::shared_ptr<StatusService> status;
  std::shared_ptr<QueryService> query;
};

/// A stream of messages that are there already.
std::unique_ptr<FrameStream> MakeListStream(std::vector<std::string> frames);

}  // namespace thanos::rpc
