#include <algorithm>
#include <map>

#include "codec/hash.h"
#include "relabel/rule.h"
#include "relabel/runes.h"

namespace thanos::relabel {
namespace {

using Set = std::map<std::string, std::string, std::less<>>;

std::string Joined(const Rule& rule, const Set& set) {
  std::string out;
  for (size_t i = 0; i < rule.source_labels.size(); ++i) {
    if (i > 0) out += rule.separator;
    const auto found = set.find(rule.source_labels[i]);
    if (found != set.end()) out += found->second;
  }
  return out;
}

void Assign(Set* set, const std::string& name, std::string value) {
  if (value.empty()) {
    set->erase(name);
  } else {
    (*set)[name] = std::move(value);
  }
}

std::string_view ValueOf(const Set& set, const std::string& name) {
  const auto found = set.find(name);
  return found == set.end() ? std::string_view() : found->second;
}

// The low half of the digest, as a number.
uint64_t HashOf(std::string_view text) {
  const auto digest = codec::Md5(text);
  uint64_t out = 0;
  for (size_t i = 8; i < digest.size(); ++i) out = out << 8 | digest[i];
  return out;
}

std::string Cased(std::string_view text, bool upper) {
  std::string out;
  while (!text.empty()) {
    const uint32_t point = TakeRune(&text);
    AppendRune(upper ? UpperRune(point) : LowerRune(point), &out);
  }
  return out;
}

void Replace(const Rule& rule, const std::string& value, Set* set) {
  const auto groups = rule.Match(value);
  if (groups.empty()) return;
  const std::string target = rule.target_template.Expand(groups);
  if (target.empty()) return;
  Assign(set, target, rule.replacement_template.Expand(groups));
}

void MapLabels(const Rule& rule, Set* set) {
  std::vector<std::pair<std::string, std::string>> mapped;
  for (const auto& [name, value] : *set) {
    const auto groups = rule.Match(name);
    if (!groups.empty()) mapped.emplace_back(rule.replacement_template.Expand(groups), value);
  }
  for (auto& [name, value] : mapped) Assign(set, name, std::move(value));
}

void FilterLabels(const Rule& rule, bool keep, Set* set) {
  std::erase_if(*set, [&](const auto& entry) { return rule.Match(entry.first).empty() == keep; });
}

// False: dropped.
bool ApplyRule(const Rule& rule, Set* set) {
  const std::string value = Joined(rule, *set);
  switch (rule.action) {
    case Action::kKeep:
      return !rule.Match(value).empty();
    case Action::kDrop:
      return rule.Match(value).empty();
    case Action::kKeepEqual:
      return ValueOf(*set, rule.target_label) == value;
    case Action::kDropEqual:
      return ValueOf(*set, rule.target_label) != value;
    case Action::kReplace:
      Replace(rule, value, set);
      return true;
    case Action::kHashMod:
      Assign(set, rule.target_label, std::to_string(HashOf(value) % rule.modulus));
      return true;
    case Action::kLowercase:
    case Action::kUppercase:
      Assign(set, rule.target_label, Cased(value, rule.action == Action::kUppercase));
      return true;
    case Action::kLabelMap:
      MapLabels(rule, set);
      return true;
    case Action::kLabelDrop:
    case Action::kLabelKeep:
      FilterLabels(rule, rule.action == Action::kLabelKeep, set);
      return true;
  }
  return true;
}

}  // namespace

std::optional<Labels> Rules::Apply(LabelsView labels) const {
  Set set;
  for (const Label& label : labels) set.emplace(label.name, label.value);
  for (const Rule& rule : *rules_) {
    if (!ApplyRule(rule, &set)) return std::nullopt;
  }
  LabelsBuilder builder(LabelsView{});
  for (const auto& [name, value] : set) builder.Set(name, value);
  return builder.Build();
}

}  // namespace thanos::relabel
