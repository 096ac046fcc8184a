#include "model/regex_shape.h"

#include <algorithm>

#include "base/json_text.h"

namespace thanos::model {
namespace {

constexpr size_t kLiteralsMax = 1000;
constexpr int kDepthMax = 64;

// A recursive descent over the part of the syntax that denotes finite sets: literals, escaped
// punctuation, classes of single ASCII characters, groups, alternation. Anything else gives up.
class FiniteSetParser {
 public:
  explicit FiniteSetParser(std::string_view pattern) : rest_(pattern) {}

  std::optional<std::vector<std::string>> Parse() {
    auto set = Alternation(0);
    if (!set || !rest_.empty()) return std::nullopt;
    std::sort(set->begin(), set->end());
    set->erase(std::unique(set->begin(), set->end()), set->end());
    return set;
  }

 private:
  using Set = std::vector<std::string>;

  std::optional<Set> Alternation(int depth) {
    if (depth > kDepthMax) return std::nullopt;
    auto all = Concatenation(depth);
    while (all && !rest_.empty() && rest_[0] == '|') {
      rest_.remove_prefix(1);
      auto more = Concatenation(depth);
      if (!more || all->size() + more->size() > kLiteralsMax) return std::nullopt;
      all->insert(all->end(), more->begin(), more->end());
    }
    return all;
  }

  std::optional<Set> Concatenation(int depth) {
    Set all{""};
    while (!rest_.empty() && rest_[0] != '|' && rest_[0] != ')') {
      auto next = Atom(depth);
      // A repetition makes the set infinite or changes it; the plain `?` alone stays finite.
      if (!next) return std::nullopt;
      if (!rest_.empty() && rest_[0] == '?') {
        rest_.remove_prefix(1);
        next->push_back("");
      }
      if (!rest_.empty() && std::string_view("*+?{").find(rest_[0]) != std::string_view::npos) {
        return std::nullopt;
      }
      if (all.size() * next->size() > kLiteralsMax) return std::nullopt;
      if (next->size() == 1) {
        for (std::string& text : all) text += next->front();
        continue;
      }
      Set product;
      for (const std::string& head : all) {
        for (const std::string& tail : *next) product.push_back(head + tail);
      }
      all = std::move(product);
    }
    return all;
  }

  std::optional<Set> Atom(int depth) {
    const char c = rest_[0];
    if (c == '(') {
      rest_.remove_prefix(1);
      if (rest_.starts_with("?:")) {
        rest_.remove_prefix(2);
      } else if (rest_.starts_with("?")) {
        return std::nullopt;
      }
      auto inner = Alternation(depth + 1);
      if (!inner || !rest_.starts_with(")")) return std::nullopt;
      rest_.remove_prefix(1);
      return inner;
    }
    if (c == '[') return Class();
    if (c == '\\') {
      const auto escaped = Escape();
      if (!escaped) return std::nullopt;
      return Set{std::string(1, *escaped)};
    }
    if (std::string_view(".*+?{}^$]").find(c) != std::string_view::npos) return std::nullopt;
    const size_t length = base::Utf8RuneLength(rest_);
    if (length == 0) return std::nullopt;
    Set one{std::string(rest_.substr(0, length))};
    rest_.remove_prefix(length);
    return one;
  }

  // An escaped ASCII punctuation character.
  std::optional<char> Escape() {
    if (rest_.size() < 2) return std::nullopt;
    const char c = rest_[1];
    const bool alphanumeric =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (alphanumeric || static_cast<unsigned char>(c) >= 0x80 || c < ' ') return std::nullopt;
    rest_.remove_prefix(2);
    return c;
  }

  std::optional<Set> Class() {
    rest_.remove_prefix(1);
    if (rest_.starts_with("^") || rest_.starts_with("]") || rest_.starts_with("-")) {
      return std::nullopt;
    }
    Set all;
    while (!rest_.starts_with("]")) {
      const auto low = ClassCharacter();
      if (!low) return std::nullopt;
      char high = *low;
      if (rest_.starts_with("-") && !rest_.starts_with("-]")) {
        rest_.remove_prefix(1);
        const auto end = ClassCharacter();
        if (!end || *end < *low) return std::nullopt;
        high = *end;
      }
      for (int c = *low; c <= high; ++c) all.push_back(std::string(1, static_cast<char>(c)));
    }
    rest_.remove_prefix(1);
    return all;
  }

  std::optional<char> ClassCharacter() {
    if (rest_.empty() || static_cast<unsigned char>(rest_[0]) >= 0x80) return std::nullopt;
    if (rest_[0] == '[') return std::nullopt;  // A named class, or just odd.
    if (rest_[0] == '\\') return Escape();
    const char c = rest_[0];
    rest_.remove_prefix(1);
    return c;
  }

