// Random replicas of one counter or gauge through the steady merge: what it promises must hold for
// each of them.
#include <algorithm>
#include <bit>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "series/dedup.h"

namespace thanos::series {
namespace {

using chunk::Columns;

constexpr int64_t kInterval = 15000;
constexpr int64_t kEnd = 200 * kInterval;

// A counter as it truly is: grows by random steps each second, is reset now and then.
class Truth {
 public:
  Truth(std::mt19937& random, bool resets) {
    double value = 0;
    for (int64_t s = 0; s <= kEnd / 1000 + 60; ++s) {
      if (resets && random() % 700 == 0) value = 0;
      value += static_cast<double>(random() % 5);
      values_.push_back(value);
    }
  }
  double At(int64_t ms) const {
    return values_[static_cast<size_t>(std::max<int64_t>(ms, 0) / 1000)];
  }

 private:
  std::vector<double> values_;
};

struct Shape {
  bool resets = false;
  int64_t skew_ms = 0;  // How far the clock of a replica may be ahead of the values it reads.
  int gaps = 3;
};

Columns MakeReplica(std::mt19937& random, const Truth& truth, const Shape& shape, int64_t offset) {
  const int64_t skew = shape.skew_ms == 0
                           ? 0
                           : static_cast<int64_t>(random() % static_cast<uint64_t>(shape.skew_ms));
  std::vector<std::pair<int64_t, int64_t>> gaps;
  for (int i = 0; i < shape.gaps; ++i) {
    const auto begin = static_cast<int64_t>(random() % kEnd);
    gaps.emplace_back(begin, begin + static_cast<int64_t>(random() % (20 * kInterval)));
  }
  Columns out;
  for (int64_t t = offset; t < kEnd; t += kInterval) {
    if (std::any_of(gaps.begin(), gaps.end(),
                    [&](const auto& gap) { return t >= gap.first && t < gap.second; })) {
      continue;
    }
    out.t.push_back(t);
    out.v.push_back(truth.At(t - skew));
  }
  return out;
}

std::vector<Columns> MakeReplicas(std::mt19937& random, const Truth& truth, const Shape& shape) {
  std::vector<Columns> replicas;
  const size_t count = 2 + random() % 3;
  // Offsets differ by whole steps: no two replicas have a time in common.
  for (size_t i = 0; i < count; ++i) {
    const auto offset = static_cast<int64_t>(i * 3000 + random() % 3000);
    replicas.push_back(MakeReplica(random, truth, shape, offset));
  }
  return replicas;
}

Columns MergeOf(const std::vector<Columns>& replicas, bool counter) {
  std::vector<const Columns*> pointers;
  for (const Columns& replica : replicas) pointers.push_back(&replica);
  Columns out;
  SteadyMerge(pointers, counter, &out);
  return out;
}

bool Falls(const Columns& columns, int64_t since, int64_t until) {
  for (size_t i = 1; i < columns.t.size(); ++i) {
    if (columns.t[i] > since && columns.t[i] <= until && columns.v[i] < columns.v[i - 1])
      return true;
  }
  return false;
}

TEST(SteadyMergeProperty, EverySampleIsOneOfAReplicaAndTimesAscend) {
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    const Truth truth(random, true);
    const auto replicas = MakeReplicas(random, truth, {.resets = true, .skew_ms = 4000});
    std::map<int64_t, uint64_t> known;
    for (const Columns& replica : replicas) {
      for (size_t i = 0; i < replica.t.size(); ++i) {
        known[replica.t[i]] = std::bit_cast<uint64_t>(replica.v[i]);
      }
    }
    const Columns merged = MergeOf(replicas, round % 2 == 0);
    for (size_t i = 0; i < merged.t.size(); ++i) {
      ASSERT_TRUE(known.contains(merged.t[i]));
      ASSERT_EQ(known[merged.t[i]], std::bit_cast<uint64_t>(merged.v[i]));
      if (i > 0) {
        ASSERT_GT(merged.t[i], merged.t[i - 1]);
      }
    }
  }
}

TEST(SteadyMergeProperty, ACounterFallsOnlyWhereAReplicaShowsIt) {
  std::mt19937 random(2);
  size_t falls = 0;
  for (int round = 0; round < 2000; ++round) {
    const bool resets = round % 2 == 0;
    const Truth truth(random, resets);
    const auto replicas = MakeReplicas(random, truth, {.resets = resets, .skew_ms = 6000});
    const Columns merged = MergeOf(replicas, true);
    for (size_t i = 1; i < merged.t.size(); ++i) {
      if (merged.v[i] >= merged.v[i - 1]) continue;
      ++falls;
      const bool shown = std::any_of(replicas.begin(), replicas.end(), [&](const Columns& replica) {
        return Falls(replica, merged.t[i - 1], merged.t[i]);
      });
      // A reset that all replicas missed is one nonetheless.
      const bool unseen = resets && merged.t[i] - merged.t[i - 1] > 2 * kInterval;
      ASSERT_TRUE(shown || unseen) << "round " << round << " at " << merged.t[i];
    }
  }
  EXPECT_GT(falls, 100u);
}

TEST(SteadyMergeProperty, NothingThatAReplicaHasStaysMissing) {
  std::mt19937 random(3);
  size_t switches = 0;
  for (int round = 0; round < 1000; ++round) {
    const Truth truth(random, false);
    const auto replicas = MakeReplicas(random, truth, {.gaps = 6});
    const Columns merged = MergeOf(replicas, false);
    for (size_t i = 1; i < merged.t.size(); ++i) {
      const int64_t from = merged.t[i - 1], to = merged.t[i];
      if (to - from != kInterval) ++switches;
      // One replica's pace, or the first that comes where a sample was due.
      for (const Columns& replica : replicas) {
        const auto between =
            std::upper_bound(replica.t.begin(), replica.t.end(), from + kInterval / 2) -
            replica.t.begin();
        const auto next = static_cast<size_t>(between);
        if (next < replica.t.size() && replica.t[next] < to) {
          ASSERT_LE(to - from, kInterval * 3 / 2);
        }
      }
    }
  }
  EXPECT_GT(switches, 1000u);
}

TEST(SteadyMergeProperty, OrderAndCopiesOfReplicasChangeNothing) {
  std::mt19937 random(4);
  for (int round = 0; round < 500; ++round) {
    const Truth truth(random, true);
    auto replicas = MakeReplicas(random, truth, {.resets = true, .skew_ms = 3000});
    const Columns merged = MergeOf(replicas, true);
    replicas.push_back(replicas[random() % replicas.size()]);
    std::shuffle(replicas.begin(), replicas.end(), random);
    const Columns again = MergeOf(replicas, true);
    ASSERT_EQ(merged.t, again.t);
    ASSERT_EQ(merged.v, again.v);
  }
}

TEST(SteadyMergeProperty, OneReplicaIsUntouched) {
  std::mt19937 random(5);
  const Truth truth(random, true);
  const Columns one = MakeReplica(random, truth, {.resets = true}, 0);
  const Columns merged = MergeOf({one}, true);
  EXPECT_EQ(merged.t, one.t);
  EXPECT_EQ(merged.v, one.v);
  EXPECT_EQ(MergeOf({one, one}, true).t, one.t);
  EXPECT_TRUE(MergeOf({}, true).t.empty());
}

}  // namespace
}  // namespace thanos::series
