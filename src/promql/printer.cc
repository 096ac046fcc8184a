#include "promql/printer.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "base/number_text.h"
#include "base/time_text.h"
#include "model/go_quote.h"
#include "promql/functions.h"

namespace thanos::promql {
namespace {

constexpr size_t kLineMax = 100;

class Printer {
 public:
  explicit Printer(std::string* out) : out_(out) {}

  void Print(const Expr& expr) {
    switch (expr.kind) {
      case ExprKind::kNumber:
        return PrintNumber(As<NumberLiteral>(expr));
      case ExprKind::kString:
        return model::AppendGoQuoted(As<StringLiteral>(expr).value, out_);
      case ExprKind::kVector:
        return PrintVector(As<VectorSelector>(expr));
      case ExprKind::kMatrix:
        return PrintMatrix(As<MatrixSelector>(expr));
      case ExprKind::kSubquery:
        Print(*As<Subquery>(expr).inner);
        return PrintSubquerySuffix(As<Subquery>(expr));
      case ExprKind::kCall:
        return PrintCall(As<Call>(expr));
      case ExprKind::kAggregate:
        return PrintAggregate(As<Aggregate>(expr));
      case ExprKind::kBinary:
        return PrintBinary(As<Binary>(expr));
      case ExprKind::kUnary:
        Put(As<Unary>(expr).negate ? "-" : "+");
        return Print(*As<Unary>(expr).inner);
      case ExprKind::kParen:
        Put("(");
        Print(*As<Paren>(expr).inner);
        return Put(")");
    }
  }

  void PrintSubquerySuffix(const Subquery& subquery) {
    Put("[");
    PrintDuration(subquery.window_ms, subquery.window_expr.get());
    Put(":");
    if (subquery.step_ms != 0 || subquery.step_expr != nullptr) {
      PrintDuration(subquery.step_ms, subquery.step_expr.get());
    }
    Put("]");
    PrintAt(subquery.time);
    PrintOffset(subquery.time);
  }

  void PrintAggregateHead(const Aggregate& aggregate) {
    Put(Spelling(aggregate.op));
    if (aggregate.without || !aggregate.grouping.empty()) {
      Put(aggregate.without ? " without " : " by ");
      PrintLabels(aggregate.grouping);
      Put(" ");
    }
  }

  void PrintOperator(const Binary& binary) {
    Put(Spelling(binary.op));
    if (binary.return_bool) Put(" bool");
    if (!binary.matching) return;
    const Matching& matching = *binary.matching;
    const bool grouped =
        matching.card == Cardinality::kManyToOne || matching.card == Cardinality::kOneToMany;
    if (matching.on || !matching.labels.empty() || grouped) {
      Put(matching.on ? " on " : " ignoring ");
      PrintLabels(matching.labels);
    }
    if (grouped) {
      Put(matching.card == Cardinality::kManyToOne ? " group_left " : " group_right ");
      PrintLabels(matching.include);
    }
    PrintFill(matching);
  }

 private:
  void Put(std::string_view text) { *out_ += text; }

  void PrintNumber(const NumberLiteral& number) {
    if (number.written_as_duration) return PrintSeconds(number.value);
    base::AppendFloatF(number.value, out_);
  }

  void PrintSeconds(double seconds) {
    const double ms = std::trunc(seconds * 1000 + (seconds < 0 ? -1e-6 : 1e-6));
    Put(base::FormatPromDuration(static_cast<int64_t>(ms)));
  }

  void PrintLabels(const std::vector<std::string>& labels) {
    Put("(");
    for (size_t i = 0; i < labels.size(); ++i) {
      if (i > 0) Put(", ");
      model::AppendLabelName(labels[i], out_);
    }
    Put(")");
  }

  void PrintFill(const Matching& matching) {
    const auto value = [this](std::string_view word, double v) {
      Put(" ");
      Put(word);
      Put(" (");
      base::AppendFloatG(v, out_);
      Put(")");
    };
    if (matching.fill_left && matching.fill_right && *matching.fill_left == *matching.fill_right) {
      return value("fill", *matching.fill_left);
    }
    if (matching.fill_left) value("fill_left", *matching.fill_left);
    if (matching.fill_right) value("fill_right", *matching.fill_right);
  }

  void PrintBinary(const Binary& binary) {
    Print(*binary.lhs);
    Put(" ");
    PrintOperator(binary);
    Put(" ");
    Print(*binary.rhs);
  }

  void PrintCall(const Call& call) {
    Put(call.function->name);
    Put("(");
    for (size_t i = 0; i < call.args.size(); ++i) {
      if (i > 0) Put(", ");
      Print(*call.args[i]);
    }
    Put(")");
  }

  void PrintAggregate(const Aggregate& aggregate) {
    PrintAggregateHead(aggregate);
    Put("(");
    if (aggregate.param != nullptr) {
      Print(*aggregate.param);
      Put(", ");
    }
    Print(*aggregate.inner);
    Put(")");
  }

  void PrintSelector(const VectorSelector& selector) {
    Put(selector.name);
    std::vector<std::string> parts;
    for (const model::Matcher& matcher : selector.matchers) {
      const bool is_name = !selector.name.empty() && matcher.name() == kMetricName &&
                           matcher.type() == model::MatchType::kEqual &&
                           matcher.value() == selector.name;
      if (!is_name) parts.push_back(matcher.ToString());
    }
    if (parts.empty()) return;
    std::sort(parts.begin(), parts.end());
    Put("{");
    for (size_t i = 0; i < parts.size(); ++i) {
      if (i > 0) Put(",");
      Put(parts[i]);
    }
    Put("}");
  }

