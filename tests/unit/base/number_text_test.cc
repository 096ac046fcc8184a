#include "base/number_text.h"

#include <bit>
#include <cmath>

#include <gtest/gtest.h>

#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::base {
namespace {

std::string With(void (*append)(double, std::string*), double value) {
  std::string out;
  append(value, &out);
  return out;
}

TEST(NumberVectors, FormatAndParseLikeGo) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/numbers.jsonl");
  for (const auto& row :
       testing::ReadJsonLines(testing::SharedPath("conformance/vectors/numbers.jsonl"))) {
    const std::string id = row["id"];
    if (row["kind"] == "format") {
      const double value = testing::FromBits(row["bits"]);
      EXPECT_EQ(With(AppendFloatApi, value), row["api"].get<std::string>()) << id;
      EXPECT_EQ(With(AppendFloatF, value), row["f"].get<std::string>()) << id;
      EXPECT_EQ(With(AppendFloatG, value), row["g"].get<std::string>()) << id;
      EXPECT_EQ(With(AppendFloatG, value), row["v"].get<std::string>()) << id;
      EXPECT_EQ(With(AppendFloatE, value), row["e"].get<std::string>()) << id;
      continue;
    }
    const auto got = ParseGoFloat(testing::TextOf(row["text"]));
    const auto& want = row["parse_float"];
    if (want.is_object()) {
      EXPECT_FALSE(got.ok()) << id;
      continue;
    }
    ASSERT_TRUE(got.ok()) << id << " " << got.status().ToString();
    const double value = testing::FromBits(want);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(*got)) << id;
    } else {
      EXPECT_EQ(std::bit_cast<uint64_t>(*got), std::bit_cast<uint64_t>(value)) << id;
    }
  }
}

TEST(ParseGoBool, TakesGosWordsOnly) {
  EXPECT_THAT(ParseGoBool("T"), testing::IsOkAndHolds(true));
  EXPECT_THAT(ParseGoBool("0"), testing::IsOkAndHolds(false));
  EXPECT_THAT(ParseGoBool("yes"),
              testing::StatusIs(StatusCode::kInvalidArgument,
                                "strconv.ParseBool: parsing \"yes\": invalid syntax"));
}

}  // namespace
}  // namespace thanos::base
