#include "promql/holding.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "base/number_text.h"
#include "promql/histogram_math.h"
#include "promql/label_sets.h"

namespace thanos::promql {

MergedRows::MergedRows(std::shared_ptr<QueryState> state, const Grid& grid)
    : state_(std::move(state)), grid_(grid), lease_(state_->context.budget()) {}

MergedRows::~MergedRows() { state_->LetGo(points_); }

Status MergedRows::Charge(const Row& row, const Grid& tile) {
  size_t points = CountBits(row.present, tile.words());
  if (row.histograms != nullptr) {
    ForEachBit(row.histograms->present, tile.words(),
               [&](size_t i) { points += SizeInSamples(*row.histograms->at[i]); });
    THANOS_RETURN_IF_ERROR(lease_.Grow(points * 16));
  }
  THANOS_RETURN_IF_ERROR(state_->Hold(points));
  points_ += points;
  return OkStatus();
}

Status MergedRows::Add(const Row& row, const Grid& tile, size_t from) {
  THANOS_RETURN_IF_ERROR(Charge(row, tile));
  const auto [at, added] = index_.try_emplace(std::string(row.labels.encoded()), series_.size());
  if (added) {
    THANOS_RETURN_IF_ERROR(
        lease_.Grow(2 * row.labels.encoded().size() + 160 + grid_.count * sizeof(double)));
    Series& series = series_.emplace_back();
    series.labels = Labels(row.labels);
    series.drop_name = row.drop_name;
    if (tile.count == grid_.count) {
      series.values.assign(row.values, row.values + grid_.count);
      series.present.assign(row.present, row.present + grid_.words());
      AddHistograms(row, tile, from, &series);
      return OkStatus();
    }
    series.values.resize(grid_.count);
    series.present.resize(grid_.words());
  }
  Series& series = series_[at->second];
  bool twice = false;
  for (size_t w = 0; w < tile.words(); ++w) {
    const uint64_t points = row.PointsWord(w);
    ForEachBit(&points, 1, [&](size_t bit) {
      const size_t i = from + w * 64 + bit;
      twice |= TestBit(series.present.data(), i);
      twice |= !series.histograms.empty() && series.histograms[i] != nullptr;
    });
  }
  if (twice) return DuplicateLabelsError();
  ForEachBit(row.present, tile.words(), [&](size_t i) {
    SetBit(series.present.data(), from + i);
    series.values[from + i] = row.values[i];
  });
  AddHistograms(row, tile, from, &series);
  series.drop_name |= row.drop_name;
  return OkStatus();
}

void MergedRows::AddHistograms(const Row& row, const Grid& tile, size_t from, Series* series) {
  if (row.histograms == nullptr) return;
  if (series->histograms.empty()) series->histograms.resize(grid_.count);
  ForEachBit(row.histograms->present, tile.words(), [&](size_t i) {
    series->histograms[from + i] =
        std::make_shared<const model::FloatHistogram>(*row.histograms->at[i]);
  });
}

namespace {

OperatorTraits Named(std::string name, Holds holds) {
  OperatorTraits traits;
  traits.name = std::move(name);
  traits.holds = holds;
  return traits;
}

class SubqueryOperator final : public Operator {
 public:
  SubqueryOperator(SubquerySpec spec, OperatorPtr inner, std::shared_ptr<QueryState> state)
      : Operator(spec.function.window.grid,
                 Named(spec.text, inner->traits().fragments ? Holds::kInput : Holds::kNothing)),
        spec_(std::move(spec)),
        state_(state),
        inner_(std::move(inner)),
        function_(spec_.function, state_),
        scratch_(spec_.function.window, state_->context.budget()) {
    traits_.bytes_per_row_step = inner_->traits().fragments ? 8.125 : 0;
    traits_.unique_without_name = inner_->traits().unique_without_name;
    if (spec_.drop_metadata && !traits_.unique_without_name) {
      guard_.emplace(state_->context.budget(), grid_, /*whole_series=*/true);
    }
  }
  std::vector<Operator*> children() const override { return {inner_.get()}; }

