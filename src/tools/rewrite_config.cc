#include "tools/rewrite_config.h"

#include <nlohmann/json.hpp>

#include "config/yaml.h"
#include "promql/parser.h"

namespace thanos::tools {
namespace {

using Json = nlohmann::ordered_json;

Result<block::Interval> ParseInterval(const config::YamlNode& node) {
  block::Interval interval;
  config::YamlMap map(node, "interval");
  map.Int("mint", &interval.min_ms).Int("maxt", &interval.max_ms).AllowUnknown();
  THANOS_RETURN_IF_ERROR(map.Finish());
  if (interval.min_ms > interval.max_ms) {
    return InvalidArgumentError("line " + std::to_string(node.line) +
                                ": interval ends before it begins");
  }
  return interval;
}

Result<Deletion> ParseDeletion(const config::YamlNode& node) {
  Deletion deletion;
  std::string selector;
  config::YamlMap map(node, "deletion request");
  map.Text("matchers", &selector).Text("request_id", &deletion.request_id);
  map.Node("intervals", [&](const config::YamlNode& list) -> Status {
    THANOS_RETURN_IF_ERROR(config::ExpectList(list, "intervals"));
    for (const config::YamlNode& item : list.items) {
      THANOS_ASSIGN_OR_RETURN(const block::Interval interval, ParseInterval(item));
      block::AddInterval(interval, &deletion.intervals);
    }
    return OkStatus();
  });
  map.AllowUnknown();
  THANOS_RETURN_IF_ERROR(map.Finish());
  auto matchers = promql::ParseSelector(selector);
  if (!matchers.ok()) {
    return matchers.status().WithContext("line " + std::to_string(node.line) +
                                         ": parse matchers \"" + selector + "\"");
  }
  deletion.matchers = std::move(*matchers);
  return deletion;
}

Json JsonOf(const Deletion& deletion) {
  Json matchers = Json::array();
  for (const model::Matcher& matcher : deletion.matchers) {
    matchers.push_back({{"Type", static_cast<int>(matcher.type())},
                        {"Name", matcher.name()},
                        {"Value", matcher.value()}});
  }
  Json out = {{"matchers", std::move(matchers)}};
  for (const block::Interval& interval : deletion.intervals) {
    out["intervals"].push_back({{"Mint", interval.min_ms}, {"Maxt", interval.max_ms}});
  }
  if (!deletion.request_id.empty()) out["request_id"] = deletion.request_id;
  return out;
}

// A rule as it was given.
Json JsonOf(const config::YamlNode& rule) {
  Json out = Json::object();
  for (const auto& [key, value] : rule.fields) {
    if (value.kind == config::YamlNode::Kind::kSequence) {
      out[key] = Json::array();
      for (const config::YamlNode& item : value.items) out[key].push_back(item.scalar);
    } else if (key == "modulus") {
      out[key] = std::strtoull(value.scalar.c_str(), nullptr, 10);
    } else {
      out[key] = value.scalar;
    }
  }
  return out;
}

}  // namespace

Result<std::vector<Deletion>> ParseDeletions(std::string_view yaml) {
  THANOS_ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(yaml));
  std::vector<Deletion> deletions;
  THANOS_RETURN_IF_ERROR(config::ExpectList(root, "deletion requests"));
  for (const config::YamlNode& item : root.items) {
    THANOS_ASSIGN_OR_RETURN(Deletion deletion, ParseDeletion(item));
    deletions.push_back(std::move(deletion));
  }
  return deletions;
}

Result<std::string> AppendRewrite(const std::string& rewrites_json,
                                  const std::vector<base::Ulid>& sources,
                                  const RewriteRules& rules) {
  Json all = rewrites_json.empty()
                 ? Json::array()
                 : Json::parse(rewrites_json, nullptr, /*allow_exceptions=*/false);
  if (!all.is_array()) return DataLossError("meta.json: rewrites are not a list");
  Json entry = Json::object();
  for (const base::Ulid& source : sources) entry["sources"].push_back(source.ToString());
  for (const Deletion& deletion : rules.deletions) {
    entry["deletions_applied"].push_back(JsonOf(deletion));
  }
  if (!rules.relabel_yaml.empty()) {
    THANOS_ASSIGN_OR_RETURN(const auto root, config::ParseYaml(rules.relabel_yaml));
    for (const config::YamlNode& rule : root.items) {
      entry["relabels_applied"].push_back(JsonOf(rule));
    }
  }
  all.push_back(std::move(entry));
  return all.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace thanos::tools
