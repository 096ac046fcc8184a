#include "fanout/federation_merge.h"

#include <algorithm>
#include <compare>
#include <map>
#include <tuple>

namespace thanos::fanout {
namespace {

void DropLabels(const std::vector<std::string>& names, Labels* labels) {
  LabelsBuilder builder(*labels);
  for (const std::string& name : names) builder.Remove(name);
  *labels = builder.Build();
}

const std::string& NameOf(const wire::Rule& rule) {
  return std::visit([](const auto& one) -> const std::string& { return one.name; }, rule);
}
const Labels& LabelsOf(const wire::Rule& rule) {
  return std::visit([](const auto& one) -> const Labels& { return one.labels; }, rule);
}
const std::string& QueryOf(const wire::Rule& rule) {
  return std::visit([](const auto& one) -> const std::string& { return one.query; }, rule);
}

bool IsTemplate(std::string_view value) { return value.find("{{") != std::string_view::npos; }

// A whole order, NaN included.
int CompareNumbers(double a, double b) {
  const auto order = std::weak_order(a, b);
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

// Below 0, 0 or above: whether two rules are one and the same, whatever their state.
int CompareRules(const wire::Rule& a, const wire::Rule& b) {
  const auto* alert_a = std::get_if<wire::AlertingRule>(&a);
  const auto* alert_b = std::get_if<wire::AlertingRule>(&b);
  if ((alert_a == nullptr) != (alert_b == nullptr)) return alert_a != nullptr ? -1 : 1;
  if (const int order = NameOf(a).compare(NameOf(b)); order != 0) return order;
  if (const int order = Compare(LabelsOf(a), LabelsOf(b)); order != 0) return order;
  if (const int order = QueryOf(a).compare(QueryOf(b)); order != 0) return order;
  return alert_a == nullptr ? 0
                            : CompareNumbers(alert_a->duration_seconds, alert_b->duration_seconds);
}

// Of two equal rules: which one tells more.
bool IsBetter(const wire::Rule& a, const wire::Rule& than) {
  if (const auto* alert = std::get_if<wire::AlertingRule>(&a)) {
    const auto& other = std::get<wire::AlertingRule>(than);
    return std::tie(alert->state, alert->last_evaluation) >
           std::tie(other.state, other.last_evaluation);
  }
  return std::get<wire::RecordingRule>(a).last_evaluation >
         std::get<wire::RecordingRule>(than).last_evaluation;
}

bool IsBetter(const wire::ActiveTarget& a, const wire::ActiveTarget& than) {
  if (a.health != than.health) return a.health < than.health;
  return a.last_scrape > than.last_scrape;
}

int CompareTargets(const wire::ActiveTarget& a, const wire::ActiveTarget& b) {
  if (const int order = a.scrape_url.compare(b.scrape_url); order != 0) return order;
  if (const int order = a.scrape_pool.compare(b.scrape_pool); order != 0) return order;
  if (const int order = Compare(a.discovered_labels, b.discovered_labels); order != 0) return order;
  return Compare(a.labels, b.labels);
}

// Sorted, and of each run of equal ones the best.
template <typename T, typename CompareFunction>
void SortAndKeepBest(CompareFunction compare, std::vector<T>* list) {
  std::sort(list->begin(), list->end(), [&](const T& a, const T& b) { return compare(a, b) < 0; });
  std::vector<T> kept;
  for (T& one : *list) {
    if (kept.empty() || compare(kept.back(), one) != 0) {
      kept.push_back(std::move(one));
    } else if (IsBetter(one, kept.back())) {
      kept.back() = std::move(one);
    }
  }
  *list = std::move(kept);
}

bool Has(const std::vector<std::string>& list, const std::string& text) {
  return list.empty() || std::find(list.begin(), list.end(), text) != list.end();
}

int CompareExemplars(const wire::Exemplar& a, const wire::Exemplar& b) {
  if (a.timestamp_ms != b.timestamp_ms) return a.timestamp_ms < b.timestamp_ms ? -1 : 1;
  if (const int order = Compare(a.labels, b.labels); order != 0) return order;
  return CompareNumbers(a.value, b.value);
}

}  // namespace

void FilterRules(const std::vector<model::Matchers>& selectors,
                 std::vector<wire::RuleGroup>* groups) {
  if (selectors.empty()) return;
  const auto fails = [&](const wire::Rule& rule) {
    const auto value = [&](const std::string& name) {
      const std::string_view text = LabelsOf(rule).view().Get(name);
      return IsTemplate(text) ? std::string_view() : text;
    };
    for (const model::Matchers& matchers : selectors) {
      for (const model::Matcher& matcher : matchers) {
        if (!matcher.Matches(value(matcher.name()))) return true;
      }
    }
    return false;
  };
  for (wire::RuleGroup& group : *groups) std::erase_if(group.rules, fails);
  std::erase_if(*groups, [](const wire::RuleGroup& group) { return group.rules.empty(); });
}

void FilterRules(const wire::RulesRequest& request, std::vector<wire::RuleGroup>* groups) {
  if (request.rule_names.empty() && request.rule_groups.empty() && request.files.empty()) return;
  for (wire::RuleGroup& group : *groups) {
    std::erase_if(group.rules,
                  [&](const wire::Rule& rule) { return !Has(request.rule_names, NameOf(rule)); });
  }
  std::erase_if(*groups, [&](const wire::RuleGroup& group) {
    return group.rules.empty() || !Has(request.rule_groups, group.name) ||
           !Has(request.files, group.file);
  });
}

void DedupRules(const std::vector<std::string>& replica_labels,
                std::vector<wire::RuleGroup>* groups) {
  const auto key = [](const wire::RuleGroup& group) { return group.file + ";" + group.name; };
  std::map<std::string, wire::RuleGroup> by_key;
  for (wire::RuleGroup& group : *groups) {
    for (wire::Rule& rule : group.rules) {
      std::visit([&](auto& one) { DropLabels(replica_labels, &one.labels); }, rule);
    }
    std::string name = key(group);
    const auto at = by_key.find(name);
    if (at == by_key.end()) {
      by_key.emplace(std::move(name), std::move(group));
      continue;
    }
    std::move(group.rules.begin(), group.rules.end(), std::back_inserter(at->second.rules));
  }
  groups->clear();
  for (auto& [name, group] : by_key) {
    SortAndKeepBest(CompareRules, &group.rules);
    groups->push_back(std::move(group));
  }
}

void DedupTargets(const std::vector<std::string>& replica_labels, wire::TargetsResponse* targets) {
  for (wire::ActiveTarget& target : targets->active) {
    DropLabels(replica_labels, &target.labels);
    DropLabels(replica_labels, &target.discovered_labels);
  }
  SortAndKeepBest(CompareTargets, &targets->active);
  for (Labels& discovered : targets->dropped) DropLabels(replica_labels, &discovered);
  std::sort(targets->dropped.begin(), targets->dropped.end());
  const auto last = std::unique(targets->dropped.begin(), targets->dropped.end());
  targets->dropped.erase(last, targets->dropped.end());
}

void MergeMetadata(wire::MetadataResponse from, wire::MetadataResponse* into) {
  for (auto& [name, metas] : from.metadata) {
    std::vector<wire::MetricMeta>& known = into->metadata[name];
    for (wire::MetricMeta& meta : metas) {
      if (std::find(known.begin(), known.end(), meta) == known.end()) {
        known.push_back(std::move(meta));
      }
    }
  }
}

void LimitMetadata(int32_t limit, wire::MetadataResponse* metadata) {
  if (limit < 0 || metadata->metadata.size() <= static_cast<size_t>(limit)) return;
  metadata->metadata.erase(std::next(metadata->metadata.begin(), limit), metadata->metadata.end());
}

void DedupExemplars(const std::vector<std::string>& replica_labels,
                    std::vector<wire::ExemplarData>* data) {
  std::map<Labels, std::vector<wire::Exemplar>> by_series;
  for (wire::ExemplarData& one : *data) {
    if (one.exemplars.empty()) continue;
    DropLabels(replica_labels, &one.series_labels);
    std::vector<wire::Exemplar>& exemplars = by_series[one.series_labels];
    std::move(one.exemplars.begin(), one.exemplars.end(), std::back_inserter(exemplars));
  }
  data->clear();
  for (auto& [labels, exemplars] : by_series) {
    std::sort(exemplars.begin(), exemplars.end(),
              [](const auto& a, const auto& b) { return CompareExemplars(a, b) < 0; });
    const auto last =
        std::unique(exemplars.begin(), exemplars.end(),
                    [](const auto& a, const auto& b) { return CompareExemplars(a, b) == 0; });
    exemplars.erase(last, exemplars.end());
    data->push_back({labels, std::move(exemplars)});
  }
}

}  // namespace thanos::fanout
