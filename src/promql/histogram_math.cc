#include "promql/histogram_math.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/number_text.h"
#include "promql/numerics.h"

namespace thanos::promql {
namespace {

// Indices ascend.
void SetSide(const std::vector<std::pair<int32_t, double>>& cells,
             std::vector<model::HistogramSpan>* spans, std::vector<double>* buckets) {
  spans->clear();
  buckets->clear();
  int32_t next = 0;
  for (const auto& [index, count] : cells) {
    if (spans->empty() || index != next) {
      spans->push_back({spans->empty() ? index : index - next, 0});
    }
    ++spans->back().length;
    buckets->push_back(count);
    next = index + 1;
  }
}

void CompactSide(std::vector<model::HistogramSpan>* spans, std::vector<double>* buckets) {
  std::vector<std::pair<int32_t, double>> cells;
  ForBuckets(*spans, *buckets, [&](int32_t index, double count) {
    if (count != 0) cells.emplace_back(index, count);
  });
  SetSide(cells, spans, buckets);
}

int32_t ReducedIndex(int32_t index, int32_t from, int32_t to) {
  return ((index - 1) >> (from - to)) + 1;
}

bool SameBits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

}  // namespace

void Compact(FloatHistogram* histogram) {
  CompactSide(&histogram->positive_spans, &histogram->positive_buckets);
  CompactSide(&histogram->negative_spans, &histogram->negative_buckets);
}

void Scale(double factor, FloatHistogram* histogram) {
  histogram->zero_count *= factor;
  histogram->count *= factor;
  histogram->sum *= factor;
  for (double& count : histogram->positive_buckets) count *= factor;
  for (double& count : histogram->negative_buckets) count *= factor;
  if (factor < 0) histogram->hint = model::CounterResetHint::kGauge;
}

void Divide(double divisor, FloatHistogram* histogram) {
  histogram->zero_count /= divisor;
  histogram->count /= divisor;
  histogram->sum /= divisor;
  if (divisor < 0) histogram->hint = model::CounterResetHint::kGauge;
  if (divisor == 0) {
    histogram->positive_spans.clear();
    histogram->negative_spans.clear();
    histogram->positive_buckets.clear();
    histogram->negative_buckets.clear();
    return;
  }
  for (double& count : histogram->positive_buckets) count /= divisor;
  for (double& count : histogram->negative_buckets) count /= divisor;
}

bool Equal(const FloatHistogram& left, const FloatHistogram& right) {
  FloatHistogram a = left;
  FloatHistogram b = right;
  Compact(&a);
  Compact(&b);
  const auto same = [](const std::vector<double>& x, const std::vector<double>& y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), SameBits);
  };
  return a.schema == b.schema && SameBits(a.count, b.count) && SameBits(a.sum, b.sum) &&
         SameBits(a.zero_count, b.zero_count) && a.zero_threshold == b.zero_threshold &&
         a.custom_values == b.custom_values && a.positive_spans == b.positive_spans &&
         a.negative_spans == b.negative_spans && same(a.positive_buckets, b.positive_buckets) &&
         same(a.negative_buckets, b.negative_buckets);
}

uint64_t SizeInSamples(const FloatHistogram& h) {
  const size_t items = h.positive_spans.size() + h.negative_spans.size() +
                       h.positive_buckets.size() + h.negative_buckets.size() +
                       h.custom_values.size();
  return (168 + 8 * items + 8) / 16;
}

std::string HistogramText(const FloatHistogram& histogram) {
  std::string out = "{count:" + base::FormatFloatG(histogram.count) +
                    ", sum:" + base::FormatFloatG(histogram.sum);
  for (const HistogramBucket& bucket : AllBuckets(histogram, /*clipped=*/false)) {
    if (bucket.count == 0) continue;
    out += bucket.lower_inclusive ? ", [" : ", (";
    out += base::FormatFloatG(bucket.lower) + "," + base::FormatFloatG(bucket.upper);
    out += bucket.upper_inclusive ? "]:" : "):";
    out += base::FormatFloatG(bucket.count);
  }
  return out + "}";
}

