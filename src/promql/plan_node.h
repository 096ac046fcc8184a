// The plan of a query as a tree: what its operators declare, and what they did in a run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "thanos/series.h"

namespace thanos::promql {

/// What an operator did. Times are its own, without those of the operators below.
struct OperatorStats {
  int64_t pull_ns = 0;           // On the thread that pulls.
  int64_t worker_ns = 0;         // On the pool, summed over its threads.
  uint64_t rows = 0;             // Handed over, and
  uint64_t points = 0;           // the points in them.
  uint64_t series = 0;           // Selectors: read from the source,
  uint64_t samples = 0;          // decoded,
  uint64_t bytes = 0;            // of chunks read.
  uint64_t peak_bytes = 0;       // Most that it held at a time.
  std::vector<PeerShare> peers;  // Selectors: who was asked.

  /// Of one more run of the same operator: sums, and the greater peak.
  void Add(const OperatorStats& other);
};

struct PlanNode {
  std::string name;  // "sum by (job): holds groups (16.125 bytes a row and step), …"
  OperatorStats stats;
  std::vector<PlanNode> children;

  /// Joins the statistics of a tree of equal shape.
  void Add(const PlanNode& other);
};

/// One operator a line, those below indented by two blanks.
std::string PlanText(const PlanNode& root);

}  // namespace thanos::promql
