#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <re2/re2.h>

#include "config/yaml.h"
#include "model/matcher.h"
#include "relabel/rule.h"

namespace thanos::relabel {
namespace {

using config::YamlMap;
using config::YamlNode;

constexpr std::array<std::pair<std::string_view, Action>, 11> kActions = {{
    {"replace", Action::kReplace},
    {"keep", Action::kKeep},
    {"drop", Action::kDrop},
    {"keepequal", Action::kKeepEqual},
    {"dropequal", Action::kDropEqual},
    {"hashmod", Action::kHashMod},
    {"labelmap", Action::kLabelMap},
    {"labeldrop", Action::kLabelDrop},
    {"labelkeep", Action::kLabelKeep},
    {"lowercase", Action::kLowercase},
    {"uppercase", Action::kUppercase},
}};

std::string NameOf(Action action) {
  for (const auto& [name, value] : kActions) {
    if (value == action) return std::string(name);
  }
  return "";
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

Status Compile(Rule* rule) {
  // Model's own check first: it has Go's words, and refuses what RE2 alone would let pass.
  THANOS_RETURN_IF_ERROR(model::Regex::Compile(rule->regex).status());
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto regex = std::make_shared<re2::RE2>("(?s:" + rule->regex + ")", options);
  if (!regex->ok()) return InvalidArgumentError("error parsing regexp: " + regex->error());
  rule->target_template = Template::Parse(rule->target_label, *regex);
  rule->replacement_template = Template::Parse(rule->replacement, *regex);
  rule->compiled = std::move(regex);
  return OkStatus();
}

bool IsAny(Action action, std::initializer_list<Action> among) {
  return std::find(among.begin(), among.end(), action) != among.end();
}

// What each action needs, and what it must not be given.
Status Check(const Rule& rule, bool has_sources) {
  const Rule defaults;
  const std::string name = NameOf(rule.action);
  if (rule.modulus == 0 && rule.action == Action::kHashMod) {
    return InvalidArgumentError("relabel configuration for hashmod requires non-zero modulus");
  }
  if (IsAny(rule.action, {Action::kReplace, Action::kKeepEqual, Action::kDropEqual,
                          Action::kHashMod, Action::kLowercase, Action::kUppercase}) &&
      rule.target_label.empty()) {
    return InvalidArgumentError("relabel configuration for " + name +
                                " action requires 'target_label' value");
  }
  if (IsAny(rule.action,
            {Action::kLowercase, Action::kUppercase, Action::kKeepEqual, Action::kDropEqual}) &&
      rule.replacement != defaults.replacement) {
    return InvalidArgumentError("'replacement' can not be set for " + name + " action");
  }
  if (IsAny(rule.action, {Action::kLabelDrop, Action::kLabelKeep}) &&
      (has_sources || !rule.target_label.empty() || rule.modulus != 0 ||
       rule.separator != defaults.separator || rule.replacement != defaults.replacement)) {
    return InvalidArgumentError(name + " action requires only 'regex', and no other fields");
  }
  if (IsAny(rule.action, {Action::kKeepEqual, Action::kDropEqual}) &&
      (rule.regex != defaults.regex || rule.modulus != 0 || rule.separator != defaults.separator)) {
    return InvalidArgumentError(
        name + " action requires only 'source_labels' and `target_label`, and no other fields");
  }
  return OkStatus();
}

Status ReadAction(const YamlNode& node, Rule* rule) {
  if (node.kind != YamlNode::Kind::kScalar) {
    return InvalidArgumentError("line " + std::to_string(node.line) +
                                ": cannot unmarshal into string");
  }
  const std::string lower = Lower(node.scalar);
  for (const auto& [name, action] : kActions) {
    if (name != lower) continue;
    rule->action = action;
    return OkStatus();
  }
  return InvalidArgumentError("unknown relabel action \"" + node.scalar + "\"");
}

// Any number that is not negative; a fraction is cut, as Go's YAML does.
Status ReadModulus(const YamlNode& node, Rule* rule) {
  const std::string& text = node.scalar;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rule->modulus);
  if (node.kind == YamlNode::Kind::kScalar && !node.quoted && !text.empty()) {
    if (error == std::errc() && end == text.data() + text.size()) return OkStatus();
    double number = 0;
    const auto [stop, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (bad == std::errc() && stop == text.data() + text.size() && number >= 0) {
      // What does not fit becomes 2^63, as it does in Go.
      rule->modulus = number >= 0x1p64 ? uint64_t{1} << 63 : static_cast<uint64_t>(number);
      return OkStatus();
    }
  }
  return InvalidArgumentError("line " + std::to_string(node.line) + ": cannot unmarshal `" + text +
                              "` into uint64");
}

Result<Rule> ReadRule(const YamlNode& node, const ParseOptions& options) {
  if (node.kind == YamlNode::Kind::kNull) {
    return InvalidArgumentError("empty or null relabeling rule");
  }
  Rule rule;
  bool has_sources = false;
  YamlMap map(node, "relabel.plain");
  map.Texts("source_labels", &rule.source_labels)
      .Node("source_labels",
            [&](const YamlNode&) {
              has_sources = true;
              return OkStatus();
            })
      .Text("separator", &rule.separator)
      .Text("target_label", &rule.target_label)
      .Text("regex", &rule.regex)
      .Text("replacement", &rule.replacement)
      .Node("modulus", [&](const YamlNode& modulus) { return ReadModulus(modulus, &rule); })
      .Node("action", [&](const YamlNode& action) { return ReadAction(action, &rule); });
  if (!options.strict) map.AllowUnknown();
  THANOS_RETURN_IF_ERROR(map.Finish());
  for (const std::string& name : rule.source_labels) {
    if (name.empty()) return InvalidArgumentError("\"\" is not a valid label name");
  }
  THANOS_RETURN_IF_ERROR(Compile(&rule));
  THANOS_RETURN_IF_ERROR(Check(rule, has_sources));
  return rule;
}

}  // namespace

ParseOptions SelectorOptions() {
  return {.actions = {Action::kKeep, Action::kDrop, Action::kHashMod}};
}

Rules::Rules() : rules_(std::make_shared<const std::vector<Rule>>()) {}

Result<Rules> Rules::Parse(std::string_view yaml, const ParseOptions& options) {
  const auto parse = [&]() -> Result<Rules> {
    THANOS_ASSIGN_OR_RETURN(const YamlNode root, config::ParseYaml(yaml));
    if (root.kind == YamlNode::Kind::kNull) return Rules();
    if (root.kind != YamlNode::Kind::kSequence) {
      return InvalidArgumentError("line " + std::to_string(root.line) +
                                  ": cannot unmarshal into []*relabel.Config");
    }
    auto rules = std::make_shared<std::vector<Rule>>();
    for (const YamlNode& node : root.items) {
      THANOS_ASSIGN_OR_RETURN(Rule rule, ReadRule(node, options));
      rules->push_back(std::move(rule));
    }
    Rules out;
    out.rules_ = std::move(rules);
    return out;
  };
  auto rules = parse();
  if (!rules.ok()) return rules.status().WithContext("parsing relabel configuration");
  for (const Rule& rule : *rules->rules_) {
    const auto& allowed = options.actions;
    if (!allowed.empty() &&
        std::find(allowed.begin(), allowed.end(), rule.action) == allowed.end()) {
      return InvalidArgumentError("unsupported relabel action: " + NameOf(rule.action));
    }
  }
  return rules;
}

}  // namespace thanos::relabel
