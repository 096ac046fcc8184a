// Limits on what one Series call may bring.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "metrics/registry.h"
#include "thanos/series.h"

namespace thanos::fanout {

struct SelectLimits {
  uint64_t series_max = 0;   // 0 is none.
  uint64_t samples_max = 0;  // Counted as 120 a chunk, whatever it holds; 0 is none.
  std::string text_prefix;   // In front of the error's text.
};

/// A source whose selects end with kUnknown "failed to send series: limit N violated (got M)" once
/// they are above a limit, for whoever selects. thanos_store_selects_dropped_total counts them.
std::shared_ptr<SeriesSource> LimitSource(std::shared_ptr<SeriesSource> source, SelectLimits limits,
                                          metrics::Registry* registry);

}  // namespace thanos::fanout
