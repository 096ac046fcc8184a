// Operators that make a row from a row, and keep nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "promql/functions.h"
#include "promql/label_sets.h"
#include "promql/operator.h"
#include "promql/query_state.h"
#include "promql/scalar.h"

namespace thanos::promql {

/// What becomes of the metric name.
enum class NameRule : uint8_t {
  kKeep,
  kDropNow,   // Labels go, and rows that become equal are refused.
  kMarkDrop,  // The row is marked; the name goes at the end of the query.
};

/// Base: Transform() per row, with or without batches in between.
class RowwiseOperator : public Operator {
 public:
  /// `changes_labels`: Transform() sets labels, so that rows may become equal.
  RowwiseOperator(OperatorTraits traits, NameRule name, OperatorPtr input,
                  std::shared_ptr<QueryState> state, bool changes_labels = false);
  std::vector<Operator*> children() const override { return WithBelow(input_.get(), parameters()); }
  Result<RowBatchRef> Produce() final;
  Status Drain(const RowSink& sink) final;

 protected:
  struct Scratch {
    double* values = nullptr;  // Room for a row.
    uint64_t* bits = nullptr;  // Zeroed.
    HistogramCells cells;      // Empty.
    std::string labels;
  };
  virtual std::span<const ScalarPtr> parameters() const { return {}; }
  /// Once, before the first row: operands that are drained first.
  virtual Status Prepare() { return OkStatus(); }
  /// `*out` comes as a copy of `in`, with the name rule applied.
  virtual Status Transform(const Row& in, Scratch* scratch, Row* out) = 0;

  const std::shared_ptr<QueryState> state_;

 private:
  Status Apply(const Row& in, Scratch* scratch, Row* out);

  const NameRule name_;
  const OperatorPtr input_;
  bool prepared_ = false;
  std::optional<DuplicateGuard> guard_;
  std::string name_scratch_;
};

/// abs(), clamp(), hour() and the other functions of single values.
OperatorPtr MakeElementwise(FunctionId id, std::string_view name, OperatorPtr input,
                            std::vector<ScalarPtr> params, NameRule rule,
                            std::shared_ptr<QueryState> state);

/// -v
OperatorPtr MakeUnaryMinus(OperatorPtr input, NameRule rule, std::shared_ptr<QueryState> state);

/// vector OP scalar.
OperatorPtr MakeVectorScalar(TokenKind op, bool return_bool, bool scalar_is_left,
                             OperatorPtr vector, ScalarPtr scalar, NameRule rule, SourceRange place,
                             std::shared_ptr<QueryState> state);

/// histogram_count() and its kin: a number of each native histogram.
OperatorPtr MakeHistogramStatistic(FunctionId id, std::string_view name, OperatorPtr input,
                                   NameRule rule, std::shared_ptr<QueryState> state);

/// timestamp() of what is not a selector: the step's time.
OperatorPtr MakeStepTime(OperatorPtr input, NameRule rule, std::shared_ptr<QueryState> state);

/// Drains its input, errors included, and gives no rows.
OperatorPtr MakeNothing(OperatorPtr input, std::shared_ptr<QueryState> state);

/// Rows of one step, for every step.
OperatorPtr MakeRepeat(const Grid& grid, OperatorPtr input, std::shared_ptr<QueryState> state);

/// label_replace(): `regex` on the value of `source`.
struct LabelReplaceSpec {
  std::string destination, replacement, source, regex;
};
OperatorPtr MakeLabelReplace(LabelReplaceSpec spec, OperatorPtr input,
                             std::shared_ptr<QueryState> state);
/// label_join().
OperatorPtr MakeLabelJoin(std::string destination, std::string separator,
                          std::vector<std::string> sources, OperatorPtr input,
                          std::shared_ptr<QueryState> state);

/// vector(): one row without labels.
OperatorPtr MakeVectorOf(ScalarPtr scalar, std::shared_ptr<QueryState> state);

/// absent() and absent_over_time(): 1 at steps where no row has a point.
OperatorPtr MakeAbsent(std::string_view name, OperatorPtr input, Labels labels,
                       std::shared_ptr<QueryState> state);

}  // namespace thanos::promql
