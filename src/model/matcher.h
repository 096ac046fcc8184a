// Label matchers, and the regular expressions behind them: RE2's dialect, anchored at both ends,
// `.` matches newline, with shortcuts for the shapes that people write.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thanos/labels.h"
#include "thanos/status.h"

namespace thanos::model {

/// A compiled `^(?s:pattern)$`. Immutable, thread-safe.
class Regex {
 public:
  /// kInvalidArgument with Go's wording, e.g. "error parsing regexp: missing closing ): `(`".
  static Result<std::shared_ptr<const Regex>> Compile(std::string_view pattern);
  ~Regex();

  bool Matches(std::string_view text) const;
  const std::string& pattern() const;

  /// When the pattern is a finite set of literals: those, sorted, unique. Matches() is then
  /// membership. Nothing otherwise.
  const std::optional<std::vector<std::string>>& literals() const;
  /// Every match begins with this (may be empty).
  std::string_view prefix() const;
  /// True for `.*`: matches all texts; and for `.+`: matches all but the empty one.
  bool matches_all() const;
  bool matches_all_but_empty() const;

 private:
  struct Impl;
  explicit Regex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Numbers of the wire.
enum class MatchType : uint8_t { kEqual = 0, kNotEqual = 1, kRegex = 2, kNotRegex = 3 };

/// "=", "!=", "=~", "!~".
std::string_view MatchTypeText(MatchType type);

/// name OP value. Cheap to copy; a compiled regex is shared.
class Matcher {
 public:
  static Result<Matcher> Make(MatchType type, std::string name, std::string value);
  /// For kEqual and kNotEqual, which cannot fail.
  static Matcher Equal(std::string name, std::string value);
  static Matcher NotEqual(std::string name, std::string value);

  MatchType type() const { return type_; }
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }
  /// Null for kEqual and kNotEqual.
  const Regex* regex() const { return regex_.get(); }

  bool Matches(std::string_view value) const;
  bool MatchesEmpty() const { return Matches(""); }
  /// True when the label set's value of name() (or "") matches.
  bool Matches(LabelsView labels) const { return Matches(labels.Get(name_)); }
  Matcher Inverse() const;
  /// `name="value"`, Go's quoting; a name that is not a plain identifier is quoted too.
  std::string ToString() const;

  friend bool operator==(const Matcher& a, const Matcher& b) {
    return a.type_ == b.type_ && a.name_ == b.name_ && a.value_ == b.value_;
  }

 private:
  Matcher(MatchType type, std::string name, std::string value)
      : type_(type), name_(std::move(name)), value_(std::move(value)) {}
  MatchType type_;
  std::string name_;
  std::string value_;
  std::shared_ptr<const Regex> regex_;
};

using Matchers = std::vector<Matcher>;

/// `{a="b", c=~"d"}`.
std::string ToString(std::span<const Matcher> matchers);
/// True when all match.
bool AllMatch(std::span<const Matcher> matchers, LabelsView labels);

}  // namespace thanos::model
