// Syntax trees to text.
#pragma once

#include <string>

#include "promql/ast.h"

namespace thanos::promql {

/// The canonical form, on one line. It parses again to itself.
std::string Print(const Expr& expr);
/// The form of /api/v1/format_query: nodes longer than 100 bytes are split, two spaces a level.
std::string PrettyPrint(const Expr& expr);
/// The answer's data of /api/v1/parse_query: JSON text.
std::string PrintTreeJson(const Expr& expr);

}  // namespace thanos::promql
