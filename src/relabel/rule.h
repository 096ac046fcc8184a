// One rule, compiled.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "relabel/relabel.h"

namespace re2 {
class RE2;
}

namespace thanos::relabel {

/// A text with references to groups of a regex: $1, ${1}, $name, ${name}, $$.
class Template {
 public:
  static Template Parse(std::string_view text, const re2::RE2& regex);
  /// `groups` are those of a match, the whole match first.
  std::string Expand(const std::vector<std::string_view>& groups) const;

 private:
  struct Piece {
    std::string text;
    int group = -1;  // -1: text.
  };
  std::vector<Piece> pieces_;
};

struct Rule {
  std::vector<std::string> source_labels;
  std::string separator = ";", target_label, regex = "(.*)", replacement = "$1";
  uint64_t modulus = 0;
  Action action = Action::kReplace;
  std::shared_ptr<const re2::RE2> compiled;
  Template target_template, replacement_template;

  /// Groups of a match of the whole text, the text first; empty: no match.
  std::vector<std::string_view> Match(std::string_view text) const;
};

}  // namespace thanos::relabel
