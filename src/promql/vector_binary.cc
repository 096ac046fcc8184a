#include "promql/vector_binary.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "promql/aggregate.h"
#include "promql/binary_kernels.h"
#include "promql/label_sets.h"
#include "promql/mixed_binary.h"

namespace thanos::promql {
namespace {

std::string MatchingText(const VectorBinarySpec& spec) {
  std::string text(Spelling(spec.op));
  if (spec.return_bool) text += " bool";
  text += spec.matching.on ? " on (" : " ignoring (";
  for (size_t i = 0; i < spec.matching.labels.size(); ++i) {
    if (i > 0) text += ", ";
    text += spec.matching.labels[i];
  }
  return text + ")";
}

OperatorTraits TraitsOf(const VectorBinarySpec& spec) {
  OperatorTraits traits;
  traits.name = "match " + MatchingText(spec);
  traits.holds = Holds::kOneSide;
  traits.bytes_per_row_step = 8.25;
  traits.fragments = true;
  return traits;
}

// Rows of the unique side with one key. Several rows may share it as long as no step has two.
struct KeyGroup {
  std::vector<Row> rows;
  std::vector<uint64_t> taken;             // One-to-one, and fills: steps that have been computed.
  TextMap<std::vector<uint64_t>> results;  // Grouped: steps computed, by result labels.
};

// Two rows of one key at one step.
struct Conflict {
  std::string key;
  std::string first, second;
};

class VectorBinary final : public Operator {
 public:
  VectorBinary(VectorBinarySpec spec, OperatorPtr lhs, OperatorPtr rhs,
               std::shared_ptr<QueryState> state)
      : Operator(lhs->grid(), TraitsOf(spec)),
        spec_(std::move(spec)),
        many_is_left_(spec_.matching.card != Cardinality::kOneToMany),
        grouped_(spec_.matching.card != Cardinality::kOneToOne),
        filter_(IsComparison(spec_.op) && !spec_.return_bool),
        drop_now_((!IsComparison(spec_.op) && !IsTrim(spec_.op)) ||
                  (spec_.return_bool && !state->options.delayed_name_removal)),
        many_fill_(spec_.matching.fill_left),
        one_fill_(spec_.matching.fill_right),
        keyer_(spec_.matching.labels, spec_.matching.on),
        state_(std::move(state)),
        many_(many_is_left_ ? std::move(lhs) : std::move(rhs)),
        one_(many_is_left_ ? std::move(rhs) : std::move(lhs)),
        lease_(state_->context.budget()),
        many_any_(grid_.words()),
        one_any_(grid_.words()) {
    const bool lists_metadata =
        std::any_of(spec_.matching.labels.begin(), spec_.matching.labels.end(),
                    [](const std::string& name) { return IsMetadataLabel(name); });
    // With on() the result has the key's labels, and no key gives two rows at a step.
    traits_.unique_without_name = !grouped_ && spec_.matching.on && !lists_metadata;
    if (!traits_.unique_without_name) {
      guard_.emplace(state_->context.budget(), grid_, /*whole_series=*/false);
    }
    if (many_fill_) many_fill_values_.assign(grid_.count, *many_fill_);
    if (one_fill_) one_fill_values_.assign(grid_.count, *one_fill_);
  }
  std::vector<Operator*> children() const override { return {one_.get(), many_.get()}; }
  uint64_t held_bytes() const override { return held_bytes_ + lease_.held_bytes(); }

  Result<RowBatchRef> Produce() override {
    if (!std::exchange(built_, true)) THANOS_RETURN_IF_ERROR(BuildTable());
    while (!ended_) {
      THANOS_ASSIGN_OR_RETURN(RowBatchRef batch, many_->Next());
      RowBatchBuilder builder(state_, grid_);
      if (batch == nullptr) {
        ended_ = true;
        THANOS_RETURN_IF_ERROR(CheckConflicts());
        if (many_fill_) THANOS_RETURN_IF_ERROR(FillManySide(&builder));
      } else {
        for (const Row& row : batch->rows()) THANOS_RETURN_IF_ERROR(Probe(row, &builder));
      }
      if (builder.empty()) continue;
      return builder.Finish();
    }
    return RowBatchRef();
  }

