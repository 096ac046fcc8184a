// promqlparse FILE: parser cases, one JSON object a line; prints what differs.
#include <cstdio>
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include "promql/ast.h"
#include "promql/functions.h"
#include "promql/parser.h"
#include "promql/printer.h"

namespace {

using thanos::Result;
using thanos::promql::ExprPtr;

// "(b + v (c rate m))", as the data's README says.
std::string Shape(const thanos::promql::Expr& expr) {
  using namespace thanos::promql;
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
      return std::string(As<Unary>(expr).negate ? "(u - " : "(u + ") +
             Shape(*As<Unary>(expr).inner) + ")";
    case ExprKind::kBinary:
      return "(b " + std::string(Spelling(As<Binary>(expr).op)) + " " +
             Shape(*As<Binary>(expr).lhs) + " " + Shape(*As<Binary>(expr).rhs) + ")";
    case ExprKind::kAggregate: {
      const auto& aggregate = As<Aggregate>(expr);
      std::string text = "(a " + std::string(Spelling(aggregate.op));
      if (aggregate.param != nullptr) text += " " + Shape(*aggregate.param);
      return text + " " + Shape(*aggregate.inner) + ")";
    }
    case ExprKind::kCall: {
      std::string text = "(c " + std::string(As<Call>(expr).function->name);
      for (const ExprPtr& arg : As<Call>(expr).args) text += " " + Shape(*arg);
      return text + ")";
    }
  }
  return "";
}

// "" when the case passes.
std::string Check(const nlohmann::json& row) {
  thanos::promql::ParserOptions options;
  if (row.value("opts", "default") == "all") {
    options.experimental_functions = true;
    options.extended_range_selectors = true;
    options.fill_modifiers = true;
  }
  const Result<ExprPtr> parsed = thanos::promql::Parse(row.at("expr").get<std::string>(), options);
  if (parsed.ok() != row.at("ok").get<bool>()) {
    return parsed.ok() ? "parses" : "fails: " + std::string(parsed.status().message());
  }
  if (!parsed.ok()) {
    const std::string text(parsed.status().message());
    return text == row.at("error").get<std::string>() ? "" : "fails with " + text;
  }
  const std::string printed = thanos::promql::Print(**parsed);
  if (printed != row.at("printed").get<std::string>()) return "prints as " + printed;
  const std::string pretty = thanos::promql::PrettyPrint(**parsed);
  if (pretty != row.value("pretty", printed)) return "pretty is\n" + pretty;
  if (ValueTypeName((*parsed)->type) != row.at("type").get<std::string>()) return "type differs";
  if (row.contains("tree") && Shape(**parsed) != row.at("tree").get<std::string>()) {
    return "its tree is " + Shape(**parsed);
  }
  // An empty selector prints as nothing.
  if (printed.find(", )") != std::string::npos) return "";
  const Result<ExprPtr> again = thanos::promql::Parse(printed, options);
  if (!again.ok() || thanos::promql::Print(**again) != printed) {
    return printed + " does not print as itself";
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: promqlparse FILE\n");
    return 2;
  }
  std::ifstream file(argv[1]);
  int passed = 0;
  int failed = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    const nlohmann::json row = nlohmann::json::parse(line);
    const std::string wrong = Check(row);
    ++(wrong.empty() ? passed : failed);
    if (!wrong.empty()) {
      std::printf("%s\n    %s\n", row.at("expr").get<std::string>().c_str(), wrong.c_str());
    }
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
