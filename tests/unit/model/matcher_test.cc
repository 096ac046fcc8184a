#include "model/matcher.h"

#include <gtest/gtest.h>

#include "model/regex_shape.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::model {
namespace {

using nlohmann::json;

void CheckRegex(const json& row) {
  const std::string id = row["id"], pattern = testing::TextOf(row["re"]);
  const auto matcher = Matcher::Make(MatchType::kRegex, "n", pattern);
  if (row.contains("error")) {
    EXPECT_FALSE(matcher.ok()) << id << " " << pattern;
    return;
  }
  ASSERT_TRUE(matcher.ok()) << id << " " << pattern << " " << matcher.status().ToString();
  if (row.contains("printed")) {
    EXPECT_EQ(matcher->ToString(), testing::TextOf(row["printed"])) << id;
  }
  if (row.contains("matches_empty")) {
    EXPECT_EQ(matcher->MatchesEmpty(), row["matches_empty"].get<bool>()) << id;
  }
  for (const auto& text : row.value("match", json::array())) {
    EXPECT_TRUE(matcher->Matches(testing::TextOf(text))) << id << " " << pattern << " ~ " << text;
  }
  for (const auto& text : row.value("no_match", json::array())) {
    EXPECT_FALSE(matcher->Matches(testing::TextOf(text))) << id << " " << pattern << " ~ " << text;
  }
}

TEST(MatcherVectors, MatchWhatPrometheusMatches) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/matchers.jsonl");
  for (const json& row :
       testing::ReadJsonLines(testing::SharedPath("conformance/vectors/matchers.jsonl"))) {
    if (row.value("kind", "re") == "re") {
      CheckRegex(row);
      continue;
    }
    SCOPED_TRACE(row.dump());
    const std::string type = row["type"];
    const MatchType types[] = {MatchType::kEqual, MatchType::kNotEqual, MatchType::kRegex,
                               MatchType::kNotRegex};
    for (const MatchType candidate : types) {
      if (MatchTypeText(candidate) != type) continue;
      THANOS_ASSERT_OK_AND_ASSIGN(
          const Matcher matcher,
          Matcher::Make(candidate, testing::TextOf(row["name"]), testing::TextOf(row["value"])));
      EXPECT_EQ(matcher.ToString(), testing::TextOf(row["printed"]));
      EXPECT_EQ(matcher.Inverse().ToString(), testing::TextOf(row["inverse"]));
    }
  }
}

TEST(RegexShape, KnowsTheShapesPeopleWrite) {
  using Kind = RegexShape::Kind;
  EXPECT_EQ(AnalyseRegex(".*").kind, Kind::kAll);
  EXPECT_EQ(AnalyseRegex(".+").kind, Kind::kAllButEmpty);
  EXPECT_THAT(*AnalyseRegex("b|a(x|y)?|a").literals, ::testing::ElementsAre("a", "ax", "ay", "b"));
  EXPECT_EQ(AnalyseRegex("node-.*").prefix, "node-");
  EXPECT_EQ(AnalyseRegex("node-[0-9]+").prefix, "node-");
  EXPECT_EQ(AnalyseRegex("ab*").prefix, "a");
  EXPECT_EQ(AnalyseRegex("a|b.*").prefix, "");
  EXPECT_EQ(AnalyseRegex("(?i)foo").kind, Kind::kGeneral);
}

TEST(Regex, AffixShapesDecideLikeRe2) {
  // The same pattern with a needless group is left to RE2: both must agree.
  const char* patterns[] = {"a.*",     ".*a",  ".*a.*",     ".+a",  "a.+",  ".+a.+",
                            "a.*b.*a", "a.+b", ".*ab.*b.+", ".*.+", ".+.*a"};
  std::vector<std::string> texts{""};
  for (size_t i = 0; i < texts.size() && texts[i].size() < 6; ++i) {
    for (const char c : {'a', 'b'}) texts.push_back(texts[i] + c);
  }
  for (const std::string pattern : patterns) {
    THANOS_ASSERT_OK_AND_ASSIGN(auto quick, Regex::Compile(pattern));
    THANOS_ASSERT_OK_AND_ASSIGN(auto slow, Regex::Compile("(?:" + pattern + "){1}"));
    for (const std::string& text : texts) {
      EXPECT_EQ(quick->Matches(text), slow->Matches(text)) << pattern << " " << text;
    }
  }
}

}  // namespace
}  // namespace thanos::model
