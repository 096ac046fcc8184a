#include "model/matcher.h"

#include <algorithm>
#include <mutex>

#include <re2/re2.h>

#include "base/json_text.h"
#include "model/go_quote.h"
#include "model/regex_shape.h"

namespace thanos::model {

struct Regex::Impl {
  std::string pattern;
  RegexShape shape;
  std::unique_ptr<re2::RE2> re2;  // Null when the shape decides alone.
};

namespace {

std::string_view GoRegexProblem(re2::RE2::ErrorCode code) {
  switch (code) {
    case re2::RE2::ErrorBadEscape:
      return "invalid escape sequence";
    case re2::RE2::ErrorBadCharClass:
      return "invalid character class";
    case re2::RE2::ErrorBadCharRange:
      return "invalid character class range";
    case re2::RE2::ErrorMissingBracket:
      return "missing closing ]";
    case re2::RE2::ErrorMissingParen:
      return "missing closing )";
    case re2::RE2::ErrorUnexpectedParen:
      return "unexpected )";
    case re2::RE2::ErrorTrailingBackslash:
      return "trailing backslash at end of expression";
    case re2::RE2::ErrorRepeatArgument:
      return "missing argument to repetition operator";
    case re2::RE2::ErrorRepeatSize:
      return "invalid repeat count";
    case re2::RE2::ErrorRepeatOp:
      return "invalid nested repetition operator";
    case re2::RE2::ErrorBadPerlOp:
      return "invalid or unsupported Perl syntax";
    case re2::RE2::ErrorBadUTF8:
      return "invalid UTF-8";
    case re2::RE2::ErrorBadNamedCapture:
      return "invalid named capture";
    default:
      return "";
  }
}

// Go's wording. The pattern is compiled alone, so that the piece named is the user's.
std::string GoRegexError(const re2::RE2& wrapped, std::string_view pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  const re2::RE2 bare(std::string(pattern), options);
  const re2::RE2& re2 = bare.ok() ? wrapped : bare;
  const std::string_view problem = GoRegexProblem(re2.error_code());
  if (problem.empty()) return "error parsing regexp: " + re2.error();
  const bool whole = re2.error_code() == re2::RE2::ErrorMissingParen ||
                     re2.error_code() == re2::RE2::ErrorUnexpectedParen;
  return "error parsing regexp: " + std::string(problem) + ": `" +
         (whole ? std::string(pattern) : re2.error_arg()) + "`";
}

// Go 1.22 also takes (?<name>…); RE2 of Debian 12 wants (?P<name>…).
std::string RewriteNamedGroups(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      out.append(pattern.substr(i++, 2));
      continue;
    }
    if (c == '[') in_class = true;
    if (c == ']') in_class = false;
    out += c;
    if (!in_class && c == '(' && pattern.substr(i + 1, 2) == "?<" && i + 3 < pattern.size() &&
        pattern[i + 3] != '=' && pattern[i + 3] != '!') {
      out += "?P<";
      i += 2;
    }
  }
  return out;
}

// Names play no part in matching, and Go takes one name twice where RE2 refuses.
std::string DropGroupNames(std::string_view pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      out.append(pattern.substr(i++, 2));
      continue;
    }
    if (pattern.substr(i, 4) == "(?P<") {
      const size_t end = pattern.find('>', i);
      if (end != std::string_view::npos) {
        out += '(';
        i = end;
        continue;
      }
    }
    out += pattern[i];
  }
  return out;
}

bool UsesRawByte(std::string_view pattern) {
  for (size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] != '\\') continue;
    if (pattern[i + 1] == 'C') return true;
    ++i;
  }
  return false;
}

std::unique_ptr<re2::RE2> CompileRe2(std::string_view pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(64 << 20);
  return std::make_unique<re2::RE2>("^(?s:" + std::string(pattern) + ")$", options);
}

std::string ReplaceInvalidUtf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = base::Utf8RuneLength(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
    } else {
      out.append(text.substr(0, length));
      text.remove_prefix(length);
    }
  }
  return out;
}

}  // namespace

Regex::Regex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Regex::~Regex() = default;

