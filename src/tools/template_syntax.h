// The syntax of templates in alerting rules: are they well-formed, do their functions and variables
// exist. What they give is not looked at.
#pragma once

#include <string_view>

#include "thanos/status.h"

namespace thanos::tools {

/// kInvalidArgument in Go's words for what its parser refuses: the grammar of text/template, with
/// Prometheus' functions and $labels, $externalLabels, $externalURL, $value.
Status CheckAlertTemplate(std::string_view text);

}  // namespace thanos::tools
