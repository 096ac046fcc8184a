#include "tools/rule_file.h"

#include <gtest/gtest.h>

#include "support/vectors.h"

namespace thanos::tools {
namespace {

TEST(RuleFileTest, TakesWhatThanosTakes) {
  const std::string path = "conformance/vectors/rules_yaml.jsonl";
  THANOS_SKIP_WITHOUT_SHARED(path);
  size_t files = 0;
  for (const auto& row : testing::ReadJsonLines(testing::SharedPath(path))) {
    if (row.at("loader") != "thanos") continue;
    ++files;
    const std::string yaml = testing::TextOf(row.at("yaml"));
    const RuleFileCheck check = CheckRuleFile(yaml);
    EXPECT_EQ(check.errors.empty(), row.at("ok").get<bool>())
        << row.at("id") << "\n"
        << yaml << (check.errors.empty() ? "" : check.errors[0]);
    if (!row.at("ok").get<bool>()) continue;
    EXPECT_EQ(check.rules, row.at("normalized").at("rules").get<size_t>()) << row.at("id");
  }
  EXPECT_GE(files, 60u);
}

TEST(RuleFileTest, TellsAllThatIsWrong) {
  const RuleFileCheck check = CheckRuleFile(
      "groups:\n- name: g\n  rules:\n  - {record: r, expr: 'up ==='}\n"
      "  - {alert: A, expr: up, annotations: {s: '{{ $labels.job '}}\n");
  ASSERT_EQ(check.errors.size(), 2u);
  EXPECT_TRUE(check.errors[0].starts_with("group \"g\", rule 0, \"r\": could not parse expression"))
      << check.errors[0];
  EXPECT_EQ(check.errors[1],
            "group \"g\", rule 1, \"A\": annotation \"s\": template: __alert_A: unclosed action");
}

}  // namespace
}  // namespace thanos::tools