  std::string_view rest_;
};

// Splits a pattern of literals, `.*` and `.+` only. False when anything else occurs.
bool SplitAffixes(std::string_view pattern, RegexShape* shape) {
  std::string literal;
  bool gap = false, nonempty = false;  // Of the gap in front of `literal`.
  const auto close_gap = [&] {
    shape->gap_nonempty.push_back(nonempty);
    nonempty = false;
  };
  for (size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    if (c == '.' && i + 1 < pattern.size() && (pattern[i + 1] == '*' || pattern[i + 1] == '+')) {
      if (i + 2 < pattern.size() &&
          std::string_view("*+?{").find(pattern[i + 2]) != std::string_view::npos) {
        return false;
      }
      // Two `.+` in a row need two characters; leave those to RE2.
      if (gap && literal.empty() && nonempty && pattern[i + 1] == '+') return false;
      if (!literal.empty()) {
        if (gap) {
          close_gap();
        } else {
          shape->prefix_anchored = true;
        }
        shape->pieces.push_back(std::move(literal));
        literal.clear();
      }
      gap = true;
      nonempty |= pattern[i + 1] == '+';
      i += 2;
      continue;
    }
    if (c == '\\') {
      if (i + 1 >= pattern.size()) return false;
      const char e = pattern[i + 1];
      const bool alphanumeric =
          (e >= '0' && e <= '9') || (e >= 'a' && e <= 'z') || (e >= 'A' && e <= 'Z');
      if (alphanumeric || static_cast<unsigned char>(e) >= 0x80 || e < ' ') return false;
      literal += e;
      i += 2;
    } else {
      if (std::string_view(".*+?{}()[]|^$").find(c) != std::string_view::npos) return false;
      const size_t length = base::Utf8RuneLength(pattern.substr(i));
      if (length == 0) return false;
      literal.append(pattern.substr(i, length));
      i += length;
    }
    // A repetition binds to the last character of the literal.
    if (i < pattern.size() && std::string_view("*+?{").find(pattern[i]) != std::string_view::npos) {
      return false;
    }
  }
  if (!gap) return false;
  if (!literal.empty()) {
    close_gap();
    shape->pieces.push_back(std::move(literal));
    shape->suffix_anchored = true;
  } else {
    close_gap();
  }
  return true;
}

// The literal text in front of the first character that is not one.
std::string LeadingLiteral(std::string_view pattern) {
  if (pattern.find('|') != std::string_view::npos || pattern.starts_with("(?")) return "";
  std::string prefix;
  size_t i = 0;
  while (i < pattern.size()) {
    const char c = pattern[i];
    size_t length = 1;
    std::string text;
    if (c == '\\') {
      if (i + 1 >= pattern.size()) break;
      const char e = pattern[i + 1];
      const bool alphanumeric =
          (e >= '0' && e <= '9') || (e >= 'a' && e <= 'z') || (e >= 'A' && e <= 'Z');
      if (alphanumeric || static_cast<unsigned char>(e) >= 0x80) break;
      text = e;
      length = 2;
    } else {
      if (std::string_view(".*+?{}()[]^$").find(c) != std::string_view::npos) break;
      length = base::Utf8RuneLength(pattern.substr(i));
      if (length == 0) break;
      text = pattern.substr(i, length);
    }
    if (i + length < pattern.size() &&
        std::string_view("*?{").find(pattern[i + length]) != std::string_view::npos) {
      break;
    }
    prefix += text;
    i += length;
    if (i < pattern.size() && pattern[i] == '+') break;
  }
  return prefix;
}

std::vector<std::string> SplitAlternatives(std::string_view pattern) {
  std::vector<std::string> all;
  for (;;) {
    const size_t bar = pattern.find('|');
    all.emplace_back(pattern.substr(0, bar));
    if (bar == std::string_view::npos) break;
    pattern.remove_prefix(bar + 1);
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace

bool RegexShape::MatchesAffixes(std::string_view text) const {
  // gap_nonempty[k] belongs to the k-th gap; gaps lie before pieces, but for an anchored first one.
  size_t piece = 0, gap = 0;
  if (prefix_anchored) {
    if (!text.starts_with(pieces[0])) return false;
    text.remove_prefix(pieces[0].size());
    piece = 1;
  }
  for (; piece < pieces.size(); ++piece, ++gap) {
    const size_t least = gap_nonempty[gap] ? 1 : 0;
    const std::string& literal = pieces[piece];
    if (suffix_anchored && piece + 1 == pieces.size()) {
      return text.size() >= literal.size() + least && text.ends_with(literal);
    }
    if (text.size() < least) return false;
    const size_t at = text.find(literal, least);
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + literal.size());
  }
  return !gap_nonempty[gap] || !text.empty();
}

RegexShape AnalyseRegex(std::string_view pattern) {
  RegexShape shape;
  if (!base::IsValidUtf8(pattern)) {
    // Go refuses such a pattern, too, unless it is nothing but literals.
    if (pattern.find_first_of(".*+?{}()[]^$\\") == std::string_view::npos) {
      shape.kind = RegexShape::Kind::kLiterals;
      shape.exact = true;
      shape.literals = SplitAlternatives(pattern);
    }
    return shape;
  }
  if (auto literals = FiniteSetParser(pattern).Parse()) {
    shape.kind = RegexShape::Kind::kLiterals;
    shape.exact = true;
    shape.literals = std::move(literals);
    return shape;
  }
  RegexShape affixes;
  if (SplitAffixes(pattern, &affixes)) {
    affixes.exact = true;
    if (affixes.pieces.empty()) {
      affixes.kind =
          affixes.gap_nonempty[0] ? RegexShape::Kind::kAllButEmpty : RegexShape::Kind::kAll;
    } else {
      affixes.kind = RegexShape::Kind::kAffixes;
      if (affixes.prefix_anchored) affixes.prefix = affixes.pieces[0];
    }
    return affixes;
  }
  shape.prefix = LeadingLiteral(pattern);
  return shape;
}

}  // namespace thanos::model
