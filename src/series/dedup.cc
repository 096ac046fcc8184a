#include "series/dedup.h"

#include <algorithm>
#include <memory>
#include <optional>

namespace thanos::series {
namespace {

enum class Kind : uint8_t { kEnd, kFloat, kHistogram };

// One replica. Floats and histograms are walked as one sequence in time.
class Leaf {
 public:
  Leaf(const chunk::Columns& columns, CounterAdjust adjust) : columns_(columns), adjust_(adjust) {}

  Kind Next() {
    if (kind_ == Kind::kFloat) ++float_at_;
    if (kind_ == Kind::kHistogram) ++histogram_at_;
    Settle();
    if (adjust_ == CounterAdjust::kLiftKeepResets && kind_ == Kind::kFloat && float_at_ > 0 &&
        columns_.v[float_at_] < columns_.v[float_at_ - 1]) {
      lift_ = 0;
    }
    return kind_;
  }
  Kind Seek(int64_t t) {
    while (kind_ != Kind::kEnd && t_ < t) Next();
    return kind_;
  }
  Kind kind() const { return kind_; }
  int64_t t() const { return t_; }
  // Without a lift the bits stay as they are: -0, and the stale marker. (Go adds the zero in
  // counter mode, which turns the marker into a plain NaN: kLift does as Go.)
  double value() const {
    const bool plain = lift_ == 0 && adjust_ != CounterAdjust::kLift;
    return plain ? columns_.v[float_at_] : columns_.v[float_at_] + lift_;
  }
  const model::FloatHistogram& histogram() const { return columns_.histograms[histogram_at_]; }
  int64_t start() const {
    const std::vector<int64_t>& starts =
        kind_ == Kind::kFloat ? columns_.st : columns_.histogram_st;
    const size_t at = kind_ == Kind::kFloat ? float_at_ : histogram_at_;
    return at < starts.size() ? starts[at] : 0;
  }

  // Called on a switch of replicas; `seen` and `seen_ms` are the sample returned before.
  void Adjust(double seen, int64_t seen_ms) {
    if (adjust_ == CounterAdjust::kNone || !(seen > value())) return;
    if (adjust_ == CounterAdjust::kLiftKeepResets && ResetSince(seen_ms)) return;
    lift_ += seen - value();
  }

 private:
  void Settle() {
    const bool has_float = float_at_ < columns_.t.size();
    const bool has_histogram = histogram_at_ < columns_.histogram_t.size();
    if (!has_float && !has_histogram) {
      kind_ = Kind::kEnd;
    } else if (has_float &&
               (!has_histogram || columns_.t[float_at_] <= columns_.histogram_t[histogram_at_])) {
      kind_ = Kind::kFloat;
      t_ = columns_.t[float_at_];
    } else {
      kind_ = Kind::kHistogram;
      t_ = columns_.histogram_t[histogram_at_];
    }
  }

  // A drop of this replica's own values behind `since`, up to the current sample.
  bool ResetSince(int64_t since_ms) const {
    for (size_t i = float_at_; i > 0 && columns_.t[i] > since_ms; --i) {
      if (columns_.v[i] < columns_.v[i - 1]) return true;
    }
    return false;
  }

  const chunk::Columns& columns_;
  const CounterAdjust adjust_;
  size_t float_at_ = 0, histogram_at_ = 0;
  // kEnd before the first Next() too: nothing is advanced then.
  Kind kind_ = Kind::kEnd;
  int64_t t_ = INT64_MIN;
  double lift_ = 0;
};

// Two sides of the penalty merge; a side may be a merge itself.
template <typename A, typename B>
class Merge {
 public:
  Merge(A a, B b) : a_(std::move(a)), b_(std::move(b)) {
    a_kind_ = a_.Next();
    b_kind_ = b_.Next();
  }

  Kind Next() {
    const bool used_a = use_a_;
    const int64_t seen_ms = last_ms_;
    const bool seen_float = (use_a_ ? a_kind_ : b_kind_) == Kind::kFloat;
    const double seen = seen_float ? (last_is_a_ ? a_.value() : b_.value()) : 0;
    const Kind kind = Choose();
    if (use_a_ != used_a && seen_float) Adjust(seen, seen_ms);
    return kind;
  }
  Kind Seek(int64_t t) {
    Kind kind = last_is_a_ ? a_kind_ : b_kind_;
    while (last_ms_ < t && (kind = Next()) != Kind::kEnd) {
    }
    return kind;
  }
  int64_t t() const { return last_is_a_ ? a_.t() : b_.t(); }
  double value() const { return last_is_a_ ? a_.value() : b_.value(); }
  const model::FloatHistogram& histogram() const {
    return last_is_a_ ? a_.histogram() : b_.histogram();
  }
  int64_t start() const { return last_is_a_ ? a_.start() : b_.start(); }
  void Adjust(double seen, int64_t seen_ms) {
    if (a_kind_ == Kind::kFloat) a_.Adjust(seen, seen_ms);
    if (b_kind_ == Kind::kFloat) b_.Adjust(seen, seen_ms);
  }