// Sums.

HistogramSum::Side HistogramSum::SideOf(const std::vector<model::HistogramSpan>& spans,
                                        const std::vector<double>& buckets) {
  Side side;
  ForBuckets(spans, buckets, [&](int32_t index, double count) { side[index] = {count, 0}; });
  return side;
}

HistogramSum::Parts HistogramSum::PartsOf(const FloatHistogram& h) {
  return {h.schema,
          h.zero_threshold,
          {h.zero_count, 0},
          {h.count, 0},
          {h.sum, 0},
          SideOf(h.positive_spans, h.positive_buckets),
          SideOf(h.negative_spans, h.negative_buckets),
          h.custom_values};
}

HistogramSum::HistogramSum(const FloatHistogram& first, bool compensated)
    : parts_(PartsOf(first)), hint_(first.hint), compensated_(compensated) {
  NoteHint(first.hint);
}

void HistogramSum::NoteHint(model::CounterResetHint hint) {
  seen_reset_ |= hint == model::CounterResetHint::kReset;
  seen_not_reset_ |= hint == model::CounterResetHint::kNotReset;
}

void HistogramSum::AddTo(Cell* cell, const Cell& x, double sign) const {
  if (compensated_) {
    KahanAdd(sign * x.value, cell->value, cell->compensation);
    cell->compensation += sign * x.compensation;
  } else {
    cell->value += sign * x.value;
  }
}
void HistogramSum::Absorb(Cell* cell, const Cell& x) const { AddTo(cell, x, 1); }

void HistogramSum::ReduceTo(int32_t schema, Parts* parts) const {
  for (Side* side : {&parts->positive, &parts->negative}) {
    Side reduced;
    for (const auto& [index, cell] : *side) {
      Absorb(&reduced[ReducedIndex(index, parts->schema, schema)], cell);
    }
    *side = std::move(reduced);
  }
  parts->schema = schema;
}

// Widens the zero bucket to at least `threshold`: to the far bound of a bucket that counts
// something and straddles it. Returns the new threshold.
double HistogramSum::RaiseZero(double threshold, Parts* parts) const {
  const auto straddled = [&](const Side& side) {
    for (const auto& [index, cell] : side) {
      const double upper = ExponentialBound(index, parts->schema);
      if (ExponentialBound(index - 1, parts->schema) >= threshold) return threshold;
      if (upper > threshold && cell.value != 0) return upper;
    }
    return threshold;
  };
  while (true) {
    double wider = straddled(parts->positive);
    if (wider == threshold) wider = straddled(parts->negative);
    if (wider == threshold) break;
    threshold = wider;
  }
  for (Side* side : {&parts->positive, &parts->negative}) {
    for (auto at = side->begin(); at != side->end();) {
      if (ExponentialBound(at->first - 1, parts->schema) >= threshold) break;
      Absorb(&parts->zero, at->second);
      at = side->erase(at);
    }
  }
  parts->zero_threshold = threshold;
  return threshold;
}

// Both to the bounds that both have.
void HistogramSum::ReconcileBounds(Parts* a, Parts* b) const {
  std::vector<double> shared;
  std::set_intersection(a->custom.begin(), a->custom.end(), b->custom.begin(), b->custom.end(),
                        std::back_inserter(shared));
  for (Parts* parts : {a, b}) {
    Side mapped;
    for (const auto& [index, cell] : parts->positive) {
      const double bound = CustomBound(parts->custom, index);
      const auto at = std::lower_bound(shared.begin(), shared.end(), bound);
      Absorb(&mapped[static_cast<int32_t>(at - shared.begin())], cell);
    }
    parts->positive = std::move(mapped);
    parts->custom = shared;
  }
}

void HistogramSum::CombineHints(model::CounterResetHint other, double sign) {
  using Hint = model::CounterResetHint;
  NoteHint(other);
  if (sign < 0 || hint_ == Hint::kGauge || other == Hint::kGauge) {
    hint_ = Hint::kGauge;  // Also what is left of a subtraction.
  } else if (hint_ != other) {
    hint_ = Hint::kUnknown;
  }
}

