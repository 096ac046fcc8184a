// Nodes of the executed plan.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "promql/grid.h"
#include "promql/row.h"
#include "thanos/status.h"

namespace thanos::promql {

enum class Holds : uint8_t {
  kNothing,  // Rows pass through.
  kGroups,   // A row of state per group.
  kOneSide,  // The rows of one operand.
  kInput,    // All rows below.
};

enum class RowOrder : uint8_t {
  kLabels,  // Ascending by label set, when the selector below is.
  kInput,   // That of the operand.
  kGroups,  // First appearance of the group.
  kValues,  // Sorted by value.
};

/// What an operator promises; EXPLAIN prints it.
struct OperatorTraits {
  std::string name;
  Holds holds = Holds::kNothing;
  RowOrder order = RowOrder::kInput;
  double bytes_per_row_step = 0;  // Of state, for each row (or group) held and step.
  /// No two rows have equal labels, also not after the metric name is dropped.
  bool unique_without_name = false;
  /// A series may come in fragments.
  bool fragments = false;
};

using RowSink = std::function<Status(const Row&)>;

/// Pulled by one thread at a time. Nothing is opened before the first Next() or ForEachRow().
class Operator {
 public:
  Operator(const Grid& grid, OperatorTraits traits) : grid_(grid), traits_(std::move(traits)) {}
  virtual ~Operator() = default;
  Operator(const Operator&) = delete;

  const Grid& grid() const { return grid_; }
  const OperatorTraits& traits() const { return traits_; }
  virtual std::vector<const Operator*> children() const { return {}; }

  /// Null at the end, and from then on.
  virtual Result<RowBatchRef> Next() = 0;

  /// Hands over all rows that are left, in order. A row is valid during the call only. Operators
  /// that can make rows one by one do so without building batches (fusion).
  virtual Status ForEachRow(const RowSink& sink);

 protected:
  const Grid grid_;
  OperatorTraits traits_;
};
using OperatorPtr = std::unique_ptr<Operator>;

}  // namespace thanos::promql
