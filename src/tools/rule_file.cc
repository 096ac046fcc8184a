#include "tools/rule_file.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/json_text.h"
#include "config/yaml.h"
#include "model/go_quote.h"
#include "promql/parser.h"
#include "thanos/labels.h"
#include "tools/template_syntax.h"

namespace thanos::tools {
namespace {

using config::YamlMap;
using config::YamlNode;
using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Rule {
  std::string record, alert, expr;
  int64_t for_ns = 0, keep_firing_for_ns = 0;
  Pairs labels, annotations;

  const std::string& name() const { return record.empty() ? alert : record; }
};

struct Group {
  std::string name, strategy;
  int64_t interval_ns = 0, query_offset_ns = 0, limit = 0;
  Pairs labels;
  std::vector<Rule> rules;
};

Status ReadRule(const YamlNode& node, Rule* rule) {
  return YamlMap(node, "rule")
      .Text("record", &rule->record)
      .Text("alert", &rule->alert)
      .Text("expr", &rule->expr)
      .Duration("for", &rule->for_ns)
      .Duration("keep_firing_for", &rule->keep_firing_for_ns)
      .TextMap("labels", &rule->labels)
      .TextMap("annotations", &rule->annotations)
      .Finish();
}

Status ReadGroup(const YamlNode& node, Group* group) {
  YamlMap map(node, "rule group");
  map.Text("name", &group->name)
      .Duration("interval", &group->interval_ns)
      .Duration("query_offset", &group->query_offset_ns)
      .Int("limit", &group->limit)
      .TextMap("labels", &group->labels)
      .Text("partial_response_strategy", &group->strategy)
      .Node("rules", [&](const YamlNode& list) -> Status {
        THANOS_RETURN_IF_ERROR(config::ExpectList(list, "rules"));
        for (const YamlNode& item : list.items) {
          THANOS_RETURN_IF_ERROR(ReadRule(item, &group->rules.emplace_back()));
        }
        return OkStatus();
      });
  return map.Finish();
}

Status ReadFile(std::string_view yaml, std::vector<Group>* groups) {
  THANOS_ASSIGN_OR_RETURN(const YamlNode root, config::ParseYaml(yaml));
  YamlMap map(root, "rule file");
  map.Node("groups", [&](const YamlNode& list) -> Status {
    THANOS_RETURN_IF_ERROR(config::ExpectList(list, "groups"));
    for (const YamlNode& item : list.items) {
      THANOS_RETURN_IF_ERROR(ReadGroup(item, &groups->emplace_back()));
    }
    return OkStatus();
  });
  return map.Finish();
}

void CheckRecording(const Rule& rule, std::vector<std::string>* errors) {
  if (!rule.annotations.empty()) {
    errors->push_back("invalid field 'annotations' in recording rule");
  }
  if (rule.for_ns != 0) errors->push_back("invalid field 'for' in recording rule");
  if (rule.keep_firing_for_ns != 0) {
    errors->push_back("invalid field 'keep_firing_for' in recording rule");
  }
  if (!base::IsValidUtf8(rule.record)) {
    errors->push_back("invalid recording rule name: " + rule.record);
  }
  if (rule.record.find_first_of("{}") != std::string::npos) {
    errors->push_back("braces present in the recording rule name; should it be in expr?: " +
                      rule.record);
  }
}

void CheckPairs(const Rule& rule, std::vector<std::string>* errors) {
  for (const auto& [name, value] : rule.labels) {
    if (name.empty() || name == kMetricName || !base::IsValidUtf8(name)) {
      errors->push_back("invalid label name: " + name);
    }
    if (!base::IsValidUtf8(value)) errors->push_back("invalid label value: " + value);
  }
  for (const auto& [name, value] : rule.annotations) {
    if (name.empty() || !base::IsValidUtf8(name)) {
      errors->push_back("invalid annotation name: " + name);
    }
  }
  if (rule.alert.empty()) return;
  const auto parse = [&](const char* kind, const Pairs& pairs) {
    for (const auto& [name, value] : pairs) {
      const Status status = CheckAlertTemplate(value);
      if (status.ok()) continue;
      errors->push_back(std::string(kind) + " " + model::GoQuoted(name) + ": template: __alert_" +
                        rule.alert + ": " + std::string(status.message()));
    }
  };
  parse("label", rule.labels);
  parse("annotation", rule.annotations);
}

std::vector<std::string> CheckRule(const Rule& rule) {
  std::vector<std::string> errors;
  if (!rule.record.empty() && !rule.alert.empty()) {
    errors.push_back("only one of 'record' and 'alert' must be set");
  }
  if (rule.record.empty() && rule.alert.empty()) {
    errors.push_back("one of 'record' or 'alert' must be set");
  }
  if (rule.expr.empty()) {
    errors.push_back("field 'expr' must be set in rule");
  } else if (const auto parsed = promql::Parse(rule.expr, {}); !parsed.ok()) {
    errors.push_back("could not parse expression: " + std::string(parsed.status().message()));
  }
  if (!rule.record.empty()) CheckRecording(rule, &errors);
  CheckPairs(rule, &errors);
  return errors;
}

void CheckGroup(const Group& group, RuleFileCheck* check) {
  if (group.name.empty()) check->errors.push_back("Groupname should not be empty");
  std::string strategy = group.strategy;
  std::transform(strategy.begin(), strategy.end(), strategy.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  if (!strategy.empty() && strategy != "WARN" && strategy != "ABORT") {
    check->errors.push_back("failed to unmarshal " + model::GoQuoted(group.strategy) +
                            " as 'partial_response_strategy'. Possible values are ABORT,WARN");
  }
  for (size_t i = 0; i < group.rules.size(); ++i) {
    for (const std::string& error : CheckRule(group.rules[i])) {
      check->errors.push_back("group " + model::GoQuoted(group.name) + ", rule " +
                              std::to_string(i) + ", " + model::GoQuoted(group.rules[i].name()) +
                              ": " + error);
    }
  }
  check->rules += group.rules.size();
}

}  // namespace

RuleFileCheck CheckRuleFile(std::string_view yaml) {
  RuleFileCheck check;
  std::vector<Group> groups;
  if (const Status status = ReadFile(yaml, &groups); !status.ok()) {
    check.errors.emplace_back(status.message());
    return check;
  }
  for (const Group& group : groups) CheckGroup(group, &check);
  return check;
}

}  // namespace thanos::tools