bool HistogramSum::Combine(const FloatHistogram& other, double sign) {
  const bool custom = parts_.schema == model::kCustomBucketsSchema;
  if (custom != UsesCustomBuckets(other)) return false;
  CombineHints(other.hint, sign);
  Parts theirs = PartsOf(other);
  if (custom) {
    if (parts_.custom != theirs.custom) {
      reconciled_ = true;
      ReconcileBounds(&parts_, &theirs);
    }
  } else {
    const int32_t schema = std::min(parts_.schema, theirs.schema);
    // The zero buckets meet at the histograms' own resolutions.
    while (parts_.zero_threshold != theirs.zero_threshold) {
      Parts* narrow = parts_.zero_threshold < theirs.zero_threshold ? &parts_ : &theirs;
      RaiseZero(std::fmax(parts_.zero_threshold, theirs.zero_threshold), narrow);
    }
    if (parts_.schema != schema) ReduceTo(schema, &parts_);
    if (theirs.schema != schema) ReduceTo(schema, &theirs);
  }
  AddTo(&parts_.zero, theirs.zero, sign);
  AddTo(&parts_.count, theirs.count, sign);
  AddTo(&parts_.sum, theirs.sum, sign);
  for (const auto& [index, cell] : theirs.positive) AddTo(&parts_.positive[index], cell, sign);
  for (const auto& [index, cell] : theirs.negative) AddTo(&parts_.negative[index], cell, sign);
  return true;
}

void HistogramSum::Scale(double factor) {
  const auto scale = [factor](Cell* cell) {
    cell->value *= factor;
    cell->compensation *= factor;
  };
  scale(&parts_.zero);
  scale(&parts_.count);
  scale(&parts_.sum);
  for (auto& [index, cell] : parts_.positive) scale(&cell);
  for (auto& [index, cell] : parts_.negative) scale(&cell);
}

bool HistogramSum::has_infinity() const {
  const auto infinite = [](const Cell& cell) { return std::isinf(cell.value); };
  const auto any = [&](const Side& side) {
    return std::any_of(side.begin(), side.end(),
                       [&](const auto& entry) { return infinite(entry.second); });
  };
  return infinite(parts_.zero) || infinite(parts_.count) || infinite(parts_.sum) ||
         any(parts_.positive) || any(parts_.negative);
}

FloatHistogram HistogramSum::Result() const {
  const auto value = [](const Cell& cell) { return cell.value + cell.compensation; };
  FloatHistogram out;
  out.hint = hint_;
  out.schema = parts_.schema;
  out.zero_threshold = parts_.zero_threshold;
  out.zero_count = value(parts_.zero);
  out.count = value(parts_.count);
  out.sum = value(parts_.sum);
  out.custom_values = parts_.custom;
  const auto set = [&](const Side& side, auto* spans, auto* buckets) {
    std::vector<std::pair<int32_t, double>> cells;
    for (const auto& [index, cell] : side) {
      if (value(cell) != 0) cells.emplace_back(index, value(cell));
    }
    SetSide(cells, spans, buckets);
  };
  set(parts_.positive, &out.positive_spans, &out.positive_buckets);
  set(parts_.negative, &out.negative_spans, &out.negative_buckets);
  return out;
}

bool HistogramAverage::Add(const FloatHistogram& other) {
  ++count_;
  if (!average_) return sum_.Add(other);
  if (!mean_) {
    HistogramSum next = sum_;
    if (!next.Add(other)) return false;
    if (!next.has_infinity()) {
      sum_ = std::move(next);
      return true;
    }
    mean_ = true;
    sum_.Scale(1 / (count_ - 1));
  }
  FloatHistogram share = other;
  Divide(count_, &share);
  sum_.Scale((count_ - 1) / count_);
  return sum_.Add(share);
}

FloatHistogram HistogramAverage::Result() const {
  FloatHistogram result = sum_.Result();
  if (average_ && !mean_) Divide(count_, &result);
  return result;
}

}  // namespace thanos::promql
