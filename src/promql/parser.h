// Query text to a checked syntax tree.
//
//   THANOS_ASSIGN_OR_RETURN(ExprPtr expr, Parse("sum by (job) (rate(m[5m]))", {}));
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "promql/ast.h"
#include "thanos/status.h"

namespace thanos::promql {

/// What a server's feature flags switch on. Defaults are those of a server without flags.
struct ParserOptions {
  bool experimental_functions = false;
  bool duration_expressions = true;
  bool extended_range_selectors = false;  // anchored, smoothed.
  bool fill_modifiers = false;
  bool x_functions = false;  // xrate(), xincrease(), xdelta().
};

/// Levels that a query's tree may have; a chain of operators has as many as it has operands.
inline constexpr size_t kTreeDepthMax = 1000;
/// Levels of parentheses, calls and signs: what costs the parser its own stack.
inline constexpr size_t kNestingMax = 300;

/// kInvalidArgument with "LINE:COL: parse error: TEXT".
Result<ExprPtr> Parse(std::string_view text, const ParserOptions& options);

/// One instant vector selector without modifiers, as in `match[]`. A selector whose matchers all
/// match the empty string is accepted; the caller decides.
Result<model::Matchers> ParseSelector(std::string_view text);

/// "LINE:COL" of a byte offset.
std::string LineAndColumn(std::string_view text, size_t offset);

}  // namespace thanos::promql
