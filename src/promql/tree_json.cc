#include <optional>

#include "base/json_text.h"
#include "base/number_text.h"
#include "promql/functions.h"
#include "promql/printer.h"

namespace thanos::promql {
namespace {

// Keys in alphabetical order, as Go's encoder writes maps.
class TreeWriter {
 public:
  explicit TreeWriter(std::string* out) : out_(out) {}

  void Write(const Expr& expr) {
    switch (expr.kind) {
      case ExprKind::kNumber:
        Put("{\"type\":\"numberLiteral\",\"val\":\"");
        base::AppendFloatF(As<NumberLiteral>(expr).value, out_);
        return Put("\"}");
      case ExprKind::kString:
        Put("{\"type\":\"stringLiteral\",\"val\":");
        Text(As<StringLiteral>(expr).value);
        return Put("}");
      case ExprKind::kVector:
        Selector(As<VectorSelector>(expr), nullptr);
        return Put("\"type\":\"vectorSelector\"}");
      case ExprKind::kMatrix:
        Selector(*As<MatrixSelector>(expr).selector, &As<MatrixSelector>(expr));
        return Put("\"type\":\"matrixSelector\"}");
      case ExprKind::kSubquery:
        return WriteSubquery(As<Subquery>(expr));
      case ExprKind::kCall:
        return WriteCall(As<Call>(expr));
      case ExprKind::kAggregate:
        return WriteAggregate(As<Aggregate>(expr));
      case ExprKind::kBinary:
        return WriteBinary(As<Binary>(expr));
      case ExprKind::kUnary:
        Put("{\"expr\":");
        Write(*As<Unary>(expr).inner);
        return Put(As<Unary>(expr).negate ? ",\"op\":\"-\",\"type\":\"unaryExpr\"}"
                                          : ",\"op\":\"+\",\"type\":\"unaryExpr\"}");
      case ExprKind::kParen:
        Put("{\"expr\":");
        Write(*As<Paren>(expr).inner);
        return Put(",\"type\":\"parenExpr\"}");
    }
  }

 private:
  void Put(std::string_view text) { *out_ += text; }
  void Text(std::string_view text) { base::AppendJsonString(text, out_, true); }
  void Bool(bool value) { Put(value ? "true" : "false"); }

  void Texts(const std::vector<std::string>& texts) {
    Put("[");
    for (size_t i = 0; i < texts.size(); ++i) {
      if (i > 0) Put(",");
      Text(texts[i]);
    }
    Put("]");
  }

  void Offset(const TimeModifiers& time) {
    Put("\"offset\":" + std::to_string(time.offset_ms) + ",\"offsetExpr\":");
    Duration(time.offset_expr.get());
    Put(",");
  }

  void At(const TimeModifiers& time) {
    Put("\"startOrEnd\":");
    Put(time.anchor == AtAnchor::kStart ? "\"start\""
        : time.anchor == AtAnchor::kEnd ? "\"end\""
                                        : "null");
    Put(",");
  }
  void Timestamp(const TimeModifiers& time) {
    Put("\"timestamp\":" + (time.at_ms ? std::to_string(*time.at_ms) : "null") + ",");
  }

  void Range(int64_t ms, const DurationExpr* expr) {
    Put("\"range\":" + std::to_string(ms) + ",\"rangeExpr\":");
    Duration(expr);
    Put(",");
  }

  void Duration(const DurationExpr* expr) {
    using Kind = DurationExpr::Kind;
    if (expr == nullptr) return Put("null");
    if (expr->kind == Kind::kLiteral) {
      Put("{\"type\":\"numberLiteral\",\"val\":\"");
      base::AppendFloatF(expr->seconds, out_);
      return Put("\"}");
    }
    const bool paren = expr->kind == Kind::kParen;
    const DurationExpr* inner = paren ? expr->rhs.get() : expr;
    Put("{\"lhs\":");
    Duration(inner->lhs.get());
    Put(",\"op\":");
    Text(OperatorOf(*inner));
    Put(",\"rhs\":");
    Duration(inner->kind == Kind::kLiteral ? inner : inner->rhs.get());
    Put(",\"type\":\"durationExpr\",\"wrapped\":");
    Bool(paren);
    Put("}");
  }

  static std::string_view OperatorOf(const DurationExpr& expr) {
    switch (expr.kind) {
      case DurationExpr::Kind::kBinary:
        return Spelling(expr.op);
      case DurationExpr::Kind::kNegate:
        return "-";
      case DurationExpr::Kind::kStep:
        return "step";
      case DurationExpr::Kind::kRange:
        return "range";
      case DurationExpr::Kind::kMaxOf:
        return "max_of";
      case DurationExpr::Kind::kMinOf:
        return "min_of";
      default:
        return "";
    }
  }

