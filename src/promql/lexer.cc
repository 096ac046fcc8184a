#include "promql/lexer.h"

#include <array>
#include <cstdint>
#include <utility>

#include "base/json_text.h"
#include "model/go_quote.h"

namespace thanos::promql {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsAlphaNumeric(char c) { return IsAlpha(c) || IsDigit(c); }

struct Word {
  std::string_view text;
  TokenKind kind;
};

constexpr std::array kWords = {
    Word{"and", TokenKind::kAnd},
    Word{"or", TokenKind::kOr},
    Word{"unless", TokenKind::kUnless},
    Word{"atan2", TokenKind::kAtan2},
    Word{"sum", TokenKind::kSum},
    Word{"avg", TokenKind::kAvg},
    Word{"count", TokenKind::kCount},
    Word{"min", TokenKind::kMin},
    Word{"max", TokenKind::kMax},
    Word{"group", TokenKind::kGroup},
    Word{"stddev", TokenKind::kStddev},
    Word{"stdvar", TokenKind::kStdvar},
    Word{"topk", TokenKind::kTopk},
    Word{"bottomk", TokenKind::kBottomk},
    Word{"count_values", TokenKind::kCountValues},
    Word{"quantile", TokenKind::kQuantile},
    Word{"limitk", TokenKind::kLimitk},
    Word{"limit_ratio", TokenKind::kLimitRatio},
    Word{"offset", TokenKind::kOffset},
    Word{"smoothed", TokenKind::kSmoothed},
    Word{"anchored", TokenKind::kAnchored},
    Word{"by", TokenKind::kBy},
    Word{"without", TokenKind::kWithout},
    Word{"on", TokenKind::kOn},
    Word{"ignoring", TokenKind::kIgnoring},
    Word{"group_left", TokenKind::kGroupLeft},
    Word{"group_right", TokenKind::kGroupRight},
    Word{"fill", TokenKind::kFill},
    Word{"fill_left", TokenKind::kFillLeft},
    Word{"fill_right", TokenKind::kFillRight},
    Word{"bool", TokenKind::kBool},
    Word{"start", TokenKind::kStart},
    Word{"end", TokenKind::kEnd},
    Word{"step", TokenKind::kStep},
    Word{"range", TokenKind::kRange},
    Word{"max_of", TokenKind::kMaxOf},
    Word{"min_of", TokenKind::kMinOf},
    Word{"inf", TokenKind::kNumber},
    Word{"nan", TokenKind::kNumber},
};
constexpr size_t kLongestWord = 12;  // count_values

TokenKind KeywordKind(std::string_view word) {
  if (word.size() > kLongestWord) return TokenKind::kIdentifier;
  char lower[kLongestWord];
  for (size_t i = 0; i < word.size(); ++i) {
    lower[i] = word[i] >= 'A' && word[i] <= 'Z' ? static_cast<char>(word[i] + 32) : word[i];
  }
  const std::string_view folded(lower, word.size());
  for (const Word& candidate : kWords) {
    if (candidate.text == folded) return candidate.kind;
  }
  return TokenKind::kIdentifier;
}

std::string QuoteRune(std::string_view rune) {
  if (rune == "'") return "'\\''";
  if (rune == "\"") return "'\"'";
  std::string quoted = model::GoQuoted(rune);
  quoted.front() = '\'';
  quoted.back() = '\'';
  return quoted;
}

}  // namespace

Token Lexer::Fail(std::string message) {
  message_ = std::move(message);
  return {TokenKind::kError, static_cast<uint32_t>(begin_), message_};
}

std::string Lexer::TakeQuotedRune() {
  if (AtEnd()) return "'\xef\xbf\xbd'";
  const size_t length = base::Utf8RuneLength(input_.substr(at_));
  const std::string_view rune = input_.substr(at_, length == 0 ? 1 : length);
  at_ += rune.size();
  return length == 0 ? "'\xef\xbf\xbd'" : QuoteRune(rune);
}

bool Lexer::Accept(std::string_view set) {
  if (AtEnd() || set.find(input_[at_]) == std::string_view::npos) return false;
  ++at_;
  return true;
}

void Lexer::SkipBlanks() {
  while (!AtEnd()) {
    if (IsSpace(Peek())) {
      ++at_;
    } else if (Peek() == '#' && !duration_expected_) {
      while (!AtEnd() && Peek() != '\n' && Peek() != '\r') ++at_;
    } else {
      return;
    }
  }
}

Token Lexer::Next() {
  if (final_) return *final_;
  const Token token = Scan();
  if (token.kind == TokenKind::kEof || token.kind == TokenKind::kError) final_ = token;
  return token;
}