 private:
  // The unique side.

  Status BuildTable() {
    while (true) {
      THANOS_ASSIGN_OR_RETURN(RowBatchRef batch, one_->Next());
      if (batch == nullptr) return OkStatus();
      for (const Row& row : batch->rows()) {
        THANOS_RETURN_IF_ERROR(state_->Check());
        keyer_.KeyOf(row.labels, &key_);
        const auto [at, added] = table_.try_emplace(key_);
        if (added) {
          order_.push_back(&*at);
          THANOS_RETURN_IF_ERROR(lease_.Grow(key_.size() + 200));
        }
        for (size_t w = 0; w < one_any_.size(); ++w) one_any_[w] |= row.PointsWord(w);
        for (const Row& other : at->second.rows) NoteConflicts(other, row);
        at->second.rows.push_back(row);
      }
      THANOS_RETURN_IF_ERROR(batch->CountPoints());
      held_bytes_ += batch->bytes();
      held_.push_back(std::move(batch));
    }
  }

  void NoteConflicts(const Row& a, const Row& b) {
    for (size_t w = 0; w < one_any_.size(); ++w) {
      const uint64_t both = a.PointsWord(w) & b.PointsWord(w);
      if (both == 0) continue;
      ForEachBit(&both, 1, [&](size_t bit) {
        conflicts_.try_emplace(w * 64 + bit,
                               Conflict{key_, a.labels.ToString(), b.labels.ToString()});
      });
    }
  }

  // Duplicates matter at steps where the other side has anything (or a fill stands in for it).
  Status CheckConflicts() const {
    for (const auto& [step, conflict] : conflicts_) {
      if (!TestBit(many_any_.data(), step) && !many_fill_ && !one_fill_) continue;
      const auto [first, second] = std::minmax(conflict.first, conflict.second);
      return FailedPreconditionError(
          "found duplicate series for the match group " + LabelsView(conflict.key).ToString() +
          " on the " + (many_is_left_ ? "right" : "left") + " hand-side of the operation: [" +
          first + ", " + second +
          "];many-to-many matching not allowed: matching labels must be unique on one side");
    }
    return OkStatus();
  }

  // The streaming side.

  Status Probe(const Row& many, RowBatchBuilder* builder) {
    THANOS_RETURN_IF_ERROR(state_->Check());
    for (size_t w = 0; w < many_any_.size(); ++w) many_any_[w] |= many.PointsWord(w);
    keyer_.KeyOf(many.labels, &key_);
    auto found = table_.find(key_);
    if (found == table_.end()) {
      if (!one_fill_) return OkStatus();
      // The key is remembered: one-to-one matching must see a second element of it.
      found = table_.try_emplace(key_).first;
      THANOS_RETURN_IF_ERROR(lease_.Grow(key_.size() + 200));
    }
    KeyGroup& group = found->second;
    std::vector<uint64_t> left_over(many_any_.size());
    for (size_t w = 0; w < left_over.size(); ++w) left_over[w] = many.PointsWord(w);
    for (const Row& one : group.rows) {
      uint64_t* bits = builder->NewBits();
      for (size_t w = 0; w < left_over.size(); ++w) {
        bits[w] = many.PointsWord(w) & one.PointsWord(w);
        left_over[w] &= ~one.PointsWord(w);
      }
      if (!AnyBit(bits, left_over.size())) continue;
      THANOS_RETURN_IF_ERROR(Emit(group, many, one, bits, builder));
    }
    if (one_fill_ && AnyBit(left_over.data(), left_over.size())) {
      uint64_t* bits = builder->NewBits();
      std::copy(left_over.begin(), left_over.end(), bits);
      const Row one{LabelsView(found->first), false, one_fill_values_.data(), bits, nullptr};
      return Emit(group, many, one, bits, builder);
    }
    return OkStatus();
  }