Result<std::shared_ptr<const Regex>> Regex::Compile(std::string_view pattern) {
  auto impl = std::make_unique<Impl>();
  impl->pattern = pattern;
  impl->shape = AnalyseRegex(pattern);
  if (!impl->shape.exact) {
    if (UsesRawByte(pattern)) {
      return InvalidArgumentError("error parsing regexp: invalid escape sequence: `\\C`");
    }
    impl->re2 = CompileRe2(RewriteNamedGroups(pattern));
    if (!impl->re2->ok() && impl->re2->error_code() == re2::RE2::ErrorBadNamedCapture) {
      auto unnamed = CompileRe2(DropGroupNames(RewriteNamedGroups(pattern)));
      const bool duplicate = impl->re2->error().find("duplicate") != std::string::npos;
      if (duplicate && unnamed->ok()) impl->re2 = std::move(unnamed);
    }
    if (!impl->re2->ok()) return InvalidArgumentError(GoRegexError(*impl->re2, pattern));
  }
  return std::shared_ptr<const Regex>(new Regex(std::move(impl)));
}

bool Regex::Matches(std::string_view text) const {
  const RegexShape& shape = impl_->shape;
  switch (shape.kind) {
    case RegexShape::Kind::kAll:
      return true;
    case RegexShape::Kind::kAllButEmpty:
      return !text.empty();
    case RegexShape::Kind::kLiterals:
      return std::binary_search(shape.literals->begin(), shape.literals->end(), text,
                                std::less<>());
    case RegexShape::Kind::kAffixes:
      return shape.MatchesAffixes(text);
    case RegexShape::Kind::kGeneral:
      break;
  }
  if (!text.starts_with(shape.prefix)) return false;
  if (re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *impl_->re2)) return true;
  // Go takes each byte that is not UTF-8 for U+FFFD, RE2 matches nothing there.
  if (base::IsValidUtf8(text)) return false;
  return re2::RE2::PartialMatch(ReplaceInvalidUtf8(text), *impl_->re2);
}

const std::string& Regex::pattern() const { return impl_->pattern; }
const std::optional<std::vector<std::string>>& Regex::literals() const {
  return impl_->shape.literals;
}
std::string_view Regex::prefix() const { return impl_->shape.prefix; }
bool Regex::matches_all() const { return impl_->shape.kind == RegexShape::Kind::kAll; }
bool Regex::matches_all_but_empty() const {
  return impl_->shape.kind == RegexShape::Kind::kAllButEmpty;
}

std::string_view MatchTypeText(MatchType type) {
  constexpr std::string_view kText[] = {"=", "!=", "=~", "!~"};
  return kText[static_cast<size_t>(type)];
}

Result<Matcher> Matcher::Make(MatchType type, std::string name, std::string value) {
  Matcher matcher(type, std::move(name), std::move(value));
  if (type == MatchType::kRegex || type == MatchType::kNotRegex) {
    THANOS_ASSIGN_OR_RETURN(matcher.regex_, Regex::Compile(matcher.value_));
  }
  return matcher;
}

Matcher Matcher::Equal(std::string name, std::string value) {
  return {MatchType::kEqual, std::move(name), std::move(value)};
}

Matcher Matcher::NotEqual(std::string name, std::string value) {
  return {MatchType::kNotEqual, std::move(name), std::move(value)};
}

bool Matcher::Matches(std::string_view value) const {
  switch (type_) {
    case MatchType::kEqual:
      return value == value_;
    case MatchType::kNotEqual:
      return value != value_;
    case MatchType::kRegex:
      return regex_->Matches(value);
    case MatchType::kNotRegex:
      return !regex_->Matches(value);
  }
  return false;
}

Matcher Matcher::Inverse() const {
  constexpr MatchType kInverse[] = {MatchType::kNotEqual, MatchType::kEqual, MatchType::kNotRegex,
                                    MatchType::kRegex};
  Matcher inverse = *this;
  inverse.type_ = kInverse[static_cast<size_t>(type_)];
  return inverse;
}

std::string Matcher::ToString() const {
  std::string text;
  AppendLabelName(name_, &text);
  text.append(MatchTypeText(type_));
  AppendGoQuoted(value_, &text);
  return text;
}

std::string ToString(std::span<const Matcher> matchers) {
  std::string text = "{";
  for (const Matcher& matcher : matchers) {
    if (text.size() > 1) text += ", ";
    text += matcher.ToString();
  }
  return text += '}';
}

bool AllMatch(std::span<const Matcher> matchers, LabelsView labels) {
  return std::all_of(matchers.begin(), matchers.end(),
                     [labels](const Matcher& matcher) { return matcher.Matches(labels); });
}

}  // namespace thanos::model
