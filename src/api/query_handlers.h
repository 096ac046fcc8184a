// The handlers behind AddQueryApi, one file per family.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "api/query_api.h"

namespace thanos::api {

using EndpointsFunction = std::function<std::vector<std::shared_ptr<fanout::Endpoint>>()>;

/// What query handlers share; immutable.
struct QueryApiState {
  QueryApiOptions options;
  query::Driver* driver;
  EndpointsFunction endpoints;
  metrics::Histogram range_seconds;
  metrics::HistogramFamily store_seconds;

  /// What the tenant of `context` is held to; nothing unless tenancy is enforced.
  std::optional<query::LabelBinding> BindingOf(const CallContext& context) const;
  /// The source as that tenant sees it.
  std::shared_ptr<SeriesSource> SourceOf(const CallContext& context) const;
};
using StateRef = std::shared_ptr<const QueryApiState>;

// query_handler.cc
net::HttpResponse HandleInstantQuery(const QueryApiState& state, const CallContext& context,
                                     const net::HttpRequest& request);
net::HttpResponse HandleRangeQuery(const QueryApiState& state, const CallContext& context,
                                   const net::HttpRequest& request);
net::HttpResponse HandleExplain(const QueryApiState& state, const net::HttpRequest& request,
                                bool range);
// format_handler.cc
net::HttpResponse HandleFormatQuery(const net::HttpRequest& request);
net::HttpResponse HandleParseQuery(const net::HttpRequest& request);
// metadata_handler.cc
net::HttpResponse HandleLabelNames(const QueryApiState& state, const CallContext& context,
                                   const net::HttpRequest& request);
net::HttpResponse HandleLabelValues(const QueryApiState& state, const CallContext& context,
                                    const net::HttpRequest& request);
net::HttpResponse HandleSeries(const QueryApiState& state, const CallContext& context,
                               const net::HttpRequest& request);
// stores_handler.cc
net::HttpResponse HandleStores(const QueryApiState& state);

}  // namespace thanos::api