  void PrintAt(const TimeModifiers& time) {
    if (time.at_ms) {
      const int64_t ms = *time.at_ms;
      const uint64_t absolute = ms < 0 ? 0 - static_cast<uint64_t>(ms) : static_cast<uint64_t>(ms);
      const std::string fraction = std::to_string(1000 + absolute % 1000);
      Put(" @ ");
      if (ms < 0) Put("-");
      Put(std::to_string(absolute / 1000));
      Put(".");
      Put(std::string_view(fraction).substr(1));
    } else if (time.anchor != AtAnchor::kNone) {
      Put(time.anchor == AtAnchor::kStart ? " @ start()" : " @ end()");
    }
  }

  void PrintOffset(const TimeModifiers& time) {
    if (time.offset_ms == 0 && time.offset_expr == nullptr) return;
    Put(" offset ");
    PrintDuration(time.offset_ms, time.offset_expr.get());
  }

  void PrintExtension(Extension extension) {
    if (extension == Extension::kAnchored) Put(" anchored");
    if (extension == Extension::kSmoothed) Put(" smoothed");
  }

  void PrintVector(const VectorSelector& selector) {
    PrintSelector(selector);
    PrintAt(selector.time);
    PrintExtension(selector.extension);
    PrintOffset(selector.time);
  }

  void PrintMatrix(const MatrixSelector& matrix) {
    PrintSelector(*matrix.selector);
    Put("[");
    PrintDuration(matrix.window_ms, matrix.window_expr.get());
    Put("]");
    PrintExtension(matrix.selector->extension);
    PrintAt(matrix.selector->time);
    PrintOffset(matrix.selector->time);
  }

  void PrintDuration(int64_t ms, const DurationExpr* expr) {
    if (expr == nullptr) return Put(base::FormatPromDuration(ms));
    PrintDurationExpr(*expr);
  }

  void PrintDurationExpr(const DurationExpr& expr) {
    using Kind = DurationExpr::Kind;
    switch (expr.kind) {
      case Kind::kLiteral:
        if (expr.written_as_duration) return PrintSeconds(expr.seconds);
        return base::AppendFloatF(expr.seconds, out_);
      case Kind::kParen:
        Put("(");
        PrintDurationExpr(*expr.rhs);
        return Put(")");
      case Kind::kNegate:
        Put("-");
        return PrintDurationExpr(*expr.rhs);
      case Kind::kStep:
        return Put("step()");
      case Kind::kRange:
        return Put("range()");
      case Kind::kBinary:
        PrintDurationExpr(*expr.lhs);
        Put(" ");
        Put(Spelling(expr.op));
        Put(" ");
        return PrintDurationExpr(*expr.rhs);
      case Kind::kMaxOf:
      case Kind::kMinOf:
        Put(expr.kind == Kind::kMaxOf ? "max_of(" : "min_of(");
        PrintDurationExpr(*expr.lhs);
        Put(", ");
        PrintDurationExpr(*expr.rhs);
        return Put(")");
    }
  }

  std::string* out_;
};

std::string Indent(size_t level) { return std::string(2 * level, ' '); }

// Lengths are those of the canonical text, printed anew per level: nesting is bounded, and only
// nodes that are split go on.
class PrettyPrinter {
 public:
  static std::string Pretty(const Expr& expr, size_t level) {
    const std::string flat = Print(expr);
    if (flat.size() <= kLineMax) {
      // Without indent: what the reference does.
      return expr.kind == ExprKind::kSubquery ? flat : Indent(level) + flat;
    }
    switch (expr.kind) {
      case ExprKind::kAggregate:
        return PrettyAggregate(As<Aggregate>(expr), level);
      case ExprKind::kBinary:
        return PrettyBinary(As<Binary>(expr), level);
      case ExprKind::kCall:
        return PrettyCall(As<Call>(expr), level);
      case ExprKind::kParen:
        return Indent(level) + "(\n" + Pretty(*As<Paren>(expr).inner, level + 1) + "\n" +
               Indent(level) + ")";
      case ExprKind::kUnary: {
        const std::string inner = Pretty(*As<Unary>(expr).inner, level);
        return Indent(level) + (As<Unary>(expr).negate ? "-" : "+") +
               inner.substr(inner.find_first_not_of(' '));
      }
      case ExprKind::kSubquery: {
        std::string suffix;
        Printer(&suffix).PrintSubquerySuffix(As<Subquery>(expr));
        return Pretty(*As<Subquery>(expr).inner, level) + suffix;
      }
      default:
        return Indent(level) + flat;
    }
  }

 private:
  static std::string PrettyAggregate(const Aggregate& aggregate, size_t level) {
    std::string out = Indent(level);
    Printer(&out).PrintAggregateHead(aggregate);
    out += "(\n";
    if (aggregate.param != nullptr) out += Pretty(*aggregate.param, level + 1) + ",\n";
    return out + Pretty(*aggregate.inner, level + 1) + "\n" + Indent(level) + ")";
  }

  static std::string PrettyBinary(const Binary& binary, size_t level) {
    std::string out = Pretty(*binary.lhs, level + 1) + "\n" + Indent(level);
    Printer(&out).PrintOperator(binary);
    return out + "\n" + Pretty(*binary.rhs, level + 1);
  }

  static std::string PrettyCall(const Call& call, size_t level) {
    std::string out = Indent(level) + std::string(call.function->name) + "(\n";
    for (size_t i = 0; i < call.args.size(); ++i) {
      if (i > 0) out += ",\n";
      out += Pretty(*call.args[i], level + 1);
    }
    return out + "\n" + Indent(level) + ")";
  }
};

}  // namespace

std::string Print(const Expr& expr) {
  std::string out;
  Printer(&out).Print(expr);
  return out;
}

std::string PrettyPrint(const Expr& expr) { return PrettyPrinter::Pretty(expr, 0); }

}  // namespace thanos::promql
