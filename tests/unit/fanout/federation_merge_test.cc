#include "fanout/federation_merge.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thanos::fanout {
namespace {

using ::testing::ElementsAre;

wire::AlertingRule Alert(std::string name, Labels labels, wire::AlertState state,
                         wire::MaybeTime evaluated = {}) {
  wire::AlertingRule rule;
  rule.name = std::move(name);
  rule.labels = std::move(labels);
  rule.state = state;
  rule.last_evaluation = evaluated;
  return rule;
}

wire::RecordingRule Recording(std::string name, wire::MaybeTime evaluated = {}) {
  wire::RecordingRule rule;
  rule.name = std::move(name);
  rule.last_evaluation = evaluated;
  return rule;
}

std::vector<std::string> Names(const wire::RuleGroup& group) {
  std::vector<std::string> names;
  for (const wire::Rule& rule : group.rules) {
    names.push_back(std::visit([](const auto& one) { return one.name; }, rule));
  }
  return names;
}

TEST(DedupRules, JoinsGroupsAndKeepsTheMostTellingOfEqualRules) {
  const Labels a = Labels::Of({{"replica", "a"}, {"team", "t"}});
  const Labels b = Labels::Of({{"replica", "b"}, {"team", "t"}});
  std::vector<wire::RuleGroup> groups(3);
  groups[0] = {.name = "g", .file = "z", .rules = {Recording("r", 5), Recording("q", 1)}};
  groups[1] = {.name = "g", .file = "a", .rules = {Alert("x", a, wire::AlertState::kPending, 9)}};
  groups[2] = {.name = "g",
               .file = "a",
               .rules = {Recording("r"), Alert("x", b, wire::AlertState::kFiring, 3),
                         Alert("x", b, wire::AlertState::kFiring, 4)}};
  DedupRules({"replica"}, &groups);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].file, "a");
  EXPECT_THAT(Names(groups[0]), ElementsAre("x", "r"));
  const auto& alert = std::get<wire::AlertingRule>(groups[0].rules[0]);
  EXPECT_EQ(alert.state, wire::AlertState::kFiring);
  EXPECT_EQ(alert.last_evaluation, 4);
  EXPECT_EQ(alert.labels, Labels::Of({{"team", "t"}}));
  EXPECT_THAT(Names(groups[1]), ElementsAre("q", "r"));
}

TEST(DedupRules, RulesOfOtherLabelsOrDurationsStayApart) {
  std::vector<wire::RuleGroup> groups(1);
  wire::AlertingRule longer = Alert("x", {}, wire::AlertState::kInactive);
  longer.duration_seconds = 60;
  wire::AlertingRule odd = longer;
  odd.duration_seconds = std::numeric_limits<double>::quiet_NaN();
  groups[0].rules = {odd, longer, Alert("x", {}, wire::AlertState::kInactive), odd,
                     Alert("x", Labels::Of({{"l", "v"}}), wire::AlertState::kInactive)};
  DedupRules({}, &groups);
  EXPECT_THAT(Names(groups[0]), ElementsAre("x", "x", "x", "x"));
}

TEST(FilterRules, BySelectorsWhereTemplatesCountAsAbsent) {
  std::vector<wire::RuleGroup> groups(2);
  groups[0].rules = {Alert("a", Labels::Of({{"team", "t1"}, {"x", "{{ $value }}"}}), {}),
                     Alert("b", Labels::Of({{"team", "t2"}}), {})};
  groups[1].rules = {Recording("c")};
  auto by_team = groups;
  FilterRules({{model::Matcher::Equal("team", "t1")}}, &by_team);
  ASSERT_EQ(by_team.size(), 1u);
  EXPECT_THAT(Names(by_team[0]), ElementsAre("a"));
  auto by_template = groups;
  FilterRules({{model::Matcher::Equal("x", "")}}, &by_template);
  EXPECT_THAT(Names(by_template[0]), ElementsAre("a", "b"));
  auto by_both = groups;
  FilterRules({{model::Matcher::Equal("team", "t1")}, {model::Matcher::Equal("team", "t2")}},
              &by_both);
  EXPECT_TRUE(by_both.empty());
}