 private:
  static int64_t After(int64_t t, int64_t penalty) {  // Wraps from the initial minimum, as Go.
    return static_cast<int64_t>(static_cast<uint64_t>(t) + 1 + static_cast<uint64_t>(penalty));
  }

  Kind Choose() {
    if (a_kind_ != Kind::kEnd) a_kind_ = a_.Seek(After(last_ms_, a_penalty_));
    if (b_kind_ != Kind::kEnd) b_kind_ = b_.Seek(After(last_ms_, b_penalty_));
    if (a_kind_ == Kind::kEnd) {
      use_a_ = false;
      if (b_kind_ != Kind::kEnd) {
        last_ms_ = b_.t();
        last_is_a_ = false;
        b_penalty_ = 0;
      }
      return b_kind_;
    }
    if (b_kind_ == Kind::kEnd) {
      use_a_ = true;
      last_ms_ = a_.t();
      last_is_a_ = true;
      a_penalty_ = 0;
      return a_kind_;
    }
    use_a_ = a_.t() <= b_.t();
    const int64_t chosen = use_a_ ? a_.t() : b_.t();
    const int64_t penalty = last_ms_ == INT64_MIN ? kInitialPenaltyMs : PenaltyMs(last_ms_, chosen);
    (use_a_ ? a_penalty_ : b_penalty_) = 0;
    (use_a_ ? b_penalty_ : a_penalty_) = penalty;
    last_ms_ = chosen;
    last_is_a_ = use_a_;
    return use_a_ ? a_kind_ : b_kind_;
  }

  A a_;
  B b_;
  Kind a_kind_, b_kind_;
  bool use_a_ = true, last_is_a_ = true;
  int64_t last_ms_ = INT64_MIN;
  int64_t a_penalty_ = 0, b_penalty_ = 0;
};

// Either a leaf or a merge of any depth: three and more replicas are rare.
class AnySide {
 public:
  template <typename T>
  static AnySide Of(T side) {
    AnySide any;
    any.impl_ = std::make_unique<Impl<T>>(std::move(side));
    return any;
  }
  Kind Next() { return impl_->Next(); }
  Kind Seek(int64_t t) { return impl_->Seek(t); }
  int64_t t() const { return impl_->t(); }
  double value() const { return impl_->value(); }
  const model::FloatHistogram& histogram() const { return impl_->histogram(); }
  int64_t start() const { return impl_->start(); }
  void Adjust(double seen, int64_t seen_ms) { impl_->Adjust(seen, seen_ms); }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual Kind Next() = 0;
    virtual Kind Seek(int64_t t) = 0;
    virtual int64_t t() const = 0;
    virtual double value() const = 0;
    virtual const model::FloatHistogram& histogram() const = 0;
    virtual int64_t start() const = 0;
    virtual void Adjust(double seen, int64_t seen_ms) = 0;
  };
  template <typename T>
  struct Impl : Base {
    explicit Impl(T s) : side(std::move(s)) {}
    Kind Next() override { return side.Next(); }
    Kind Seek(int64_t t) override { return side.Seek(t); }
    int64_t t() const override { return side.t(); }
    double value() const override { return side.value(); }
    const model::FloatHistogram& histogram() const override { return side.histogram(); }
    int64_t start() const override { return side.start(); }
    void Adjust(double seen, int64_t seen_ms) override { side.Adjust(seen, seen_ms); }
    T side;
  };
  std::unique_ptr<Base> impl_;
};

bool HaveStartTimes(std::span<const chunk::Columns* const> replicas) {
  return std::any_of(replicas.begin(), replicas.end(), [](const chunk::Columns* replica) {
    return !replica->st.empty() || !replica->histogram_st.empty();
  });
}

template <typename Side>
void Drain(Side& side, bool start_times, chunk::Columns* out) {
  for (Kind kind; (kind = side.Next()) != Kind::kEnd;) {
    if (start_times) (kind == Kind::kFloat ? out->st : out->histogram_st).push_back(side.start());
    if (kind == Kind::kFloat) {
      out->t.push_back(side.t());
      out->v.push_back(side.value());
    } else {
      out->histogram_t.push_back(side.t());
      out->histograms.push_back(side.histogram());
    }
  }
}

}  // namespace