Token Lexer::Scan() {
  SkipBlanks();
  begin_ = at_;
  if (in_braces_) return ScanInBraces();
  if (duration_expected_) return ScanInBrackets();
  if (AtEnd()) {
    if (paren_depth_ != 0) return Fail("unclosed left parenthesis");
    if (in_brackets_) return Fail("unclosed left bracket");
    return Emit(TokenKind::kEof);
  }
  return ScanStatement(Peek());
}

Token Lexer::ScanStatement(char c) {
  if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return ScanNumberOrDuration();
  if (in_brackets_) {
    if (c == ':') return ScanColon();
    if (IsAlpha(c)) return ScanBracketWord(/*in_expression=*/false);
  }
  if (IsAlpha(c) || c == ':') return ScanWord();
  switch (c) {
    case '"':
    case '\'':
      return ScanString(c);
    case '`':
      return ScanRawString();
    case ',':
      ++at_;
      return Emit(TokenKind::kComma);
    case '@':
      ++at_;
      return Emit(TokenKind::kAt);
    case '(':
      ++at_;
      ++paren_depth_;
      return Emit(TokenKind::kLeftParen);
    case ')':
      return CloseParen();
    case '{':
      ++at_;
      in_braces_ = true;
      return Emit(TokenKind::kLeftBrace);
    case '[':
      if (in_brackets_) return Fail("unexpected left bracket " + TakeQuotedRune());
      ++at_;
      in_brackets_ = duration_expected_ = true;
      seen_duration_ = seen_colon_ = false;
      return Emit(TokenKind::kLeftBracket);
    case ']':
      if (!in_brackets_) return Fail("unexpected right bracket " + TakeQuotedRune());
      ++at_;
      in_brackets_ = false;
      return Emit(TokenKind::kRightBracket);
    default:
      return ScanOperator(c);
  }
}

Token Lexer::CloseParen() {
  ++at_;
  if (--paren_depth_ < 0) {
    begin_ = at_;  // The reference reports the place behind it.
    return Fail("unexpected right parenthesis ')'");
  }
  return Emit(TokenKind::kRightParen);
}

Token Lexer::ScanOperator(char c) {
  const auto take = [this](size_t length, TokenKind kind) {
    at_ += length;
    if (in_brackets_) duration_expected_ = true;
    return Emit(kind);
  };
  const char next = Peek(1);
  switch (c) {
    case '+':
      return take(1, TokenKind::kAdd);
    case '-':
      return take(1, TokenKind::kSub);
    case '*':
      return take(1, TokenKind::kMul);
    case '/':
      return take(1, TokenKind::kDiv);
    case '%':
      return take(1, TokenKind::kMod);
    case '^':
      return take(1, TokenKind::kPow);
    case '=':
      if (next == '=') return take(2, TokenKind::kEqualEqual);
      if (next == '~') return Fail("unexpected character after '=': '~'");
      return take(1, TokenKind::kEqual);
    case '!':
      if (next == '=') return take(2, TokenKind::kNotEqual);
      ++at_;
      return Fail("unexpected character after '!': " + TakeQuotedRune());
    case '<':
      if (next == '=') return take(2, TokenKind::kLessEqual);
      return next == '/' ? take(2, TokenKind::kTrimUpper) : take(1, TokenKind::kLess);
    case '>':
      if (next == '=') return take(2, TokenKind::kGreaterEqual);
      return next == '/' ? take(2, TokenKind::kTrimLower) : take(1, TokenKind::kGreater);
    default:
      return Fail("unexpected character: " + TakeQuotedRune());
  }
}

Token Lexer::ScanInBraces() {
  if (AtEnd()) return Fail("unexpected end of input inside braces");
  const char c = Peek();
  if (IsAlpha(c)) {
    while (IsAlphaNumeric(Peek())) ++at_;
    return Emit(TokenKind::kIdentifier);
  }
  switch (c) {
    case ',':
      ++at_;
      return Emit(TokenKind::kComma);
    case '"':
    case '\'':
      return ScanString(c);
    case '`':
      return ScanRawString();
    case '=':
      ++at_;
      if (Accept("~")) return Emit(TokenKind::kRegexMatch);
      return Emit(TokenKind::kEqual);
    case '!':
      ++at_;
      if (Accept("~")) return Emit(TokenKind::kRegexNoMatch);
      if (Accept("=")) return Emit(TokenKind::kNotEqual);
      return Fail("unexpected character after '!' inside braces: " + TakeQuotedRune());
    case '{':
      return Fail("unexpected left brace '{'");
    case '}':
      ++at_;
      in_braces_ = false;
      return Emit(TokenKind::kRightBrace);
    default:
      return Fail("unexpected character inside braces: " + TakeQuotedRune());
  }
}

