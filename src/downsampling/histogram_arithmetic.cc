#include "downsampling/histogram_arithmetic.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "chunk/histogram_resolution.h"
#include "model/histogram_buckets.h"

namespace thanos::downsampling {
namespace {

using model::CounterResetHint;
using model::ExponentialBound;
using model::FloatHistogram;
using Spans = std::vector<model::HistogramSpan>;
using Buckets = std::vector<double>;

// Walks the buckets of one side.
class BucketWalk {
 public:
  BucketWalk(const Spans& spans, const Buckets& buckets) : spans_(spans), buckets_(buckets) {
    if (!spans_.empty()) index_ = spans_[0].offset;
    SkipEnds();
  }
  bool done() const { return span_ == spans_.size() || at_ == buckets_.size(); }
  int64_t index() const { return index_; }
  double count() const { return buckets_[at_]; }
  bool begins_span() const { return in_span_ == 0; }
  void Next() {
    ++at_;
    ++index_;
    ++in_span_;
    SkipEnds();
  }

 private:
  void SkipEnds() {
    while (span_ < spans_.size() && in_span_ >= spans_[span_].length) {
      in_span_ = 0;
      if (++span_ < spans_.size()) index_ += spans_[span_].offset;
    }
  }
  const Spans& spans_;
  const Buckets& buckets_;
  size_t span_ = 0, at_ = 0;
  uint32_t in_span_ = 0;
  int64_t index_ = 0;
};

// Writes buckets in ascending order.
class SideWriter {
 public:
  SideWriter(Spans* spans, Buckets* buckets) : spans_(spans), buckets_(buckets) {}
  bool Follows(int64_t index) const { return !buckets_->empty() && index == next_; }
  void Put(int64_t index, double count, bool new_span) {
    if (new_span || spans_->empty()) {
      spans_->push_back({static_cast<int32_t>(spans_->empty() ? index : index - next_), 0});
    }
    ++spans_->back().length;
    buckets_->push_back(count);
    next_ = index + 1;
  }

