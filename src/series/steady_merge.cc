// The deduplication that follows one replica as long as it has its samples.
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "model/histogram.h"
#include "series/dedup.h"

namespace thanos::series {
namespace {

// Samples around one that say what the interval is just there.
constexpr size_t kNeighbours = 8;

// A replica's floats and histograms as one sequence in time.
class Replica {
 public:
  explicit Replica(const chunk::Columns& columns) : columns_(&columns) {
    const auto &floats = columns.t, &histograms = columns.histogram_t;
    size_t f = 0, h = 0;
    samples_.reserve(floats.size() + histograms.size());
    while (f < floats.size() || h < histograms.size()) {
      const bool is_float =
          h == histograms.size() || (f < floats.size() && floats[f] <= histograms[h]);
      samples_.push_back(is_float ? Sample{floats[f], f, true} : Sample{histograms[h], h, false});
      ++(is_float ? f : h);
    }
    std::vector<int64_t> deltas;
    for (size_t i = 1; i < samples_.size(); ++i) deltas.push_back(Delta(i));
    if (deltas.empty()) return;
    const auto middle = deltas.begin() + static_cast<ptrdiff_t>(deltas.size() / 2);
    std::nth_element(deltas.begin(), middle, deltas.end());
    interval_ms_ = *middle;
  }

  struct Sample {
    int64_t t;
    size_t index;
    bool is_float;
  };
  size_t size() const { return samples_.size(); }
  const Sample& at(size_t i) const { return samples_[i]; }
  double value(size_t i) const { return columns_->v[samples_[i].index]; }
  const chunk::Columns& columns() const { return *columns_; }
  int64_t interval_ms() const { return interval_ms_; }

  // Whether something should have come between sample i - 1 and sample i.
  bool MissesBefore(size_t i) const {
    const int64_t delta = Delta(i);
    return IsLong(delta, interval_ms_) && IsLong(delta, IntervalAround(i));
  }
  // The first sample at or behind `t`.
  size_t From(int64_t t) const {
    return static_cast<size_t>(
        std::lower_bound(samples_.begin(), samples_.end(), t,
                         [](const Sample& sample, int64_t at) { return sample.t < at; }) -
        samples_.begin());
  }
  // A fall of its own values in (since_ms, until_ms].
  bool FallsWithin(int64_t since_ms, int64_t until_ms) const {
    const std::vector<int64_t>& t = columns_->t;
    auto i = static_cast<size_t>(std::upper_bound(t.begin(), t.end(), since_ms) - t.begin());
    for (i = std::max<size_t>(i, 1); i < t.size() && t[i] <= until_ms; ++i) {
      if (columns_->v[i] < columns_->v[i - 1]) return true;
    }
    return false;
  }

  static bool IsLong(int64_t delta, int64_t interval) { return 2 * delta > 3 * interval; }

 private:
  int64_t Delta(size_t i) const { return samples_[i].t - samples_[i - 1].t; }
  // The interval may change on the way: that of the neighbours, the delta itself left out.
  int64_t IntervalAround(size_t i) const {
    std::array<int64_t, kNeighbours> near;
    size_t count = 0;
    for (size_t d = 1; d <= kNeighbours / 2; ++d) {
      if (i > d) near[count++] = Delta(i - d);
      if (i + d < samples_.size()) near[count++] = Delta(i + d);
    }
    if (count == 0) return Delta(i);
    std::nth_element(near.begin(), near.begin() + count / 2, near.begin() + count);
    return near[count / 2];
  }

  const chunk::Columns* columns_;
  std::vector<Sample> samples_;
  int64_t interval_ms_ = 0;
};

class Merger {
 public:
  Merger(std::span<const chunk::Columns* const> columns, bool counter, chunk::Columns* out)
      : counter_(counter), out_(out) {
    for (const chunk::Columns* one : columns) {
      if (!one->empty()) replicas_.emplace_back(*one);
      start_times_ |= !one->st.empty() || !one->histogram_st.empty();
    }
  }

  void Run() {
    if (replicas_.empty()) return;
    Place at{0, 0};
    for (size_t r = 1; r < replicas_.size(); ++r) {
      if (replicas_[r].at(0).t < replicas_[at.replica].at(0).t) at.replica = r;
    }
    Emit(at);
    while (const std::optional<Place> next = NextOf(at)) {
      Emit(*next);
      at = *next;
    }
  }

