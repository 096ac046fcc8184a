// The texts of PromQL's annotations as Thanos shows them.
#pragma once

#include <string>

namespace thanos::query {

/// "PromQL warning: text" of "PromQL warning: text (1:5)": Thanos leaves the position out.
std::string WithoutPosition(const std::string& text);

}  // namespace thanos::query
