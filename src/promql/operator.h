// Nodes of the executed plan.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "promql/grid.h"
#include "promql/plan_node.h"
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

/// Whose time it is, on the thread that pulls. One thread.
class Profiler {
 public:
  /// From now on time counts for `next`; returns whose it was before.
  OperatorStats* Switch(OperatorStats* next);

 private:
  OperatorStats* current_ = nullptr;
  std::chrono::steady_clock::time_point since_;
};

/// A memory budget said no (not a limit of samples or series, nor a store).
bool IsMemoryRefusal(const Status& status);

using RowSink = std::function<Status(const Row&)>;

/// Pulled by one thread at a time. Nothing is opened before the first Next() or ForEachRow().
class Operator {
 public:
  Operator(const Grid& grid, OperatorTraits traits) : grid_(grid), traits_(std::move(traits)) {}
  virtual ~Operator() = default;
  Operator(const Operator&) = delete;

  const Grid& grid() const { return grid_; }
  const OperatorTraits& traits() const { return traits_; }
  virtual std::vector<Operator*> children() const { return {}; }

  /// Null at the end, and from then on. kResourceExhausted names the operator that was refused.
  Result<RowBatchRef> Next();

  /// Hands over all rows that are left, in order. A row is valid during the call only.
  Status ForEachRow(const RowSink& sink);

  /// Measures this and all below from now on; not owned.
  virtual void Profile(Profiler* profiler);

  /// The tree from here, with what was measured.
  PlanNode Plan() const;

 protected:
  virtual Result<RowBatchRef> Produce() = 0;
  /// Operators that can make rows one by one do so without building batches (fusion).
  virtual Status Drain(const RowSink& sink);
  /// Memory that it holds now, besides the batches on their way.
  virtual uint64_t held_bytes() const { return 0; }
  /// What only this operator knows: series, samples, bytes, worker_ns.
  virtual void AddOwnStats(OperatorStats*) const {}
  Profiler* profiler() const { return profiler_; }

  const Grid grid_;
  OperatorTraits traits_;

 private:
  Result<RowBatchRef> MeasuredProduce();
  Status MeasuredDrain(const RowSink& sink);
  Status WithName(const Status& status) const;
  void Count(const Row& row);

  Profiler* profiler_ = nullptr;
  OperatorStats stats_;
};
using OperatorPtr = std::unique_ptr<Operator>;

}  // namespace thanos::promql
