#include "promql/parser.h"

#include <chrono>
#include <string>

#include "promql/functions.h"
#include "promql/printer.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::promql {
namespace {

using testing::ReadJsonLines;
using testing::SharedPath;
using testing::StatusIs;

ParserOptions AllOn() {
  ParserOptions options;
  options.experimental_functions = true;
  options.extended_range_selectors = true;
  options.fill_modifiers = true;
  return options;
}

// The shape of a tree as parse.jsonl writes it.
std::string Shape(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNumber:
      return "n";
    case ExprKind::kString:
      return "s";
    case ExprKind::kVector:
      return "v";
    case ExprKind::kMatrix:
      return "m";
    case ExprKind::kSubquery:
      return "(q " + Shape(*As<Subquery>(expr).inner) + ")";
    case ExprKind::kParen:
      return "(p " + Shape(*As<Paren>(expr).inner) + ")";
    case ExprKind::kUnary:
      return std::string("(u ") + (As<Unary>(expr).negate ? "- " : "+ ") +
             Shape(*As<Unary>(expr).inner) + ")";
    case ExprKind::kBinary: {
      const Binary& binary = As<Binary>(expr);
      return "(b " + std::string(Spelling(binary.op)) + " " + Shape(*binary.lhs) + " " +
             Shape(*binary.rhs) + ")";
    }
    case ExprKind::kCall: {
      std::string out = "(c " + std::string(As<Call>(expr).function->name);
      for (const ExprPtr& arg : As<Call>(expr).args) out += " " + Shape(*arg);
      return out + ")";
    }
    case ExprKind::kAggregate: {
      const Aggregate& aggregate = As<Aggregate>(expr);
      std::string out = "(a " + std::string(Spelling(aggregate.op));
      if (aggregate.param != nullptr) out += " " + Shape(*aggregate.param);
      return out + " " + Shape(*aggregate.inner) + ")";
    }
  }
  return "";
}

TEST(Parser, AgreesWithTheReferenceOnEveryCase) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/parse.jsonl");
  for (const nlohmann::json& row : ReadJsonLines(SharedPath("conformance/parse.jsonl"))) {
    const std::string text = row.at("expr");
    SCOPED_TRACE(text);
    const Result<ExprPtr> parsed = Parse(text, row.at("opts") == "all" ? AllOn() : ParserOptions{});
    ASSERT_EQ(parsed.ok(), row.at("ok").get<bool>()) << parsed.status().ToString();
    if (!parsed.ok()) {
      EXPECT_EQ(parsed.status().message(), row.at("error").get<std::string>());
      continue;
    }
    const Expr& expr = **parsed;
    const std::string printed = Print(expr);
    EXPECT_EQ(printed, row.at("printed").get<std::string>());
    EXPECT_EQ(PrettyPrint(expr), row.value("pretty", printed));
    EXPECT_EQ(ValueTypeName(expr.type), row.at("type").get<std::string>());
    if (row.contains("tree")) {
      EXPECT_EQ(Shape(expr), row.at("tree").get<std::string>());
    }
  }
}

TEST(Printer, AgreesWithTheReferenceOnEveryVector) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/printer.jsonl");
  for (const nlohmann::json& row : ReadJsonLines(SharedPath("conformance/vectors/printer.jsonl"))) {
    const std::string text = testing::TextOf(row.at("expr"));
    SCOPED_TRACE(text);
    const Result<ExprPtr> parsed = Parse(text, {});
    ASSERT_EQ(parsed.ok(), !row.contains("error")) << parsed.status().ToString();
    if (!parsed.ok()) {
      EXPECT_EQ(parsed.status().message(), row.at("error").get<std::string>());
      continue;
    }
    EXPECT_EQ(Print(**parsed), testing::TextOf(row.at("printed")));
    EXPECT_EQ(PrettyPrint(**parsed), testing::TextOf(row.at("pretty")));
    EXPECT_EQ(ValueTypeName((*parsed)->type), row.at("type").get<std::string>());
    EXPECT_EQ(nlohmann::json::parse(PrintTreeJson(**parsed)), row.at("tree"));
  }
}

TEST(Printer, WritesNumbersAsTheReference) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/numbers.jsonl");
  for (const nlohmann::json& row : ReadJsonLines(SharedPath("conformance/vectors/numbers.jsonl"))) {
    if (!row.contains("promql")) continue;
    const nlohmann::json& wanted = row.at("promql");
    if (row.at("kind") == "format") {
      NumberLiteral number;
      number.value = testing::FromBits(row.at("bits"));
      EXPECT_EQ(Print(number), wanted.get<std::string>());
      continue;
    }
    const std::string text = testing::TextOf(row.at("text"));
    SCOPED_TRACE(text + " " + row.dump());
    const Result<ExprPtr> parsed = Parse(text, {});
    if (wanted.is_object() && wanted.contains("error")) {
      EXPECT_FALSE(parsed.ok());
      continue;
    }
    ASSERT_THAT(parsed, testing::IsOk());
    if (wanted.is_object()) {
      EXPECT_EQ(Print(**parsed), wanted.at("printed").get<std::string>());
      continue;
    }
    ASSERT_EQ((*parsed)->kind, ExprKind::kNumber);
    const double value = As<NumberLiteral>(**parsed).value;
    const double expected = testing::FromBits(wanted);
    EXPECT_TRUE(value == expected || (value != value && expected != expected)) << value;
  }
}

TEST(Parser, RefusesNestingBeyondItsBound) {
  EXPECT_THAT(Parse(std::string(100000, '('), {}),
              StatusIs(StatusCode::kInvalidArgument,
                       ::testing::HasSubstr("expression is nested too deeply")));
  EXPECT_THAT(Parse(std::string(100000, '-') + "1", {}), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Parse("foo[" + std::string(100000, '(') + "5m]", {}),
              StatusIs(StatusCode::kInvalidArgument));
  std::string chain = "a";
  for (int i = 0; i < 100000; ++i) chain += "+a";
  EXPECT_THAT(Parse(chain, {}), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Parse(std::string(290, '(') + "a" + std::string(290, ')'), {}), testing::IsOk());
  chain = "a";
  for (int i = 0; i < 990; ++i) chain += "+a";
  const Result<ExprPtr> parsed = Parse(chain, {});
  ASSERT_THAT(parsed, testing::IsOk());
  EXPECT_EQ(Parse(Print(**parsed), {}).ok(), true);
  EXPECT_FALSE(PrettyPrint(**parsed).empty());
}

TEST(Parser, TakesLinearTime) {
  std::string list = "sum by (a";
  for (int i = 0; i < 100000; ++i) list += ",a";
  list += ") (foo)";
  const auto before = std::chrono::steady_clock::now();
  EXPECT_THAT(Parse(list, {}), testing::IsOk());
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(2));
}

TEST(Parser, ReadsSelectorsOfMatchParameters) {
  THANOS_ASSERT_OK_AND_ASSIGN(const model::Matchers matchers, ParseSelector("up{job=~\"a.*\"}"));
  EXPECT_EQ(model::ToString(matchers), "{job=~\"a.*\", __name__=\"up\"}");
  EXPECT_THAT(ParseSelector("{a=\"\"}"), testing::IsOk());
  EXPECT_THAT(ParseSelector("up[5m]"), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseSelector("rate(up[5m])"), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseSelector(""), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace thanos::promql