 private:
  Spans* spans_;
  Buckets* buckets_;
  int64_t next_ = 0;
};

// Buckets of `b` that lie wholly inside the zero bucket of the sum are in there already.
void SkipZeroed(int32_t schema, double threshold, BucketWalk* b) {
  if (schema == model::kCustomBucketsSchema) return;
  while (!b->done() && ExponentialBound(static_cast<int32_t>(b->index()), schema) <= threshold) {
    b->Next();
  }
}

// A bucket that only `b` has goes to the span that ends right before it, else to the one that
// begins right behind it, else into one of its own. Spans of `a` stay apart even when they meet.
void MergeSide(int32_t schema, double threshold, double sign, const Spans& b_spans,
               const Buckets& b_buckets, Spans* a_spans, Buckets* a_buckets) {
  Spans spans;
  Buckets buckets;
  spans.reserve(a_spans->size() + b_spans.size());
  buckets.reserve(a_buckets->size() + b_buckets.size());
  SideWriter out(&spans, &buckets);
  BucketWalk a(*a_spans, *a_buckets), b(b_spans, b_buckets);
  SkipZeroed(schema, threshold, &b);
  bool joined_front = false;  // The bucket before lies in the span that `a` begins now.
  while (!a.done() || !b.done()) {
    if (b.done() || (!a.done() && a.index() < b.index())) {
      out.Put(a.index(), a.count(), a.begins_span() && !joined_front);
      joined_front = false;
      a.Next();
    } else if (a.done() || b.index() < a.index()) {
      const bool follows = out.Follows(b.index());
      out.Put(b.index(), sign * b.count(), !follows);
      joined_front = !follows && !a.done() && a.index() == b.index() + 1;
      b.Next();
    } else {
      out.Put(a.index(), a.count() + sign * b.count(), a.begins_span() && !joined_front);
      joined_front = false;
      a.Next();
      b.Next();
    }
  }
  *a_spans = std::move(spans);
  *a_buckets = std::move(buckets);
}

void AddSide(int32_t schema, double threshold, double sign, const Spans& b_spans,
             const Buckets& b_buckets, Spans* a_spans, Buckets* a_buckets) {
  if (b_buckets.empty()) return;
  const bool zeroed = schema != model::kCustomBucketsSchema &&
                      ExponentialBound(b_spans[0].offset, schema) <= threshold;
  if (zeroed || *a_spans != b_spans) {
    return MergeSide(schema, threshold, sign, b_spans, b_buckets, a_spans, a_buckets);
  }
  for (size_t i = 0; i < b_buckets.size(); ++i) (*a_buckets)[i] += sign * b_buckets[i];
}

// Adds the buckets that begin below `threshold`. The upper bound of the one that straddles it, when
// it counts something; else the threshold.
double SumBelow(const Spans& spans, const Buckets& buckets, int32_t schema, double threshold,
                double* count) {
  for (BucketWalk walk(spans, buckets); !walk.done(); walk.Next()) {
    const auto index = static_cast<int32_t>(walk.index());
    if (ExponentialBound(index - 1, schema) >= threshold) break;
    *count += walk.count();
    const double upper = ExponentialBound(index, schema);
    if (upper > threshold) return walk.count() != 0 ? upper : threshold;
  }
  return threshold;
}

struct ZeroBucket {
  double count = 0, threshold = 0;
};

// What the zero bucket of `h` holds when it reaches to `threshold` at least.
ZeroBucket WidenedZero(const FloatHistogram& h, double threshold) {
  if (threshold == h.zero_threshold) return {h.zero_count, threshold};
  for (;;) {
    ZeroBucket zero{h.zero_count, threshold};
    zero.threshold =
        SumBelow(h.positive_spans, h.positive_buckets, h.schema, zero.threshold, &zero.count);
    threshold =
        SumBelow(h.negative_spans, h.negative_buckets, h.schema, zero.threshold, &zero.count);
    if (threshold == zero.threshold) return zero;
    // A negative bucket moved it: the positive ones are looked at again.
  }
}

// What lies in the zero bucket now goes, and every other empty bucket with it.
void TrimSide(int32_t schema, double threshold, Spans* spans, Buckets* buckets) {
  Spans kept_spans;
  Buckets kept;
  SideWriter out(&kept_spans, &kept);
  for (BucketWalk walk(*spans, *buckets); !walk.done(); walk.Next()) {
    const auto index = static_cast<int32_t>(walk.index());
    if (ExponentialBound(index - 1, schema) < threshold || walk.count() == 0) continue;
    out.Put(walk.index(), walk.count(), !out.Follows(walk.index()));
  }
  *spans = std::move(kept_spans);
  *buckets = std::move(kept);
}

// Widens the zero bucket of `a` until it agrees with that of `b`, whose count is returned.
double ReconcileZero(const FloatHistogram& b, FloatHistogram* a) {
  ZeroBucket other{b.zero_count, b.zero_threshold};
  // Bytes from outside may say anything; what is no number never agrees.
  if (std::isnan(a->zero_threshold) || std::isnan(other.threshold)) return other.count;
  while (other.threshold != a->zero_threshold) {
    if (a->zero_threshold > other.threshold) {
      other = WidenedZero(b, a->zero_threshold);
    }
    if (other.threshold > a->zero_threshold) {
      const ZeroBucket mine = WidenedZero(*a, other.threshold);
      a->zero_count = mine.count;
      a->zero_threshold = mine.threshold;
      TrimSide(a->schema, mine.threshold, &a->positive_spans, &a->positive_buckets);
      TrimSide(a->schema, mine.threshold, &a->negative_spans, &a->negative_buckets);
    }
  }
  return other.count;
}

void CombineHints(CounterResetHint b, CounterResetHint* a) {
  if (b == *a || *a == CounterResetHint::kGauge) return;
  *a = b == CounterResetHint::kGauge ? CounterResetHint::kGauge : CounterResetHint::kUnknown;
}

}  // namespace

void Accumulate(const FloatHistogram& b, double sign, FloatHistogram* a) {
  CombineHints(b.hint, &a->hint);
  if (a->schema != model::kCustomBucketsSchema) a->zero_count += sign * ReconcileZero(b, a);
  a->count += sign * b.count;
  a->sum += sign * b.sum;
  AddSide(a->schema, a->zero_threshold, sign, b.positive_spans, b.positive_buckets,
          &a->positive_spans, &a->positive_buckets);
  if (a->schema == model::kCustomBucketsSchema) return;
  AddSide(a->schema, a->zero_threshold, sign, b.negative_spans, b.negative_buckets,
          &a->negative_spans, &a->negative_buckets);
}

void CopyToSchema(const FloatHistogram& from, int32_t schema, FloatHistogram* to) {
  *to = from;
  to->hint = CounterResetHint::kUnknown;
  chunk::ReduceResolution(schema, to);
}

bool SameKind(const FloatHistogram& a, const FloatHistogram& b) {
  const bool custom = a.schema == model::kCustomBucketsSchema;
  if (custom != (b.schema == model::kCustomBucketsSchema)) return false;
  return !custom ||
         std::equal(a.custom_values.begin(), a.custom_values.end(), b.custom_values.begin(),
                    b.custom_values.end(), [](double x, double y) {
                      return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y);
                    });
}

}  // namespace thanos::downsampling
