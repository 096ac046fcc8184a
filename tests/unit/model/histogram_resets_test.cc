#include "model/histogram_resets.h"

#include <gtest/gtest.h>

namespace thanos::model {
namespace {

// A zero bucket of width 1 and buckets (1/2, 1], (1, 2].
FloatHistogram Sample(double zero, double inside, double above) {
  FloatHistogram h;
  h.zero_threshold = 1;
  h.zero_count = zero;
  h.positive_spans = {{0, 2}};
  h.positive_buckets = {inside, above};
  h.count = zero + inside + above;
  return h;
}

TEST(HistogramResetsTest, SmallerCountsAreResets) {
  EXPECT_FALSE(DetectsReset(Sample(1, 0, 2), Sample(1, 0, 2)));
  EXPECT_TRUE(DetectsReset(Sample(1, 0, 1), Sample(1, 0, 2)));
  EXPECT_TRUE(DetectsReset(Sample(1, 0, 3), Sample(2, 0, 2)));
  EXPECT_TRUE(DetectsReset(Sample(3, 0, 1), Sample(2, 0, 2)));
}

TEST(HistogramResetsTest, BucketsInsideTheZeroBucketAreNotPartOfItWhileItsWidthStays) {
  EXPECT_FALSE(DetectsReset(Sample(1, 4, 2), Sample(1, 4, 2)));
}

TEST(HistogramResetsTest, ABucketThatReachesOutOfTheZeroBucketIsCompared) {
  FloatHistogram before = Sample(1, 0, 5), now = Sample(9, 0, 4);
  before.zero_threshold = now.zero_threshold = 1.5;  // Inside (1, 2].
  EXPECT_TRUE(DetectsReset(now, before));
}

TEST(HistogramResetsTest, AWiderZeroBucketHoldsWhatLayInside) {
  FloatHistogram before = Sample(1, 4, 2);
  before.zero_threshold = 0.5;
  EXPECT_FALSE(DetectsReset(Sample(5, 0, 2), before));
  EXPECT_TRUE(DetectsReset(Sample(4, 0, 3), before));
}

TEST(HistogramResetsTest, HintsDecide) {
  FloatHistogram now = Sample(0, 0, 0);
  now.hint = CounterResetHint::kNotReset;
  EXPECT_FALSE(DetectsReset(now, Sample(1, 0, 2)));
  now = Sample(5, 0, 5);
  now.hint = CounterResetHint::kReset;
  EXPECT_TRUE(DetectsReset(now, Sample(1, 0, 2)));
}

}  // namespace
}  // namespace thanos::model
