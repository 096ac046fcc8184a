// Tokens of PromQL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace thanos::promql {

enum class TokenKind : uint8_t {
  kEof,
  kError,
  kIdentifier,
  kMetricIdentifier,
  kNumber,
  kDuration,
  kString,
  kLeftParen,
  kRightParen,
  kLeftBrace,
  kRightBrace,
  kLeftBracket,
  kRightBracket,
  kComma,
  kColon,
  kEqual,
  // Operators.
  kAt,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kAtan2,
  kEqualEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kTrimUpper,  // </
  kTrimLower,  // >/
  kRegexMatch,
  kRegexNoMatch,
  kAnd,
  kOr,
  kUnless,
  // Aggregators.
  kSum,
  kAvg,
  kCount,
  kMin,
  kMax,
  kGroup,
  kStddev,
  kStdvar,
  kTopk,
  kBottomk,
  kCountValues,
  kQuantile,
  kLimitk,
  kLimitRatio,
  // Keywords.
  kOffset,
  kSmoothed,
  kAnchored,
  kBy,
  kWithout,
  kOn,
  kIgnoring,
  kGroupLeft,
  kGroupRight,
  kFill,
  kFillLeft,
  kFillRight,
  kBool,
  // Words that are also functions.
  kStart,
  kEnd,
  kStep,
  kRange,
  kMaxOf,
  kMinOf,
};

/// A piece of the source; for kError, `text` is the message.
struct Token {
  TokenKind kind = TokenKind::kEof;
  uint32_t begin = 0;
  std::string_view text;

  uint32_t end() const { return begin + static_cast<uint32_t>(text.size()); }
};

inline bool IsOperator(TokenKind kind) {
  return kind >= TokenKind::kAt && kind <= TokenKind::kUnless;
}
inline bool IsAggregator(TokenKind kind) {
  return kind >= TokenKind::kSum && kind <= TokenKind::kLimitRatio;
}
inline bool IsKeyword(TokenKind kind) {
  return kind >= TokenKind::kOffset && kind <= TokenKind::kBool;
}
inline bool IsFunctionWord(TokenKind kind) { return kind >= TokenKind::kStart; }
inline bool IsSetOperator(TokenKind kind) {
  return kind == TokenKind::kAnd || kind == TokenKind::kOr || kind == TokenKind::kUnless;
}
/// == != < <= > >=
inline bool IsComparison(TokenKind kind) {
  return kind >= TokenKind::kEqualEqual && kind <= TokenKind::kGreaterEqual;
}
inline bool IsTrim(TokenKind kind) {
  return kind == TokenKind::kTrimUpper || kind == TokenKind::kTrimLower;
}
/// limitk, limit_ratio, topk, bottomk, quantile, count_values.
bool TakesParameter(TokenKind aggregator);

inline bool IsSign(TokenKind kind) { return kind == TokenKind::kAdd || kind == TokenKind::kSub; }

inline constexpr int kUnaryLevel = 5;  // That of `*`: -2^2 is -(2^2).
inline constexpr int kPowLevel = 6;
/// Precedence of a binary operator, low to high; 0 for all else.
int LevelOf(TokenKind kind);
/// Also keywords that may be the name of a metric.
bool NamesMetric(TokenKind kind);
/// Also keywords that may be a label in by(), on() and the like.
bool NamesLabel(TokenKind kind);
bool StartsExpr(TokenKind kind);

/// How the kind is spelled: "+", "sum", "group_left".
std::string_view Spelling(TokenKind kind);
/// How errors name a token: `<op:+>`, `identifier "x"`, `end of input`.
std::string Describe(const Token& token);

}  // namespace thanos::promql
