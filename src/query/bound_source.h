// A source of which one tenant sees its own series only.
#pragma once

#include <memory>
#include <string>

#include "thanos/series.h"

namespace thanos::query {

/// `label="value"`, that everything is held to.
struct LabelBinding {
  std::string label, value;
};

/// Every request of the source gets the binding's matcher in the place of those on its label, the
/// requests that no selector of a query stands for too. `source` must outlive it.
std::unique_ptr<SeriesSource> BindSource(SeriesSource* source, LabelBinding binding);

}  // namespace thanos::query
