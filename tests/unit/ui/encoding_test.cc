#include "ui/encoding.h"

#include <gtest/gtest.h>

namespace thanos::ui {
namespace {

using net::Encoding;

TEST(Encoding, TakesTheBestThatIsAllowed) {
  EXPECT_EQ(ChooseEncoding("gzip, deflate, br, zstd"), Encoding::kBrotli);
  EXPECT_EQ(ChooseEncoding("gzip, deflate"), Encoding::kGzip);
  EXPECT_EQ(ChooseEncoding("GZIP"), Encoding::kGzip);
  EXPECT_EQ(ChooseEncoding("deflate"), Encoding::kIdentity);
  EXPECT_EQ(ChooseEncoding(""), Encoding::kIdentity);
}

TEST(Encoding, HearsWeights) {
  EXPECT_EQ(ChooseEncoding("br;q=0.5, gzip;q=0.8"), Encoding::kGzip);
  EXPECT_EQ(ChooseEncoding("br;q=0, gzip"), Encoding::kGzip);
  EXPECT_EQ(ChooseEncoding("br; q=0.001"), Encoding::kBrotli);
  EXPECT_EQ(ChooseEncoding("br;q=0.000,gzip;q=0"), Encoding::kIdentity);
  EXPECT_EQ(ChooseEncoding("identity;q=1, br;q=0.9"), Encoding::kIdentity);
  EXPECT_EQ(ChooseEncoding("br;q=nonsense, gzip;q=0.1"), Encoding::kGzip);
}

TEST(Encoding, StarStandsForWhatIsNotNamed) {
  EXPECT_EQ(ChooseEncoding("*"), Encoding::kBrotli);
  EXPECT_EQ(ChooseEncoding("br;q=0, *"), Encoding::kGzip);
  EXPECT_EQ(ChooseEncoding("identity, *;q=0"), Encoding::kIdentity);
}

TEST(Encoding, GivesSomethingToWhoAllowsNothing) {
  EXPECT_EQ(ChooseEncoding("*;q=0"), Encoding::kIdentity);
}

TEST(MatchesTag, ComparesWeaklyInLists) {
  EXPECT_TRUE(MatchesTag("\"a\"", "\"a\""));
  EXPECT_TRUE(MatchesTag("\"x\" , W/\"a\"", "\"a\""));
  EXPECT_TRUE(MatchesTag("*", "\"a\""));
  EXPECT_FALSE(MatchesTag("\"ab\", a", "\"a\""));
  EXPECT_FALSE(MatchesTag("", "\"a\""));
}

}  // namespace
}  // namespace thanos::ui
