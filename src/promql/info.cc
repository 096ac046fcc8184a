#include "promql/info.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>
#include <vector>

#include "promql/label_sets.h"

namespace thanos::promql {
namespace {

constexpr std::string_view kTargetInfo = "target_info";

OperatorTraits Traits() {
  OperatorTraits traits;
  traits.name = "join labels of info metrics";
  traits.holds = Holds::kOneSide;
  traits.bytes_per_row_step = 8.125;
  traits.fragments = true;
  return traits;
}

class Info final : public Operator {
 public:
  Info(InfoSpec spec, OperatorPtr base, OperatorPtr info, std::shared_ptr<QueryState> state)
      : Operator(base->grid(), Traits()),
        spec_(std::move(spec)),
        keyer_({"instance", "job"}, /*by=*/true),
        state_(std::move(state)),
        base_(std::move(base)),
        info_(std::move(info)),
        guard_(state_->context.budget(), grid_, /*whole_series=*/false) {}
  std::vector<Operator*> children() const override { return {info_.get(), base_.get()}; }
  uint64_t held_bytes() const override { return held_bytes_; }

  Result<RowBatchRef> Produce() override {
    if (!std::exchange(built_, true)) THANOS_RETURN_IF_ERROR(BuildTable());
    while (true) {
      THANOS_ASSIGN_OR_RETURN(RowBatchRef batch, base_->Next());
      if (batch == nullptr) return RowBatchRef();
      RowBatchBuilder builder(state_, grid_);
      for (const Row& row : batch->rows()) THANOS_RETURN_IF_ERROR(Join(row, &builder));
      if (builder.empty()) continue;
      builder.Pin(std::move(batch));
      return builder.Finish();
    }
  }

 private:
  // Rows of info metrics by their identifying labels.
  Status BuildTable() {
    while (true) {
      THANOS_ASSIGN_OR_RETURN(RowBatchRef batch, info_->Next());
      if (batch == nullptr) return OkStatus();
      for (const Row& row : batch->rows()) {
        keyer_.KeyOf(row.labels, &key_);
        table_[key_].push_back(row);
      }
      THANOS_RETURN_IF_ERROR(batch->CountPoints());
      held_bytes_ += batch->bytes();
      held_.push_back(std::move(batch));
    }
  }

  Status Join(const Row& row, RowBatchBuilder* builder) {
    THANOS_RETURN_IF_ERROR(state_->Check());
    // An info metric is not joined to itself.
    if (model::AllMatch(spec_.name_matchers, row.labels)) {
      THANOS_RETURN_IF_ERROR(guard_.Add(row.labels, row));
      builder->Add(row);
      return OkStatus();
    }
    keyer_.KeyOf(row.labels, &key_);
    const auto found = table_.find(key_);
    const std::vector<Row>* candidates = found == table_.end() ? nullptr : &found->second;
    // Steps that meet the same info rows make one row.
    std::map<std::vector<const Row*>, std::vector<uint64_t>> parts;
    for (size_t i = 0; i < grid_.count; ++i) {
      if ((row.PointsWord(i / 64) >> (i % 64) & 1) == 0) continue;
      std::vector<const Row*> chosen;
      if (candidates != nullptr) THANOS_RETURN_IF_ERROR(Choose(*candidates, i, &chosen));
      std::vector<uint64_t>& bits = parts[chosen];
      if (bits.empty()) bits.resize(grid_.words());
      SetBit(bits.data(), i);
    }
    for (const auto& [chosen, bits] : parts) {
      THANOS_RETURN_IF_ERROR(Emit(row, chosen, bits, builder));
    }
    return OkStatus();
  }

  // The newest sample of each info metric at a step.
  static Status Choose(const std::vector<Row>& candidates, size_t i,
                       std::vector<const Row*>* chosen) {
    for (const Row& candidate : candidates) {
      if (!TestBit(candidate.present, i)) continue;
      const std::string_view name = candidate.labels.Get(kMetricName);
      const auto same = std::find_if(chosen->begin(), chosen->end(), [&](const Row* other) {
        return other->labels.Get(kMetricName) == name;
      });
      if (same == chosen->end()) {
        chosen->push_back(&candidate);
        continue;
      }
      const double mine = candidate.values[i];
      const double other = (*same)->values[i];
      if (mine == other) {
        char time[40];
        std::snprintf(time, sizeof(time), " @ %.0f", mine * 1000);
        return FailedPreconditionError("found duplicate series for info metric: existing " +
                                       (*same)->labels.ToString() + time + ", new " +
                                       candidate.labels.ToString() + time);
      }
      if (mine > other) *same = &candidate;
    }
    std::sort(chosen->begin(), chosen->end());
    return OkStatus();
  }

