// A querier below another one, within the process: data with external labels, served as StoreAPI
// and, unless it is a plain store, as PromQL.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "fanout/endpoint.h"
#include "fanout/store_server.h"
#include "query/driver.h"
#include "query/query_server.h"
#include "rpc/channel.h"
#include "series/filter.h"
#include "series/merge.h"
#include "support/memory_source.h"

namespace thanos::query {

class LeafSource : public SeriesSource {
 public:
  SourceInfo Info() const override { return info; }
  Result<std::unique_ptr<SeriesCursor>> Select(const CallContext& context,
                                               const SelectRequest& request) override {
    ++selects;
    if (!error.ok()) return error;
    THANOS_ASSIGN_OR_RETURN(auto cursor, data.Select(context, request));
    if (request.without_labels.empty()) return cursor;
    return series::SortBuffered(context, std::move(cursor), request.without_labels,
                                request.batch_series);
  }
  Result<LabelsResult> LabelNames(const CallContext&, const LabelsRequest& request) override {
    last_matchers = request.matchers;
    return LabelsResult();
  }
  Result<LabelsResult> LabelValues(const CallContext&, const std::string&,
                                   const LabelsRequest& request) override {
    last_matchers = request.matchers;
    return LabelsResult();
  }

  testing::MemorySource data;
  SourceInfo info;
  Status error;
  std::atomic<int> selects{0};
  std::vector<model::Matcher> last_matchers;
};

struct Leaf {
  std::shared_ptr<LeafSource> source = std::make_shared<LeafSource>();
  metrics::Registry registry;
  std::unique_ptr<Driver> driver;  // Null for a plain store.
  std::shared_ptr<fanout::Endpoint> endpoint;

  /// Data must be there already.
  void Serve(const std::string& address, bool evaluates) {
    source->data.Seal();
    rpc::Services services;
    services.store = fanout::MakeStoreService(source, {}, &registry);
    fanout::InfoServiceOptions info;
    info.component = evaluates ? "query" : "store";
    info.query = evaluates;
    if (evaluates) {
      driver = std::make_unique<Driver>(DriverOptions(), source, &registry);
      services.query = MakeQueryService({}, driver.get());
    }
    services.info = fanout::MakeInfoService(source, info, [] { return true; });
    auto channel = std::make_shared<rpc::Channel>(rpc::MakeMemoryTransport(address, services),
                                                  rpc::ChannelOptions());
    endpoint =
        std::make_shared<fanout::Endpoint>(std::move(channel), false, std::chrono::nanoseconds(0));
    endpoint->Check(CallContext().WithTimeout(std::chrono::seconds(5)));
  }
};

}  // namespace thanos::query