void PenaltyMerge(std::span<const chunk::Columns* const> replicas, CounterAdjust adjust,
                  chunk::Columns* out) {
  out->Clear();
  if (replicas.empty()) return;
  if (replicas.size() == 1) {
    *out = *replicas[0];
    return;
  }
  if (replicas.size() == 2) {
    Merge<Leaf, Leaf> merge(Leaf(*replicas[0], adjust), Leaf(*replicas[1], adjust));
    Drain(merge, HaveStartTimes(replicas), out);
    return;
  }
  AnySide side = AnySide::Of(Leaf(*replicas[0], adjust));
  for (size_t i = 1; i < replicas.size(); ++i) {
    side = AnySide::Of(Merge<AnySide, Leaf>(std::move(side), Leaf(*replicas[i], adjust)));
  }
  Drain(side, HaveStartTimes(replicas), out);
}

namespace {

// A binary min-heap on time. Among equal times the order is that of Go's container/heap, which
// decides whose value is seen.
class LeafHeap {
 public:
  bool empty() const { return items_.empty(); }
  const Leaf& top() const { return *items_[0]; }
  void Push(Leaf* leaf) {
    items_.push_back(leaf);
    for (size_t i = items_.size() - 1; i > 0;) {
      const size_t parent = (i - 1) / 2;
      if (!(items_[i]->t() < items_[parent]->t())) break;
      std::swap(items_[i], items_[parent]);
      i = parent;
    }
  }
  Leaf* Pop() {
    std::swap(items_.front(), items_.back());
    Leaf* leaf = items_.back();
    items_.pop_back();
    for (size_t i = 0;;) {
      size_t child = 2 * i + 1;
      if (child >= items_.size()) break;
      if (child + 1 < items_.size() && items_[child + 1]->t() < items_[child]->t()) ++child;
      if (!(items_[child]->t() < items_[i]->t())) break;
      std::swap(items_[i], items_[child]);
      i = child;
    }
    return leaf;
  }

 private:
  std::vector<Leaf*> items_;
};

// The replica whose sample comes next, or null at the end. The one in use stays in use while it is
// earlier than all others; a time equal to the last one is left out.
Leaf* NextOfChain(Leaf* current, const std::optional<int64_t>& last, LeafHeap* heap) {
  for (;;) {
    if (current != nullptr) {
      if (current->Next() == Kind::kEnd) {
        if (heap->empty()) return nullptr;
      } else {
        if (current->t() == last) continue;
        if (heap->empty() || current->t() < heap->top().t()) return current;
        heap->Push(current);
      }
    }
    if (heap->empty()) return nullptr;
    current = heap->Pop();
    if (current->t() != last) return current;
  }
}

}  // namespace

void ChainMerge(std::span<const chunk::Columns* const> replicas, chunk::Columns* out) {
  out->Clear();
  std::vector<Leaf> leaves;
  leaves.reserve(replicas.size());
  LeafHeap heap;
  if (replicas.empty()) return;
  for (const chunk::Columns* replica : replicas) {
    leaves.emplace_back(*replica, CounterAdjust::kNone);
    // The first one is in use from the start, before its first sample.
    if (leaves.size() > 1 && leaves.back().Next() != Kind::kEnd) heap.Push(&leaves.back());
  }
  const bool start_times = HaveStartTimes(replicas);
  std::optional<int64_t> last;
  const Leaf* before = nullptr;
  for (Leaf* leaf = &leaves[0]; (leaf = NextOfChain(leaf, last, &heap)) != nullptr; before = leaf) {
    last = leaf->t();
    const bool is_float = leaf->kind() == Kind::kFloat;
    if (start_times) (is_float ? out->st : out->histogram_st).push_back(leaf->start());
    if (is_float) {
      out->t.push_back(*last);
      out->v.push_back(leaf->value());
      continue;
    }
    out->histogram_t.push_back(*last);
    out->histograms.push_back(leaf->histogram());
    // Between two sources nothing is known of resets.
    auto& hint = out->histograms.back().hint;
    if (before != leaf && hint != model::CounterResetHint::kGauge) {
      hint = model::CounterResetHint::kUnknown;
    }
  }
}

size_t SplitOverlaps(std::span<const ChunkView> chunks,
                     std::vector<std::vector<const ChunkView*>>* lists) {
  size_t used = 0;
  for (const ChunkView& chunk : chunks) {
    size_t i = 0;
    while (i < used && (*lists)[i].back()->max_ms >= chunk.min_ms) ++i;
    if (i == used) {
      if (used == lists->size()) lists->emplace_back();
      (*lists)[used++].clear();
    }
    (*lists)[i].push_back(&chunk);
  }
  return used;
}

}  // namespace thanos::series
