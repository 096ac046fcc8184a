// The script language of PromQL conformance tests: reading. Running is promqltest.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/histogram.h"
#include "thanos/labels.h"
#include "thanos/status.h"

namespace thanos::promqltest {

/// One point of a series description.
struct Item {
  enum class Kind : uint8_t { kGap, kFloat, kStale, kHistogram };
  Kind kind = Kind::kGap;
  double value = 0;
  std::shared_ptr<const model::FloatHistogram> histogram;
  bool hint_is_given = false;
};

struct SeriesLine {
  Labels labels;
  std::vector<Item> items;
  /// Of "@st" lines: one for each item; nothing where it is unknown. Relative to the sample's time.
  std::vector<std::optional<int64_t>> start_offsets_ms;
  bool has_histogram = false;
};

struct Expectation {
  enum class Kind : uint8_t { kFail, kWarn, kInfo, kNoWarn, kNoInfo };
  Kind kind = Kind::kFail;
  bool is_regex = false;
  std::string text;  // "": any.
};

struct Eval {
  int line = 0;
  std::string expr;
  int64_t start_ms = 0, end_ms = 0, step_ms = 0;  // step 0: instant.
  std::vector<Expectation> expectations;
  bool ordered = false;
  std::optional<std::string> string_result;
  std::optional<double> scalar_result;
  std::vector<SeriesLine> series;
  // expect range vector from A to B step S
  bool range_vector = false;
  int64_t vector_start_ms = 0, vector_step_ms = 0;
};

struct Command {
  enum class Kind : uint8_t { kLoad, kClear, kEval };
  Kind kind = Kind::kClear;
  int64_t step_ms = 0;
  bool with_nhcb = false;
  std::vector<SeriesLine> series;
  Eval eval;
};

/// kInvalidArgument names the line.
Result<std::vector<Command>> ReadScript(const std::string& text);

}  // namespace thanos::promqltest