// After `[`, an operator, a comma or a parenthesis in brackets. After a number or duration the
// brackets are scanned like a statement, which is what the reference does.
Token Lexer::ScanInBrackets() {
  if (AtEnd()) return Fail("unexpected end of input in duration expression");
  const char c = Peek();
  if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) {
    seen_duration_ = true;
    duration_expected_ = false;
    return ScanNumberOrDuration();
  }
  switch (c) {
    case ']':
      ++at_;
      in_brackets_ = duration_expected_ = false;
      return Emit(TokenKind::kRightBracket);
    case ':': {
      ++at_;
      const Token colon = Emit(TokenKind::kColon);
      begin_ = at_;
      if (!seen_duration_) return Fail("unexpected colon before duration in duration expression");
      if (seen_colon_) return Fail("unexpected repeated colon in duration expression");
      seen_colon_ = true;
      return colon;
    }
    case '(':
      ++at_;
      ++paren_depth_;
      return Emit(TokenKind::kLeftParen);
    case ')':
      return CloseParen();
    case ',':
      ++at_;
      return Emit(TokenKind::kComma);
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
    case '^':
      return ScanOperator(c);
    default:
      return ScanBracketWord(/*in_expression=*/true);
  }
}

Token Lexer::ScanColon() {
  if (seen_colon_) return Fail("unexpected colon " + TakeQuotedRune());
  ++at_;
  seen_colon_ = true;
  return Emit(TokenKind::kColon);
}

// step, range, max_of, min_of.
Token Lexer::ScanBracketWord(bool in_expression) {
  const size_t before = at_;
  while (IsAlphaNumeric(Peek())) ++at_;
  const TokenKind kind = KeywordKind(input_.substr(before, at_ - before));
  if (kind == TokenKind::kStep || kind == TokenKind::kRange || kind == TokenKind::kMaxOf ||
      kind == TokenKind::kMinOf) {
    if (kind == TokenKind::kStep || kind == TokenKind::kRange) seen_duration_ = true;
    duration_expected_ = true;
    return Emit(kind);
  }
  at_ = before;
  if (in_expression)
    return Fail("unexpected character in duration expression: " + TakeQuotedRune());
  return Fail("unexpected character: " + TakeQuotedRune() + ", expected ':'");
}

Token Lexer::ScanWord() {
  bool colon = false;
  for (; IsAlphaNumeric(Peek()) || Peek() == ':'; ++at_) colon |= Peek() == ':';
  if (colon) return Emit(TokenKind::kMetricIdentifier);
  const TokenKind kind = KeywordKind(input_.substr(begin_, at_ - begin_));
  if (kind == TokenKind::kFill || kind == TokenKind::kFillLeft || kind == TokenKind::kFillRight) {
    // Only in front of a parenthesis; metrics of that name exist.
    size_t next = at_;
    while (next < input_.size() && IsSpace(input_[next])) ++next;
    if (next == input_.size() || input_[next] != '(') return Emit(TokenKind::kIdentifier);
  }
  return Emit(kind);
}

Token Lexer::ScanNumberOrDuration() {
  if (ScanNumber()) return Emit(TokenKind::kNumber);
  if (ScanDurationRest()) return Emit(TokenKind::kDuration);
  return Fail("bad number or duration syntax: " +
              model::GoQuoted(input_.substr(begin_, at_ - begin_)));
}

// What it took of the input shows in the message of a failure, hence the care about the cursor.
bool Lexer::ScanNumber() {
  const size_t start = at_;
  std::string_view digits = "0123456789";
  if (Accept("0") && Accept("xX")) {
    digits = "0123456789abcdefABCDEF";
    Accept("_");
  }
  const bool hex = digits.size() > 10;
  bool dot = false;  // A leading one does not count, as in the reference.
  bool exponent = false;
  Accept(".");
  Accept(digits);
  while (!AtEnd()) {
    const char c = Peek();
    if (c == '.') {
      ++at_;
      if (std::exchange(dot, true)) return false;
      if (Accept("_.") || hex) return false;
    } else if (c == 'e' || c == 'E') {
      ++at_;
      if (std::exchange(exponent, true)) return false;
      Accept("+-");
      if (Accept("._eE") || AtEnd()) return false;
    } else if (c == '_') {
      ++at_;
      if (Accept("._eE") || AtEnd()) return false;
    } else if (digits.find(c) != std::string_view::npos) {
      while (Accept(digits)) {
      }
    } else {
      break;
    }
  }
  return at_ != start && !IsAlphaNumeric(Peek());
}

bool Lexer::ScanDurationRest() {
  if (!Accept("smhdwy")) return false;
  Accept("s");
  while (Accept("0123456789")) {
    while (Accept("0123456789")) {
    }
    if (!Accept("smhdw")) return false;
    Accept("s");
  }
  if (!IsAlphaNumeric(Peek())) return true;
  ++at_;
  return false;
}

}  // namespace thanos::promql
