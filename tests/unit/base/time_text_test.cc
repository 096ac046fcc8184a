#include "base/time_text.h"

#include <gtest/gtest.h>

#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::base {
namespace {

using testing::ReadJsonLines;
using testing::SharedPath;

// Either the nanoseconds expected or the error's text.
void ExpectDuration(const Result<int64_t>& got, const nlohmann::json& want, const std::string& id,
                    bool texts) {
  if (want.contains("error")) {
    EXPECT_FALSE(got.ok()) << id;
    if (texts && !got.ok()) {
      EXPECT_EQ(got.status().message(), want["error"].get<std::string>()) << id;
    }
    return;
  }
  ASSERT_TRUE(got.ok()) << id << " " << got.status().ToString();
  EXPECT_EQ(std::to_string(*got), want["ns"].get<std::string>()) << id;
}

TEST(DurationVectors, ParseAndPrintLikeTheOriginals) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/durations.jsonl");
  for (const auto& row : ReadJsonLines(SharedPath("conformance/vectors/durations.jsonl"))) {
    const std::string id = row["id"], kind = row["kind"];
    if (kind == "parse") {
      const std::string text = testing::TextOf(row["text"]);
      ExpectDuration(ParsePromDuration(text), row["prom"], id, true);
      ExpectDuration(ParsePromDurationAllowNegative(text), row["prom_negative"], id, true);
      ExpectDuration(ParseGoDuration(text), row["go"], id, true);
      if (row["go"].contains("ns")) {
        EXPECT_EQ(FormatGoDuration(std::stoll(row["go"]["ns"].get<std::string>())),
                  row["go"]["string"].get<std::string>())
            << id;
      }
      if (row["prom"].contains("ns")) {
        EXPECT_EQ(FormatPromDuration(std::stoll(row["prom"]["ns"].get<std::string>()) / 1000000),
                  row["prom"]["string"].get<std::string>())
            << id;
      }
    } else if (kind == "format") {
      const int64_t ns = std::stoll(row["ns"].get<std::string>());
      EXPECT_EQ(FormatGoDuration(ns), row["go"].get<std::string>()) << id;
      EXPECT_EQ(FormatPromDuration(ns / 1000000), row["prom"].get<std::string>()) << id;
    } else if (kind == "bytes") {
      const auto got = ParseBase2Bytes(testing::TextOf(row["text"]));
      const auto& want = row["base2"];
      if (want.contains("error")) {
        EXPECT_FALSE(got.ok()) << id;
        continue;
      }
      const std::string bytes = want["bytes"];
      // Go wraps around above 2^63; refusing is right for us.
      if (!got.ok() && bytes[0] == '-' && row["text"].get<std::string>()[0] != '-') continue;
      ASSERT_TRUE(got.ok()) << id << " " << got.status().ToString();
      EXPECT_EQ(std::to_string(*got), bytes) << id;
    }
  }
}

TEST(Rfc3339, ReadsZonesFractionsAndLeapDays) {
  EXPECT_THAT(ParseRfc3339Ms("1970-01-01T00:00:00Z"), testing::IsOkAndHolds(0));
  EXPECT_THAT(ParseRfc3339Ms("2024-02-29T12:00:00.1239+02:00"),
              testing::IsOkAndHolds(1709200800123));
  EXPECT_THAT(ParseRfc3339Ms("1969-12-31T23:59:59.5Z"), testing::IsOkAndHolds(-500));
  for (const char* bad :
       {"", "2024-02-30T00:00:00Z", "2024-01-01T00:00:00", "2024-01-01 00:00:00Z",
        "2024-13-01T00:00:00Z", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00Zx"}) {
    EXPECT_FALSE(ParseRfc3339Ms(bad).ok()) << bad;
  }
}

TEST(Rfc3339, PrintsWhatItReads) {
  EXPECT_EQ(FormatRfc3339Ms(1709200800123), "2024-02-29T10:00:00.123Z");
  EXPECT_EQ(FormatRfc3339Ms(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatRfc3339Nano(-62135596800, 0), "0001-01-01T00:00:00Z");
  EXPECT_EQ(FormatRfc3339Nano(1, 120000000), "1970-01-01T00:00:01.12Z");
}

}  // namespace
}  // namespace thanos::base