  void Selector(const VectorSelector& selector, const MatrixSelector* matrix) {
    Put("{\"anchored\":");
    Bool(selector.extension == Extension::kAnchored);
    Put(",\"matchers\":[");
    for (size_t i = 0; i < selector.matchers.size(); ++i) {
      const model::Matcher& matcher = selector.matchers[i];
      Put(i > 0 ? ",{\"name\":" : "{\"name\":");
      Text(matcher.name());
      Put(",\"type\":");
      Text(model::MatchTypeText(matcher.type()));
      Put(",\"value\":");
      Text(matcher.value());
      Put("}");
    }
    Put("],\"name\":");
    Text(selector.name);
    Put(",");
    Offset(selector.time);
    if (matrix != nullptr) Range(matrix->window_ms, matrix->window_expr.get());
    Put("\"smoothed\":");
    Bool(selector.extension == Extension::kSmoothed);
    Put(",");
    At(selector.time);
    Timestamp(selector.time);
  }

  void WriteSubquery(const Subquery& subquery) {
    Put("{\"expr\":");
    Write(*subquery.inner);
    Put(",");
    Offset(subquery.time);
    Range(subquery.window_ms, subquery.window_expr.get());
    At(subquery.time);
    Put("\"step\":" + std::to_string(subquery.step_ms) + ",\"stepExpr\":");
    Duration(subquery.step_expr.get());
    Put(",");
    Timestamp(subquery.time);
    Put("\"type\":\"subquery\"}");
  }

  void WriteCall(const Call& call) {
    const FunctionSignature& function = *call.function;
    Put("{\"args\":[");
    for (size_t i = 0; i < call.args.size(); ++i) {
      if (i > 0) Put(",");
      Write(*call.args[i]);
    }
    Put("],\"func\":{\"argTypes\":[");
    for (size_t i = 0; i < function.args.size(); ++i) {
      if (i > 0) Put(",");
      Text(ValueTypeName(function.args[i]));
    }
    Put("],\"name\":");
    Text(function.name);
    Put(",\"returnType\":");
    Text(ValueTypeName(function.result));
    Put(",\"variadic\":" + std::to_string(function.variadic) + "},\"type\":\"call\"}");
  }

  void WriteAggregate(const Aggregate& aggregate) {
    Put("{\"expr\":");
    Write(*aggregate.inner);
    Put(",\"grouping\":");
    Texts(aggregate.grouping);
    Put(",\"op\":");
    Text(Spelling(aggregate.op));
    Put(",\"param\":");
    if (aggregate.param != nullptr) {
      Write(*aggregate.param);
    } else {
      Put("null");
    }
    Put(",\"type\":\"aggregation\",\"without\":");
    Bool(aggregate.without);
    Put("}");
  }

  void Fill(const std::optional<double>& value) {
    if (!value) return Put("null");
    base::AppendFloatG(*value, out_);
  }

  void WriteMatching(const Matching& matching) {
    constexpr std::string_view kCards[] = {"one-to-one", "many-to-one", "one-to-many",
                                           "many-to-many"};
    Put("{\"card\":");
    Text(kCards[static_cast<int>(matching.card)]);
    Put(",\"fillValues\":{\"lhs\":");
    Fill(matching.fill_left);
    Put(",\"rhs\":");
    Fill(matching.fill_right);
    Put("},\"include\":");
    Texts(matching.include);
    Put(",\"labels\":");
    Texts(matching.labels);
    Put(",\"on\":");
    Bool(matching.on);
    Put("}");
  }

  void WriteBinary(const Binary& binary) {
    Put("{\"bool\":");
    Bool(binary.return_bool);
    Put(",\"lhs\":");
    Write(*binary.lhs);
    Put(",\"matching\":");
    if (binary.matching) {
      WriteMatching(*binary.matching);
    } else {
      Put("null");
    }
    Put(",\"op\":");
    Text(Spelling(binary.op));
    Put(",\"rhs\":");
    Write(*binary.rhs);
    Put(",\"type\":\"binaryExpr\"}");
  }

  std::string* out_;
};

}  // namespace

std::string PrintTreeJson(const Expr& expr) {
  std::string out;
  TreeWriter(&out).Write(expr);
  return out;
}

}  // namespace thanos::promql
