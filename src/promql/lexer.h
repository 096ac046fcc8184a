// Text to tokens, one at a time.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "promql/token.h"

namespace thanos::promql {

/// Tokens borrow from the input, which must live as long; messages of errors live in the lexer.
class Lexer {
 public:
  explicit Lexer(std::string_view input) : input_(input) {}

  /// The next token; after kEof or kError the same again.
  Token Next();

 private:
  Token Scan();
  Token ScanStatement(char c);
  Token ScanInBraces();
  Token ScanInBrackets();
  Token ScanColon();
  Token ScanBracketWord(bool in_expression);
  Token ScanWord();
  Token ScanNumberOrDuration();
  bool ScanNumber();
  bool ScanDurationRest();
  Token ScanString(char quote);
  Token ScanRawString();
  std::optional<Token> ScanEscape();
  Token ScanOperator(char c);
  Token CloseParen();

  void SkipBlanks();
  bool AtEnd() const { return at_ >= input_.size(); }
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < input_.size() ? input_[at_ + ahead] : '\0';
  }
  bool Accept(std::string_view set);
  Token Emit(TokenKind kind) const {
    return {kind, static_cast<uint32_t>(begin_), input_.substr(begin_, at_ - begin_)};
  }
  Token Fail(std::string message);
  /// Takes the rune at the cursor and quotes it as Go's %q does.
  std::string TakeQuotedRune();

  std::string_view input_;
  size_t begin_ = 0;
  size_t at_ = 0;
  int paren_depth_ = 0;
  bool in_braces_ = false;
  bool in_brackets_ = false;
  bool duration_expected_ = false;  // In brackets: right after `[`, an operator or `(`.
  bool seen_duration_ = false;
  bool seen_colon_ = false;
  std::optional<Token> final_;
  std::string message_;
};

/// Value of a string token: escapes resolved, quotes removed. The token must come from the lexer.
std::string Unquote(std::string_view token_text);

}  // namespace thanos::promql