  bool IsJoined(std::string_view name) const {
    if (spec_.data_matchers.empty()) return true;
    return std::any_of(spec_.data_matchers.begin(), spec_.data_matchers.end(),
                       [name](const model::Matcher& m) { return m.name() == name; });
  }

  Status Emit(const Row& row, const std::vector<const Row*>& chosen,
              const std::vector<uint64_t>& bits, RowBatchBuilder* builder) {
    std::map<std::string_view, std::string_view> added;
    for (const Row* info : chosen) {
      for (const Label& label : info->labels) {
        if (label.name == kMetricName || !IsJoined(label.name)) continue;
        if (row.labels.Find(label.name)) continue;
        const auto [at, fresh] = added.emplace(label.name, label.value);
        if (!fresh && at->second != label.value) {
          return FailedPreconditionError("conflicting label: " + std::string(label.name));
        }
      }
    }
    if (chosen.empty() || added.empty()) {
      // Nothing is known of it: it stays unless something was asked for.
      const bool asked = std::any_of(spec_.data_matchers.begin(), spec_.data_matchers.end(),
                                     [](const model::Matcher& m) { return !m.MatchesEmpty(); });
      if (asked && chosen.empty()) return OkStatus();
    }
    LabelsBuilder labels(row.labels);
    for (const auto& [name, value] : added) labels.Set(name, value);
    std::string encoded;
    labels.BuildTo(&encoded);
    Row out = row;
    uint64_t* floats = builder->NewBits();
    for (size_t w = 0; w < grid_.words(); ++w) floats[w] = row.present[w] & bits[w];
    out.present = floats;
    HistogramColumn column;
    if (row.histograms != nullptr) {
      uint64_t* kept = builder->NewBits();
      for (size_t w = 0; w < grid_.words(); ++w) kept[w] = row.histograms->present[w] & bits[w];
      column = {row.histograms->at, kept};
      out.histograms = builder->CopyHistograms(&column);
    }
    THANOS_RETURN_IF_ERROR(guard_.Add(LabelsView(encoded), out));
    out.labels = builder->CopyLabels(LabelsView(encoded));
    builder->Add(out);
    return OkStatus();
  }

  const InfoSpec spec_;
  const LabelKeyer keyer_;
  const std::shared_ptr<QueryState> state_;
  const OperatorPtr base_, info_;
  DuplicateGuard guard_;
  TextMap<std::vector<Row>> table_;
  std::vector<RowBatchRef> held_;
  uint64_t held_bytes_ = 0;
  std::string key_;
  bool built_ = false;
};

}  // namespace

InfoSpec InfoSpecOf(const model::Matchers& selector) {
  InfoSpec spec;
  bool positive = false;
  for (const model::Matcher& matcher : selector) {
    if (matcher.name() != kMetricName) {
      spec.data_matchers.push_back(matcher);
      continue;
    }
    spec.name_matchers.push_back(matcher);
    positive |=
        matcher.type() == model::MatchType::kEqual || matcher.type() == model::MatchType::kRegex;
  }
  if (spec.name_matchers.empty()) {
    spec.name_matchers = {
        model::Matcher::Equal(std::string(kMetricName), std::string(kTargetInfo))};
  } else if (!positive) {
    // The pattern is ours and compiles.
    Result<model::Matcher> any =
        model::Matcher::Make(model::MatchType::kRegex, std::string(kMetricName), ".+_info");
    if (any.ok()) spec.name_matchers.push_back(std::move(*any));
  }
  return spec;
}

OperatorPtr MakeInfo(InfoSpec spec, OperatorPtr base, OperatorPtr info,
                     std::shared_ptr<QueryState> state) {
  return std::make_unique<Info>(std::move(spec), std::move(base), std::move(info),
                                std::move(state));
}

}  // namespace thanos::promql
