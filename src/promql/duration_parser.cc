// Durations, and expressions of them.
#include <cmath>

#include "promql/expression_parser.h"

namespace thanos::promql {

bool SecondsToMs(double seconds, int64_t* ms) {
  const double ns = std::round(seconds * 1e9);
  if (!(std::fabs(ns) < 9223372036854775808.0)) return false;
  *ms = static_cast<int64_t>(ns) / 1000000;
  return true;
}

void Parser::Settle(std::unique_ptr<DurationExpr> duration, int64_t* ms,
                    std::unique_ptr<DurationExpr>* expr) {
  if (duration == nullptr) return;
  if (duration->kind == DurationExpr::Kind::kLiteral) {
    if (!SecondsToMs(duration->seconds, ms)) {
      Record(duration->range.begin, "duration out of range");
    }
    return;
  }
  if (!options_.duration_expressions) {
    Record(duration->range.begin, "experimental duration expression is not enabled");
  }
  *expr = std::move(duration);
}

std::unique_ptr<DurationExpr> Parser::ParsePositiveDuration() {
  std::unique_ptr<DurationExpr> duration = ParseDuration(1);
  if (failed_) return nullptr;
  if (duration->kind == DurationExpr::Kind::kLiteral && !(duration->seconds > 0)) {
    Record(duration->range.begin, "duration must be greater than 0");
  }
  return duration;
}

std::unique_ptr<DurationExpr> Parser::ParseOffsetDuration() {
  if (Kind() == TokenKind::kLeftParen) return ParseDuration(1);
  if (!IsSign(Kind())) return ParseDurationTerm();
  const Token sign = Take();
  if (!IsSign(Kind())) {
    std::unique_ptr<DurationExpr> term = ParseDurationTerm();
    return failed_ ? nullptr : Signed(sign, std::move(term));
  }
  std::unique_ptr<DurationExpr> inner = ParseDuration(kUnaryLevel + 1);
  if (failed_) return nullptr;
  return ParseDurationRest(Signed(sign, std::move(inner)), 1);
}

std::unique_ptr<DurationExpr> Parser::MakeDuration(DurationExpr::Kind kind, size_t begin) {
  auto node = std::make_unique<DurationExpr>();
  node->kind = kind;
  node->range = {static_cast<uint32_t>(begin), last_end_};
  return node;
}

std::unique_ptr<DurationExpr> Parser::Signed(const Token& sign,
                                             std::unique_ptr<DurationExpr> inner) {
  const bool negative = sign.kind == TokenKind::kSub;
  if (inner->kind == DurationExpr::Kind::kLiteral) {
    if (negative) inner->seconds = -inner->seconds;
    inner->range.begin = sign.begin;
    return inner;
  }
  if (!negative) return inner;
  auto node = MakeDuration(DurationExpr::Kind::kNegate, sign.begin);
  node->rhs = std::move(inner);
  return node;
}

std::unique_ptr<DurationExpr> Parser::ParseDuration(int least_level) {
  if (++nesting_ > kNestingMax) {
    --nesting_;
    return TooDeep(Current().begin);
  }
  std::unique_ptr<DurationExpr> lhs;
  if (IsSign(Kind())) {
    const Token sign = Take();
    lhs = ParseDuration(kUnaryLevel + 1);
    if (!failed_) lhs = Signed(sign, std::move(lhs));
  } else {
    lhs = ParseDurationTerm();
  }
  if (!failed_) lhs = ParseDurationRest(std::move(lhs), least_level);
  --nesting_;
  return failed_ ? nullptr : std::move(lhs);
}

std::unique_ptr<DurationExpr> Parser::ParseDurationRest(std::unique_ptr<DurationExpr> lhs,
                                                        int least_level) {
  // Chains make the tree as deep as they are long.
  for (size_t length = 0; !failed_; ++length) {
    const TokenKind kind = Kind();
    const int level = IsOperator(kind) && kind != TokenKind::kAtan2 ? LevelOf(kind) : 0;
    if (level < 4 || level < least_level) break;
    const Token op = Take();
    std::unique_ptr<DurationExpr> rhs = ParseDuration(level == kPowLevel ? level : level + 1);
    if (failed_) return nullptr;
    if (length >= kNestingMax) return TooDeep(op.begin);
    if ((op.kind == TokenKind::kDiv || op.kind == TokenKind::kMod) &&
        rhs->kind == DurationExpr::Kind::kLiteral && rhs->seconds == 0) {
      Record(op.begin, op.kind == TokenKind::kDiv ? "division by zero" : "modulo by zero");
    }
    auto node = MakeDuration(DurationExpr::Kind::kBinary, lhs->range.begin);
    node->op = op.kind;
    node->lhs = std::move(lhs);
    node->rhs = std::move(rhs);
    lhs = std::move(node);
  }
  return failed_ ? nullptr : std::move(lhs);
}

std::unique_ptr<DurationExpr> Parser::ParseDurationTerm() {
  using Kind_ = DurationExpr::Kind;
  const Token token = Current();
  switch (token.kind) {
    case TokenKind::kNumber:
    case TokenKind::kDuration: {
      Take();
      auto node = MakeDuration(Kind_::kLiteral, token.begin);
      node->seconds = NumberOf(token);
      node->written_as_duration = token.kind == TokenKind::kDuration;
      return node;
    }
    case TokenKind::kLeftParen: {
      Take();
      std::unique_ptr<DurationExpr> inner = ParseDuration(1);
      if (failed_ || !Need(TokenKind::kRightParen)) return nullptr;
      if (inner->kind == Kind_::kParen) return inner;
      auto node = MakeDuration(Kind_::kParen, token.begin);
      node->rhs = std::move(inner);
      return node;
    }
    case TokenKind::kStep:
    case TokenKind::kRange: {
      Take();
      if (!Need(TokenKind::kLeftParen) || !Need(TokenKind::kRightParen)) return nullptr;
      return MakeDuration(token.kind == TokenKind::kStep ? Kind_::kStep : Kind_::kRange,
                          token.begin);
    }
    case TokenKind::kMaxOf:
    case TokenKind::kMinOf: {
      Take();
      if (!Need(TokenKind::kLeftParen)) return nullptr;
      std::unique_ptr<DurationExpr> first = ParseDuration(1);
      if (failed_ || !Need(TokenKind::kComma)) return nullptr;
      std::unique_ptr<DurationExpr> second = ParseDuration(1);
      if (failed_ || !Need(TokenKind::kRightParen)) return nullptr;
      auto node = MakeDuration(token.kind == TokenKind::kMaxOf ? Kind_::kMaxOf : Kind_::kMinOf,
                               token.begin);
      node->lhs = std::move(first);
      node->rhs = std::move(second);
      return node;
    }
    default:
      return Unexpected();
  }
}

}  // namespace thanos::promql
