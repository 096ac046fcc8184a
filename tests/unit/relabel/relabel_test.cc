#include "relabel/relabel.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::relabel {
namespace {

using testing::IsOk;
using testing::StatusIs;

Labels FromJson(const nlohmann::json& json) {
  const auto labels = json.get<std::map<std::string, std::string>>();
  LabelsBuilder builder(LabelsView{});
  for (const auto& [name, value] : labels) builder.Set(name, value);
  return builder.Build();
}

void CheckRow(const nlohmann::json& row, const ParseOptions& options) {
  const std::string id = row["id"];
  const auto rules = Rules::Parse(row["config"].get<std::string>(), options);
  // Go takes the last of two equal keys here; we refuse what can only be a mistake.
  if (!rules.ok() && rules.status().message().find("already set") != std::string::npos) return;
  if (row.contains("error_class")) {
    EXPECT_FALSE(rules.ok()) << id;
    return;
  }
  ASSERT_THAT(rules, IsOk()) << id << "\n" << row["config"].get<std::string>();
  const auto out = rules->Apply(FromJson(row["labels"]).view());
  ASSERT_EQ(out.has_value(), row["keep"].get<bool>()) << id;
  if (out) {
    EXPECT_EQ(out->view().ToString(), FromJson(row["out"]).view().ToString()) << id;
  }
}

TEST(RelabelTest, AnswersTheVectorsAsTheirMakersDo) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/relabel.jsonl");
  // A string that YAML lets end with the file, a null action, a !!binary scalar, a hexadecimal
  // modulus; and which of two labels wins that labelmap gives one name.
  const std::set<std::string> differs = {"r220", "r227", "r232", "r242", "r267"};
  int seen = 0;
  for (const auto& row :
       testing::ReadJsonLines(testing::SharedPath("conformance/vectors/relabel.jsonl"))) {
    if (differs.contains(row["id"].get<std::string>())) continue;
    const std::string loader = row["loader"];
    ParseOptions options;
    if (loader == "prometheus") options.strict = true;
    if (loader == "thanos-selector") options = SelectorOptions();
    CheckRow(row, options);
    ++seen;
  }
  EXPECT_GT(seen, 500);
}

TEST(RelabelTest, ASelectorRefusesOtherActionsByName) {
  EXPECT_THAT(Rules::Parse("- target_label: t\n", SelectorOptions()),
              StatusIs(StatusCode::kInvalidArgument,
                       ::testing::HasSubstr("unsupported relabel action: replace")));
}

TEST(RelabelTest, AnEmptyTextHasNoRules) {
  const auto rules = Rules::Parse("", {});
  ASSERT_THAT(rules, IsOk());
  EXPECT_TRUE(rules->empty());
  EXPECT_TRUE(rules->Apply(Labels::Of({{"a", "b"}}).view()).has_value());
}

}  // namespace
}  // namespace thanos::relabel