  // Rows of the unique side that met nothing, against the fill value of the many side.
  Status FillManySide(RowBatchBuilder* builder) {
    for (auto* entry : order_) {
      KeyGroup& group = entry->second;
      const LabelsView key(entry->first);
      for (const Row& one : group.rows) {
        uint64_t* bits = builder->NewBits();
        for (size_t w = 0; w < many_any_.size(); ++w) {
          bits[w] = one.PointsWord(w) & ~(group.taken.empty() ? 0 : group.taken[w]);
        }
        if (!AnyBit(bits, many_any_.size())) continue;
        const Row many{key, false, many_fill_values_.data(), bits, nullptr};
        THANOS_RETURN_IF_ERROR(Emit(group, many, one, bits, builder, true));
      }
    }
    return OkStatus();
  }

  // Computes one row at the steps of `bits`, which become those of the result.
  Status Emit(KeyGroup& group, const Row& many, const Row& one, uint64_t* bits,
              RowBatchBuilder* builder, bool filled_many = false) {
    const Row& left = many_is_left_ ? many : one;
    const Row& right = many_is_left_ ? one : many;
    const double* lhs = left.values;
    const double* rhs = right.values;
    const LabelsView labels = ResultLabels(many.labels, one.labels);
    const bool mixed = IsTrim(spec_.op) || many.histograms != nullptr || one.histograms != nullptr;
    double* values = builder->NewValues();
    std::vector<uint64_t> floats;
    if (mixed) floats = ComputeMixed(left, right, values, bits);
    if (!AnyBit(bits, grid_.words())) return OkStatus();
    if (!filled_many) {
      if (Status status = CheckMatches(group, labels, bits); !status.ok()) {
        // Duplicates of the unique side are found first where both occur.
        THANOS_RETURN_IF_ERROR(CheckConflicts());
        return status;
      }
    }
    Row out;
    out.drop_name = many.drop_name || (many_is_left_ ? false : one.drop_name) ||
                    (spec_.return_bool && state_->options.delayed_name_removal);
    if (mixed) {
      std::copy(floats.begin(), floats.end(), bits);
      out.values = values;
      out.histograms = builder->CopyHistograms(cells_.column());
    } else if (filter_) {
      FilterKernel(spec_.op, lhs, rhs, grid_.count, bits);
      // The original left side's value. A copy: the batch then pins neither side.
      std::memcpy(values, lhs, grid_.count * sizeof(double));
      out.values = values;
    } else {
      BinaryKernel(spec_.op, lhs, rhs, grid_.count, values);
      out.values = values;
    }
    out.present = bits;
    if (!out.HasPoints(grid_.words())) return OkStatus();
    if (guard_) THANOS_RETURN_IF_ERROR(guard_->Add(labels, out));
    out.labels = builder->CopyLabels(labels);
    builder->Add(out);
    return OkStatus();
  }

  // Step by step, for rows that hold histograms. Returns the steps with float results; histograms
  // are in cells_. Steps whose kinds do not go together leave `bits`.
  std::vector<uint64_t> ComputeMixed(const Row& left, const Row& right, double* values,
                                     uint64_t* bits) {
    const MixedBinary apply(spec_.op, !filter_, spec_.place, state_.get());
    std::vector<uint64_t> floats(grid_.words());
    cells_.Clear(grid_.count);
    for (size_t i = 0; i < grid_.count; ++i) {
      if (!TestBit(bits, i)) continue;
      bool failed = false;
      const MixedValue result =
          apply.Apply(MixedValue::Of(left, i), MixedValue::Of(right, i), &failed);
      if (failed) ClearBit(bits, i);
      if (result.is_float) {
        values[i] = result.value;
        SetBit(floats.data(), i);
      } else if (result.histogram != nullptr) {
        cells_.Set(i, *result.histogram);
      }
    }
    return floats;
  }

