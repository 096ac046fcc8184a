// Which parts of a query other queriers can evaluate, each over its own data.
//
// A part is given away only when its value is provably the same as if evaluated here: every querier
// that may hold data for it evaluates PromQL itself, and their external labels tell any two of them
// apart, so that no series, and no replica of one, lies in two. What cannot be proved stays here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fanout/endpoint.h"
#include "promql/ast.h"
#include "promql/engine.h"

namespace thanos::query {

/// A peer as its Info announces it.
struct Peer {
  std::string address;
  bool evaluates = false;         // Serves thanos.Query.
  bool absent = false;            // Known to be down.
  std::vector<Labels> announced;  // Label sets, for choosing; none: may hold anything.
  std::vector<Labels> tsdbs;      // Labels that all its series have, one set a TSDB behind it.
  int64_t min_ms = INT64_MIN, max_ms = INT64_MAX;
};
Peer PeerOf(const fanout::Endpoint& endpoint);

/// What one or more peers evaluate in the place of a part of the query.
struct Fragment {
  std::string query;
  std::vector<size_t> peers;   // Into the list given.
  std::vector<size_t> absent;  // Those that would be asked too, were they there.
  /// Series of different peers may have equal labels, since an aggregation above joins them; each
  /// then carries kPeerLabel.
  bool joined_above = false;
  /// One half of an average: an infinite value says that the sum overflowed.
  bool of_average = false;
};

/// Series of fragment k stand behind the selector {kFragmentLabel="k"}.
inline constexpr char kFragmentLabel[] = "__thanos_fragment__";
inline constexpr char kPeerLabel[] = "__thanos_peer__";

struct DistributeOptions {
  std::vector<std::string> replica_labels;    // Those that deduplication drops.
  std::vector<std::string> partition_labels;  // Of the labels that tell peers apart; none: all.
  int64_t start_ms = 0, end_ms = 0;
  int64_t lookback_ms = 0;
  int64_t subquery_step_ms = 60000;
  /// Downsampled data may be read. Which of its aggregates a selector wants depends on the
  /// functions around it: only parts that have none around them are given away then.
  bool downsampled = false;
};

struct DistributedQuery {
  std::string query;  // With selectors of fragments in it.
  std::vector<Fragment> fragments;
};

/// No fragments: everything is evaluated here.
DistributedQuery Distribute(promql::ExprPtr expr, const std::vector<Peer>& peers,
                            const DistributeOptions& options);

}  // namespace thanos::query
