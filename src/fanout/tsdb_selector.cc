#include "fanout/tsdb_selector.h"

#include <map>
#include <set>
#include <string>

namespace thanos::fanout {
namespace {

// A regular expression that matches the text alone.
std::string Quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-' || (c & 0x80) != 0;
    if (!plain) out += '\\';
    out += c;
  }
  return out;
}

// For each label name one of the values of the sets; "" where a set lacks the name.
std::vector<model::Matcher> MatchersOf(const std::vector<Labels>& sets) {
  std::map<std::string, std::set<std::string>> values;
  for (const Labels& set : sets) {
    for (const Label& label : set) values[std::string(label.name)].insert(Quoted(label.value));
  }
  std::vector<model::Matcher> matchers;
  for (auto& [name, texts] : values) {
    for (const Labels& set : sets) {
      if (!set.view().Find(name)) texts.insert("^$");
    }
    std::string pattern;
    for (const std::string& text : texts) pattern += (pattern.empty() ? "" : "|") + text;
    // Quoted literals always compile.
    if (auto matcher = model::Matcher::Make(model::MatchType::kRegex, name, pattern);
        matcher.ok()) {
      matchers.push_back(*std::move(matcher));
    }
  }
  return matchers;
}

}  // namespace

std::optional<TsdbSelector::Choice> TsdbSelector::Choose(const std::vector<Labels>& sets) const {
  Choice choice;
  if (rules_.empty() || sets.empty()) {
    choice.kept = sets;
    return choice;
  }
  for (const Labels& set : sets) {
    if (rules_.Apply(set)) choice.kept.push_back(set);
  }
  if (choice.kept.empty()) return std::nullopt;
  if (choice.kept.size() < sets.size()) choice.matchers = MatchersOf(choice.kept);
  return choice;
}

}  // namespace thanos::fanout