  // No key may give two results at a step (one-to-one), or two of equal labels (grouped).
  Status CheckMatches(KeyGroup& group, LabelsView labels, const uint64_t* bits) {
    const bool needs_taken = !grouped_ || many_fill_.has_value();
    if (needs_taken && group.taken.empty()) {
      group.taken.assign(grid_.words(), 0);
      THANOS_RETURN_IF_ERROR(lease_.Grow(grid_.words() * 8));
    }
    for (size_t w = 0; needs_taken && w < grid_.words(); ++w) {
      if (!grouped_ && (group.taken[w] & bits[w]) != 0) {
        return FailedPreconditionError(
            "multiple matches for labels: many-to-one matching must be explicit "
            "(group_left/group_right)");
      }
      group.taken[w] |= bits[w];
    }
    if (!grouped_) return OkStatus();
    auto found = group.results.find(labels.encoded());
    if (found == group.results.end()) {
      group.results.emplace(labels.encoded(), std::vector<uint64_t>(bits, bits + grid_.words()));
      return lease_.Grow(labels.encoded().size() + grid_.words() * 8 + 96);
    }
    for (size_t w = 0; w < grid_.words(); ++w) {
      if ((found->second[w] & bits[w]) != 0) {
        return FailedPreconditionError(
            "multiple matches for labels: grouping labels must ensure unique matches");
      }
      found->second[w] |= bits[w];
    }
    return OkStatus();
  }

  LabelsView ResultLabels(LabelsView many, LabelsView one) {
    const Matching& matching = spec_.matching;
    labels_.Reset(many);
    for (const Label& label : many) {
      if (drop_now_ && IsMetadataLabel(label.name)) labels_.Remove(label.name);
      if (grouped_) continue;
      const bool listed = std::find(matching.labels.begin(), matching.labels.end(), label.name) !=
                          matching.labels.end();
      if (listed != matching.on) labels_.Remove(label.name);
    }
    for (const std::string& name : matching.include) {
      const std::string_view value = one.Get(name);
      if (value.empty()) {
        labels_.Remove(name);
      } else {
        labels_.Set(name, value);
      }
    }
    labels_.BuildTo(&result_labels_);
    return LabelsView(result_labels_);
  }

  const VectorBinarySpec spec_;
  const bool many_is_left_;
  const bool grouped_;
  const bool filter_;
  const bool drop_now_;
  // The "left" fill value stands for the many side also under group_right, as in the reference.
  const std::optional<double> many_fill_, one_fill_;
  const LabelKeyer keyer_;
  const std::shared_ptr<QueryState> state_;
  const OperatorPtr many_, one_;
  GrowingLease lease_;
  std::optional<DuplicateGuard> guard_;
  std::vector<double> many_fill_values_, one_fill_values_;
  TextMap<KeyGroup> table_;
  std::vector<std::pair<const std::string, KeyGroup>*> order_;
  std::vector<RowBatchRef> held_;
  uint64_t held_bytes_ = 0;
  std::map<size_t, Conflict> conflicts_;  // By step.
  std::vector<uint64_t> many_any_, one_any_;
  std::string key_, result_labels_;
  LabelsBuilder labels_;
  HistogramCells cells_;
  bool built_ = false;
  bool ended_ = false;
};

// and, unless, or: rows of one side, at the steps where the other side's key (does not) occur.
class SetOperator final : public Operator {
 public:
  SetOperator(VectorBinarySpec spec, OperatorPtr lhs, OperatorPtr rhs,
              std::shared_ptr<QueryState> state)
      : Operator(lhs->grid(), TraitsOf(spec)),
        op_(spec.op),
        keyer_(spec.matching.labels, spec.matching.on),
        state_(std::move(state)),
        lhs_(std::move(lhs)),
        rhs_(std::move(rhs)),
        lease_(state_->context.budget()) {
    traits_.bytes_per_row_step = 0.125;
    if (op_ == TokenKind::kOr) {
      guard_.emplace(state_->context.budget(), grid_, /*whole_series=*/false);
    } else {
      traits_.unique_without_name = lhs_->traits().unique_without_name;
      traits_.fragments = lhs_->traits().fragments;
    }
  }
  std::vector<Operator*> children() const override { return {lhs_.get(), rhs_.get()}; }
  uint64_t held_bytes() const override { return lease_.held_bytes(); }