TEST(FilterRules, ByNamesGroupsAndFiles) {
  std::vector<wire::RuleGroup> groups(2);
  groups[0] = {.name = "g1", .file = "f1", .rules = {Recording("a"), Recording("b")}};
  groups[1] = {.name = "g2", .file = "f2", .rules = {Recording("a")}};
  auto some = groups;
  FilterRules(wire::RulesRequest{.rule_names = {"b", "zz"}}, &some);
  ASSERT_EQ(some.size(), 1u);
  EXPECT_THAT(Names(some[0]), ElementsAre("b"));
  some = groups;
  FilterRules(wire::RulesRequest{.rule_groups = {"g2"}}, &some);
  ASSERT_EQ(some.size(), 1u);
  EXPECT_EQ(some[0].name, "g2");
  some = groups;
  FilterRules(wire::RulesRequest{.rule_groups = {"g2"}, .files = {"f1"}}, &some);
  EXPECT_TRUE(some.empty());
}

wire::ActiveTarget Target(const char* replica, wire::TargetHealth health, wire::MaybeTime scraped) {
  wire::ActiveTarget target;
  target.scrape_url = "http://x";
  target.labels = Labels::Of({{"job", "j"}, {"replica", replica}});
  target.discovered_labels = Labels::Of({{"__address__", "x"}, {"replica", replica}});
  target.health = health;
  target.last_scrape = scraped;
  return target;
}

TEST(DedupTargets, OfReplicasTheOneThatIsDownThenTheLatestStays) {
  wire::TargetsResponse targets;
  targets.active = {Target("a", wire::TargetHealth::kUp, 9),
                    Target("b", wire::TargetHealth::kDown, 1),
                    Target("c", wire::TargetHealth::kDown, 2)};
  targets.dropped = {Labels::Of({{"a", "1"}, {"replica", "a"}}), Labels::Of({{"a", "0"}}),
                     Labels::Of({{"a", "1"}, {"replica", "b"}})};
  DedupTargets({"replica"}, &targets);
  ASSERT_EQ(targets.active.size(), 1u);
  EXPECT_EQ(targets.active[0].last_scrape, 2);
  EXPECT_EQ(targets.active[0].labels, Labels::Of({{"job", "j"}}));
  EXPECT_EQ(targets.active[0].discovered_labels, Labels::Of({{"__address__", "x"}}));
  EXPECT_THAT(targets.dropped, ElementsAre(Labels::Of({{"a", "0"}}), Labels::Of({{"a", "1"}})));
}

TEST(DedupExemplars, SeriesAreJoinedAndExemplarsSortedAndUnique) {
  const Labels trace = Labels::Of({{"trace", "1"}});
  std::vector<wire::ExemplarData> data = {
      {Labels::Of({{"n", "2"}}), {{trace, 1, 5}}},
      {Labels::Of({{"n", "1"}, {"replica", "a"}}), {{trace, 2, 20}, {trace, 1, 10}}},
      {Labels::Of({{"n", "1"}, {"replica", "b"}}), {{trace, 1, 10}, {trace, 3, 10}}},
      {Labels::Of({{"n", "0"}}), {}}};
  DedupExemplars({"replica"}, &data);
  ASSERT_EQ(data.size(), 2u);
  EXPECT_EQ(data[0].series_labels, Labels::Of({{"n", "1"}}));
  ASSERT_EQ(data[0].exemplars.size(), 3u);
  EXPECT_EQ(data[0].exemplars[1].value, 3);
  EXPECT_EQ(data[0].exemplars[2].timestamp_ms, 20);
}

}  // namespace
}  // namespace thanos::fanout
