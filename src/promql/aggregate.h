// Aggregations: sum, avg, … by groups; topk, quantile, count_values.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "promql/label_sets.h"
#include "promql/operator.h"
#include "promql/query_state.h"
#include "promql/scalar.h"
#include "promql/token.h"

namespace thanos::promql {

struct AggregateSpec {
  TokenKind op = TokenKind::kSum;
  std::vector<std::string> grouping;
  bool without = false;
  std::string text;          // "sum by (job)", for EXPLAIN.
  std::string values_label;  // count_values.
  SourceRange param_place;
  SourceRange inner_place;  // Of the operand, and
  SourceRange place;        // of the whole.
};

/// `param` is null unless the aggregator takes a number.
OperatorPtr MakeAggregate(AggregateSpec spec, OperatorPtr input, ScalarPtr param,
                          std::shared_ptr<QueryState> state);

/// sum avg count min max group stddev stdvar.
OperatorPtr MakeReduce(AggregateSpec spec, OperatorPtr input, std::shared_ptr<QueryState> state);
/// topk and bottomk.
OperatorPtr MakeTopk(AggregateSpec spec, OperatorPtr input, ScalarPtr param,
                     std::shared_ptr<QueryState> state);
OperatorPtr MakeQuantile(AggregateSpec spec, OperatorPtr input, ScalarPtr param,
                         std::shared_ptr<QueryState> state);
/// limitk and limit_ratio.
OperatorPtr MakeLimit(AggregateSpec spec, OperatorPtr input, ScalarPtr param,
                      std::shared_ptr<QueryState> state);
OperatorPtr MakeCountValues(AggregateSpec spec, OperatorPtr input,
                            std::shared_ptr<QueryState> state);

/// The groups seen so far, numbered by first appearance.
class GroupIndex {
 public:
  GroupIndex(const AggregateSpec& spec);
  /// The row's group; it is new when the number is that of size() before.
  size_t Find(const Row& row);
  size_t size() const { return groups_.size(); }
  /// Valid until the next Find().
  LabelsView labels(size_t group) const { return LabelsView(KeyOf(groups_[group])); }
  /// A member's name is to be dropped.
  bool drop_name(size_t group) const { return groups_[group].drop_name; }

 private:
  struct Group {
    uint64_t hash;
    size_t begin;  // Of its key in text_.
    uint32_t size;
    bool drop_name;
  };
  std::string_view KeyOf(const Group& group) const {
    return std::string_view(text_).substr(group.begin, group.size);
  }
  void Spread();

  const LabelKeyer keyer_;
  std::vector<Group> groups_;
  // Open addressing: the number of a group and one, or 0. A power of two of places.
  std::vector<uint32_t> places_;
  std::string text_;  // Keys, back to back.
  std::string key_;
};

/// How many elements topk and its kin keep at each step; empty when no step keeps any.
Result<std::vector<int64_t>> ReadLimits(Scalar& param);

/// Memory charged bit by bit.
class GrowingLease {
 public:
  explicit GrowingLease(std::shared_ptr<Budget> budget) : budget_(std::move(budget)) {}
  Status Grow(size_t bytes);
  /// What was asked for and is gone.
  void Shrink(size_t bytes);
  /// All that is held, whether there is a budget or not.
  uint64_t held_bytes() const { return held_; }

 private:
  const std::shared_ptr<Budget> budget_;
  BudgetLease lease_;
  size_t pending_ = 0;
  uint64_t held_ = 0;
};

OperatorTraits AggregateTraits(const AggregateSpec& spec, double bytes_per_group_step);

}  // namespace thanos::promql