  Result<RowBatchRef> Produce() override {
    if (op_ != TokenKind::kOr && !std::exchange(built_, true)) {
      THANOS_RETURN_IF_ERROR(rhs_->ForEachRow([this](const Row& row) { return Remember(row); }));
    }
    while (true) {
      Operator& side = lhs_ended_ ? *rhs_ : *lhs_;
      THANOS_ASSIGN_OR_RETURN(RowBatchRef batch, side.Next());
      if (batch == nullptr) {
        if (op_ != TokenKind::kOr || lhs_ended_) return RowBatchRef();
        lhs_ended_ = true;
        continue;
      }
      THANOS_ASSIGN_OR_RETURN(RowBatchRef out, Pass(std::move(batch)));
      if (out != nullptr) return out;
    }
  }

 private:
  Status Remember(const Row& row) {
    THANOS_RETURN_IF_ERROR(state_->Check());
    keyer_.KeyOf(row.labels, &key_);
    const auto [at, added] = keys_.try_emplace(key_);
    if (added) {
      at->second.assign(grid_.words(), 0);
      THANOS_RETURN_IF_ERROR(lease_.Grow(key_.size() + grid_.words() * 8 + 96));
    }
    for (size_t w = 0; w < grid_.words(); ++w) at->second[w] |= row.PointsWord(w);
    return OkStatus();
  }

  Result<RowBatchRef> Pass(RowBatchRef batch) {
    RowBatchBuilder builder(state_, grid_);
    std::deque<HistogramColumn> columns;
    for (const Row& row : batch->rows()) {
      Row out = row;
      if (op_ == TokenKind::kOr && !lhs_ended_) {
        THANOS_RETURN_IF_ERROR(Remember(row));
      } else {
        keyer_.KeyOf(row.labels, &key_);
        const auto found = keys_.find(key_);
        const bool keep_matches = op_ == TokenKind::kAnd;
        if (found == keys_.end()) {
          if (keep_matches) continue;
        } else {
          uint64_t* bits = builder.NewBits();
          for (size_t w = 0; w < grid_.words(); ++w) {
            bits[w] = row.present[w] & (keep_matches ? found->second[w] : ~found->second[w]);
          }
          out.present = bits;
          if (row.histograms != nullptr) {
            uint64_t* kept = builder.NewBits();
            for (size_t w = 0; w < grid_.words(); ++w) {
              kept[w] = row.histograms->present[w] &
                        (keep_matches ? found->second[w] : ~found->second[w]);
            }
            columns.push_back({row.histograms->at, kept});
            out.histograms = builder.CopyHistograms(&columns.back());
          }
        }
      }
      if (guard_ && out.HasPoints(grid_.words())) {
        THANOS_RETURN_IF_ERROR(guard_->Add(out.labels, out));
      }
      builder.Add(out);
    }
    if (builder.empty()) return RowBatchRef();
    builder.Pin(std::move(batch));
    return builder.Finish();
  }

  const TokenKind op_;
  const LabelKeyer keyer_;
  const std::shared_ptr<QueryState> state_;
  const OperatorPtr lhs_, rhs_;
  GrowingLease lease_;
  std::optional<DuplicateGuard> guard_;
  TextMap<std::vector<uint64_t>> keys_;
  std::string key_;
  bool built_ = false;
  bool lhs_ended_ = false;
};

}  // namespace

OperatorPtr MakeVectorBinary(VectorBinarySpec spec, OperatorPtr lhs, OperatorPtr rhs,
                             std::shared_ptr<QueryState> state) {
  return std::make_unique<VectorBinary>(std::move(spec), std::move(lhs), std::move(rhs),
                                        std::move(state));
}
OperatorPtr MakeSetOperator(VectorBinarySpec spec, OperatorPtr lhs, OperatorPtr rhs,
                            std::shared_ptr<QueryState> state) {
  return std::make_unique<SetOperator>(std::move(spec), std::move(lhs), std::move(rhs),
                                       std::move(state));
}

}  // namespace thanos::promql
