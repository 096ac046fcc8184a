// What the parser sees of the lexer, and where its errors gather.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "promql/lexer.h"
#include "promql/parser.h"
#include "promql/token.h"
#include "thanos/status.h"

namespace thanos::promql {

/// One token of look-ahead. The first error recorded is the one reported. Tokens are fetched only
/// when they are looked at, so that errors of lexing come in the reference's order.
class TokenStream {
 protected:
  explicit TokenStream(std::string_view text) : text_(text), lexer_(text) {}

  // What errors say about the construct that surrounds the token.
  struct Context {
    std::string_view in;
    std::string_view expected;
  };
  class ContextScope {
   public:
    ContextScope(TokenStream* parser, Context context)
        : parser_(parser), before_(std::exchange(parser->context_, context)) {}
    ~ContextScope() { parser_->context_ = before_; }
    ContextScope(const ContextScope&) = delete;

   private:
    TokenStream* parser_;
    Context before_;
  };

  // Tokens.

  const Token& Current() {
    if (!fetched_) {
      current_ = lexer_.Next();
      fetched_ = true;
      if (current_.kind == TokenKind::kError) {
        Record(current_.begin, std::string(current_.text));
        failed_ = true;
        current_.kind = TokenKind::kEof;
      }
    }
    return current_;
  }
  TokenKind Kind() { return Current().kind; }
  Token Take() {
    const Token token = Current();
    fetched_ = false;
    last_end_ = token.end();
    return token;
  }
  bool TakeIf(TokenKind kind) {
    if (Kind() != kind) return false;
    Take();
    return true;
  }

  // Errors.

  void Record(size_t at, std::string text) {
    if (std::exchange(has_error_, true)) return;
    error_ = LineAndColumn(text_, at) + ": parse error: " + std::move(text);
  }
  Status ErrorStatus() const { return InvalidArgumentError(error_); }

  std::nullptr_t Unexpected(std::string_view in, std::string_view expected) {
    const Token& token = Current();
    if (!failed_) {
      std::string text = "unexpected " + Describe(token);
      if (!in.empty()) text.append(" in ").append(in);
      if (!expected.empty()) text.append(", expected ").append(expected);
      Record(token.begin, std::move(text));
      failed_ = true;
    }
    return nullptr;
  }
  std::nullptr_t Unexpected() { return Unexpected(context_.in, context_.expected); }
  bool Need(TokenKind kind) {
    if (TakeIf(kind)) return true;
    Unexpected();
    return false;
  }

  const std::string_view text_;
  Lexer lexer_;
  Token current_;
  bool fetched_ = false;
  uint32_t last_end_ = 0;
  Context context_;
  bool failed_ = false;
  bool has_error_ = false;
  std::string error_;
};

}  // namespace thanos::promql
