// The selectors of a query: read, and bound to a tenant.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "model/matcher.h"
#include "promql/parser.h"
#include "thanos/status.h"

namespace thanos::query {

/// Calls `visit` with each vector selector of the tree, in order of writing.
void VisitSelectors(promql::Expr& expr, const std::function<void(promql::VectorSelector&)>& visit);

/// The matchers of each selector of a query.
Result<std::vector<model::Matchers>> SelectorsOf(std::string_view query,
                                                 const promql::ParserOptions& options);

/// `label="value"` in every selector; matchers on the label that were there go.
void BindSelectors(const std::string& label, const std::string& value, promql::Expr* expr);
/// The same for the matchers of one selector.
void BindMatchers(const std::string& label, const std::string& value, model::Matchers* matchers);

}  // namespace thanos::query