  Result<RowBatchRef> Produce() override {
    if (grid_.count == 0) return RowBatchRef();
    return inner_->traits().fragments ? NextMerged() : NextStreamed();
  }

 private:
  Result<RowBatchRef> NextStreamed() {
    while (true) {
      THANOS_ASSIGN_OR_RETURN(const RowBatchRef batch, inner_->Next());
      if (batch == nullptr) return RowBatchRef();
      RowBatchBuilder builder(state_, grid_);
      for (const Row& row : batch->rows()) THANOS_RETURN_IF_ERROR(Evaluate(row, &builder));
      if (!builder.empty()) return builder.Finish();
    }
  }

  // A series in fragments must be whole before its windows are looked at.
  Result<RowBatchRef> NextMerged() {
    if (std::exchange(done_, true)) return RowBatchRef();
    MergedRows merged(state_, inner_->grid());
    THANOS_RETURN_IF_ERROR(
        inner_->ForEachRow([&merged](const Row& row) { return merged.Add(row); }));
    RowBatchBuilder builder(state_, grid_);
    HistogramCells cells;
    for (const MergedRows::Series& series : merged.series()) {
      cells.Clear(inner_->grid().count);
      for (size_t i = 0; i < series.histograms.size(); ++i) {
        if (series.histograms[i] != nullptr) cells.Borrow(i, series.histograms[i].get());
      }
      THANOS_RETURN_IF_ERROR(Evaluate({series.labels, series.drop_name, series.values.data(),
                                       series.present.data(), cells.column()},
                                      &builder));
    }
    return builder.Finish();
  }

  Status Evaluate(const Row& row, RowBatchBuilder* builder) {
    THANOS_RETURN_IF_ERROR(state_->Check());
    chunk::Columns& columns = scratch_.columns;
    columns.Clear();
    ForEachBit(row.present, inner_->grid().words(), [&](size_t i) {
      columns.t.push_back(inner_->grid().At(i));
      columns.v.push_back(row.values[i]);
    });
    if (row.histograms != nullptr) {
      ForEachBit(row.histograms->present, inner_->grid().words(), [&](size_t i) {
        columns.histogram_t.push_back(inner_->grid().At(i));
        columns.histograms.push_back(*row.histograms->at[i]);
        // What was known of resets held between the samples, not between these points.
        model::CounterResetHint& hint = columns.histograms.back().hint;
        if (hint != model::CounterResetHint::kGauge) hint = model::CounterResetHint::kUnknown;
      });
    }
    double* values = builder->NewValues();
    uint64_t* bits = builder->NewBits();
    // A name that is to be dropped is none for annotations.
    const LabelsView seen = row.drop_name ? LabelsView() : row.labels;
    THANOS_RETURN_IF_ERROR(function_.Evaluate(columns, seen, &scratch_, values, bits));
    THANOS_RETURN_IF_ERROR(scratch_.status());
    state_->samples_queryable.fetch_add(std::exchange(scratch_.visited, 0),
                                        std::memory_order_relaxed);
    Row out{spec_.drop_metadata ? WithoutMetadata(row.labels, &labels_) : row.labels,
            row.drop_name || spec_.mark_drop, values, bits, scratch_.cells.column()};
    if (!out.HasPoints(grid_.words())) return OkStatus();
    if (guard_) THANOS_RETURN_IF_ERROR(guard_->Add(out.labels, out));
    out.labels = builder->CopyLabels(out.labels);
    out.histograms = builder->CopyHistograms(out.histograms);
    builder->Add(out);
    return OkStatus();
  }

