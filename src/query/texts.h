// The texts of errors and of PromQL's annotations as Thanos shows them.
#pragma once

#include <string>

#include "thanos/status.h"

namespace thanos::query {

/// "PromQL warning: text" of "PromQL warning: text (1:5)": Thanos leaves the position out.
std::string WithoutPosition(const std::string& text);

/// An error of a select gets the words of the layer that Go Thanos has between engine and stores:
/// "expanding series: proxy Series(): …". Others stay as they are.
std::string SelectErrorText(const Status& status);

}  // namespace thanos::query
