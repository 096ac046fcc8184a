// Loops over windows that nobody waits for any more.
#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "promql/window_kernels.h"

namespace thanos::promql {
namespace {

TEST(Patience, LooksOnceInAMillionSamplesAndStaysGone) {
  int asked = 0;
  bool gone = false;
  Patience patience([&] {
    ++asked;
    return gone;
  });
  for (int i = 0; i < 3000; ++i) EXPECT_FALSE(patience.IsGone(1000));
  EXPECT_EQ(asked, 2);
  gone = true;
  EXPECT_TRUE(patience.IsGone(2 << 20));
  gone = false;
  EXPECT_TRUE(patience.IsGone(1));
  EXPECT_TRUE(patience.gone());
}

class KernelPatienceTest : public ::testing::Test {
 protected:
  static constexpr size_t kSteps = 100, kWindow = 100'000;

  KernelPatienceTest() {
    // Windows of the same samples, of different lengths, so that none is like its neighbour.
    for (uint32_t i = 0; i < kSteps; ++i) {
      geometry_.begin.push_back(i);
      geometry_.end.push_back(static_cast<uint32_t>(kWindow + 2 * i));
      geometry_.visited += geometry_.end.back() - i;
    }
    values_.resize(kWindow + 2 * kSteps);
    for (size_t i = 0; i < values_.size(); ++i) values_[i] = 0.1 + static_cast<double>(i % 977);
    out_.assign(kSteps, -1);
    params_.assign(kSteps, 0.5);
  }
  // Steps that were computed.
  size_t Done() const {
    return static_cast<size_t>(
        std::count_if(out_.begin(), out_.end(), [](double x) { return x != -1; }));
  }

  WindowGeometry geometry_;
  std::vector<double> values_, out_, params_, scratch_;
  int asked_ = 0;
  Patience patience_{[this] { return ++asked_ > 0; }};
};

TEST_F(KernelPatienceTest, SumsStop) {
  SumKernel(false, geometry_, values_, &scratch_, &patience_, out_.data());
  EXPECT_LT(Done(), kSteps / 2);
  EXPECT_EQ(asked_, 1);
}

TEST_F(KernelPatienceTest, QuantilesStop) {
  QuantileKernel(geometry_, values_, params_, &scratch_, &patience_, out_.data());
  EXPECT_LT(Done(), kSteps / 2);
}

TEST_F(KernelPatienceTest, VariancesStop) {
  VarianceKernel(false, geometry_, values_, &scratch_, &patience_, out_.data());
  EXPECT_LT(Done(), kSteps / 2);
}

TEST_F(KernelPatienceTest, SmoothingStops) {
  SmoothKernel(geometry_, values_, params_, params_, &scratch_, &patience_, out_.data());
  EXPECT_LT(Done(), kSteps / 2);
}

}  // namespace
}  // namespace thanos::promql
