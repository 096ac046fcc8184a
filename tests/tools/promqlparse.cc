// promqlparse FILE: parser cases, one JSON object a line; prints what differs.
#include <cstdio>
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include "promql/parser.h"
#include "promql/printer.h"

namespace {

using thanos::Result;
using thanos::promql::ExprPtr;

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