 private:
  struct Place {
    size_t replica, index;
  };
  const Replica::Sample& SampleAt(const Place& place) const {
    return replicas_[place.replica].at(place.index);
  }
  bool IsStaleAt(const Place& place) const {
    const Replica& replica = replicas_[place.replica];
    const Replica::Sample& sample = SampleAt(place);
    return sample.is_float ? model::IsStaleNan(replica.value(place.index))
                           : replica.columns().histograms[sample.index].is_stale();
  }

  std::optional<Place> NextOf(const Place& at) const {
    const Replica& own = replicas_[at.replica];
    const Place next{at.replica, at.index + 1};
    const bool ended = next.index == own.size();
    // A stale marker is followed by another target's life, or by none: others are asked then too.
    if (!ended && !own.MissesBefore(next.index) && !IsStaleAt(next)) return next;
    const int64_t until = ended ? INT64_MAX : SampleAt(next).t + (IsStaleAt(next) ? Slack(own) : 0);
    if (const auto other = FirstOfOthers(at, until)) return other;
    if (ended) return std::nullopt;
    return next;
  }

  static int64_t Slack(const Replica& replica) { return replica.interval_ms() / 2; }

  // The earliest sample of another replica that stands where one of this one is missing: not just
  // behind the last one, and before `until`.
  std::optional<Place> FirstOfOthers(const Place& at, int64_t until) const {
    std::optional<Place> best;
    const int64_t last = SampleAt(at).t;
    for (size_t r = 0; r < replicas_.size(); ++r) {
      if (r == at.replica) continue;
      const Replica& other = replicas_[r];
      const int64_t interval = std::max(replicas_[at.replica].interval_ms(), other.interval_ms());
      Place place{r, other.From(last + interval / 2 + 1)};
      // A counter that lags, its clock being behind, does so for less than an interval; one that
      // stays below was reset where nobody looked.
      const int64_t lag_until = last + 2 * interval;
      for (; place.index < other.size() && SampleAt(place).t < until; ++place.index) {
        if (IsStaleAt(place)) continue;
        if (SampleAt(place).t > lag_until || !ShowsFalseFall(at, place)) break;
      }
      if (place.index == other.size() || SampleAt(place).t >= until) continue;
      if (!best || SampleAt(place).t < SampleAt(*best).t) best = place;
    }
    return best;
  }

  // A counter that is lower at `next` than at `at`, while no replica shows a reset between.
  bool ShowsFalseFall(const Place& at, const Place& next) const {
    if (!counter_ || !SampleAt(at).is_float || !SampleAt(next).is_float) return false;
    const double before = replicas_[at.replica].value(at.index);
    if (!(replicas_[next.replica].value(next.index) < before)) return false;
    const int64_t since = SampleAt(at).t, until = SampleAt(next).t;
    return std::none_of(replicas_.begin(), replicas_.end(),
                        [&](const Replica& replica) { return replica.FallsWithin(since, until); });
  }

  void Emit(const Place& place) {
    const Replica& replica = replicas_[place.replica];
    const Replica::Sample& sample = SampleAt(place);
    const chunk::Columns& from = replica.columns();
    if (start_times_) {
      const std::vector<int64_t>& starts = sample.is_float ? from.st : from.histogram_st;
      (sample.is_float ? out_->st : out_->histogram_st)
          .push_back(sample.index < starts.size() ? starts[sample.index] : 0);
    }
    if (sample.is_float) {
      out_->t.push_back(sample.t);
      out_->v.push_back(from.v[sample.index]);
    } else {
      out_->histogram_t.push_back(sample.t);
      out_->histograms.push_back(from.histograms[sample.index]);
      // Between two replicas nothing is known of resets.
      auto& hint = out_->histograms.back().hint;
      if (emitted_ && *emitted_ != place.replica && hint != model::CounterResetHint::kGauge) {
        hint = model::CounterResetHint::kUnknown;
      }
    }
    emitted_ = place.replica;
  }

  const bool counter_;
  chunk::Columns* const out_;
  std::vector<Replica> replicas_;
  bool start_times_ = false;
  std::optional<size_t> emitted_;
};

}  // namespace

void SteadyMerge(std::span<const chunk::Columns* const> replicas, bool counter,
                 chunk::Columns* out) {
  out->Clear();
  if (replicas.size() == 1) {
    *out = *replicas[0];
    return;
  }
  Merger(replicas, counter, out).Run();
}

}  // namespace thanos::series