  const SubquerySpec spec_;
  const std::shared_ptr<QueryState> state_;
  const OperatorPtr inner_;
  const WindowFunction function_;
  WindowScratch scratch_;
  std::optional<DuplicateGuard> guard_;
  std::string labels_;
  bool done_ = false;
};

class Sort final : public Operator {
 public:
  Sort(SortSpec spec, OperatorPtr input, std::shared_ptr<QueryState> state)
      : Operator(input->grid(),
                 Named(spec.descending ? "sort, descending" : "sort", Holds::kInput)),
        state_(std::move(state)),
        spec_(std::move(spec)),
        input_(std::move(input)) {
    traits_.order = RowOrder::kValues;
    traits_.bytes_per_row_step = 8.125;
    traits_.unique_without_name = input_->traits().unique_without_name;
  }
  std::vector<Operator*> children() const override { return {input_.get()}; }

  Result<RowBatchRef> Produce() override {
    if (std::exchange(done_, true)) return RowBatchRef();
    RowBatchBuilder builder(state_, grid_);
    std::vector<Row> rows;
    while (true) {
      THANOS_ASSIGN_OR_RETURN(RowBatchRef batch, input_->Next());
      if (batch == nullptr) break;
      for (const Row& row : batch->rows()) {
        if (!spec_.by_labels && !AnyBit(row.present, grid_.words())) continue;
        rows.push_back(row);
        if (!spec_.by_labels) rows.back().histograms = nullptr;  // They have no order.
      }
      held_bytes_ += batch->bytes();
      builder.Pin(std::move(batch));
    }
    std::vector<size_t> order(rows.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](size_t i, size_t j) {
      const Row& a = rows[i];
      const Row& b = rows[j];
      const auto before = [this](const Row& x, const Row& y) {
        return spec_.by_labels ? LabelsBefore(x.labels, y.labels)
                               : ValueBefore(x.values[0], y.values[0]);
      };
      if (before(a, b)) return true;
      return !before(b, a) && i < j;
    });
    for (const size_t i : order) builder.Add(rows[i]);
    return builder.Finish();
  }
  uint64_t held_bytes() const override { return held_bytes_; }

 private:
  // NaN last in both directions.
  bool ValueBefore(double a, double b) const {
    if (std::isnan(a)) return false;
    if (std::isnan(b)) return true;
    return spec_.descending ? a > b : a < b;
  }
  bool LabelsBefore(LabelsView a, LabelsView b) const {
    int order = 0;
    for (const std::string& label : spec_.labels) {
      order = CompareNaturally(a.Get(label), b.Get(label));
      if (order != 0) break;
    }
    if (order == 0) order = Compare(a, b);
    return spec_.descending ? order > 0 : order < 0;
  }

  const std::shared_ptr<QueryState> state_;
  const SortSpec spec_;
  const OperatorPtr input_;
  uint64_t held_bytes_ = 0;
  bool done_ = false;
};

// A run of digits, or of other bytes, from the front.
std::string_view TakeRun(std::string_view* text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  size_t n = 1;
  while (n < text->size() && is_digit((*text)[n]) == is_digit((*text)[0])) ++n;
  const std::string_view run = text->substr(0, n);
  text->remove_prefix(n);
  return run;
}

}  // namespace

int CompareNaturally(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const std::string_view x = TakeRun(&a);
    const std::string_view y = TakeRun(&b);
    const Result<int64_t> p = base::ParseGoInt(x);
    const Result<int64_t> q = base::ParseGoInt(y);
    if (p.ok() && q.ok()) {
      if (*p != *q) return *p < *q ? -1 : 1;
    } else if (const int order = x.compare(y); order != 0) {
      return order;
    }
  }
  return a.empty() ? (b.empty() ? 0 : -1) : 1;
}

OperatorPtr MakeSubquery(SubquerySpec spec, OperatorPtr inner, std::shared_ptr<QueryState> state) {
  return std::make_unique<SubqueryOperator>(std::move(spec), std::move(inner), std::move(state));
}
OperatorPtr MakeSort(SortSpec spec, OperatorPtr input, std::shared_ptr<QueryState> state) {
  return std::make_unique<Sort>(std::move(spec), std::move(input), std::move(state));
}

}  // namespace thanos::promql
