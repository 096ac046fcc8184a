// The same query in all ways of execution: the bits must be equal.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/executor.h"
#include "model/histogram.h"
#include "promql/engine.h"
#include "promql/histogram_math.h"
#include "thanos/series.h"

namespace thanos::testing {

/// A number exactly; NaNs of any payload but the stale marker are one.
inline std::string BitsOf(double v) {
  if (std::isnan(v)) return model::IsStaleNan(v) ? "stale" : "NaN";
  return std::to_string(std::bit_cast<uint64_t>(v));
}

inline std::string BitsOf(const model::FloatHistogram& h) {
  std::string text =
      "{" + std::to_string(h.schema) + " " + std::to_string(static_cast<int>(h.hint));
  for (const double v : {h.zero_threshold, h.zero_count, h.count, h.sum}) text += " " + BitsOf(v);
  for (const auto* spans : {&h.positive_spans, &h.negative_spans}) {
    for (const auto& span : *spans) {
      text += " " + std::to_string(span.offset) + "+" + std::to_string(span.length);
    }
    text += ";";
  }
  for (const auto* list : {&h.positive_buckets, &h.negative_buckets, &h.custom_values}) {
    for (const double v : *list) text += " " + BitsOf(v);
    text += ";";
  }
  return text + "}";
}

/// Everything of a result, bit by bit, annotations included.
inline std::string BitsOf(const Result<promql::QueryResult>& result) {
  if (!result.ok()) return result.status().ToString();
  std::string text = BitsOf(result->scalar) + "\n" + result->text + "\n";
  for (const promql::ResultSeries& series : result->series) {
    text += series.labels.ToString();
    for (size_t i = 0; i < series.values.size(); ++i) {
      if (!series.Has(i)) continue;
      const int64_t t = series.times.empty() ? result->grid.At(i) : series.times[i];
      text += " " + std::to_string(t) + ":" + BitsOf(series.values[i]);
    }
    for (size_t i = 0; i < series.histograms.size(); ++i) {
      if (series.histograms[i] == nullptr) continue;
      text += " " + std::to_string(i) + ":" + BitsOf(*series.histograms[i]);
    }
    text += "\n";
  }
  for (const std::string& line : result->promql_warnings) text += line + "\n";
  for (const std::string& line : result->promql_infos) text += line + "\n";
  return text;
}

/// Runs a query with 0, 1, 2 and 8 workers, batches of 1, 7 and 256 series, fused and unfused, in
/// one and in five tiles of steps.
class VariantChecker {
 public:
  explicit VariantChecker(const promql::EngineOptions& base) {
    struct Variant {
      const char* name;
      base::Executor* executor;
      uint32_t batch;
      bool fuse;
      size_t tiles;
    };
    const Variant variants[] = {{"unfused", nullptr, 64, false, 1},
                                {"batches of 1", nullptr, 1, true, 1},
                                {"batches of 7", nullptr, 7, true, 1},
                                {"batches of 256, unfused", nullptr, 256, false, 1},
                                {"1 worker", &one_, 7, true, 1},
                                {"2 workers", &two_, 7, true, 1},
                                {"8 workers", &eight_, 1, true, 1},
                                {"8 workers, unfused", &eight_, 256, false, 1},
                                {"5 tiles", nullptr, 64, true, 5},
                                {"5 tiles, unfused", nullptr, 7, false, 5},
                                {"5 tiles, 2 workers", &two_, 1, true, 5}};
    for (const Variant& variant : variants) {
      promql::EngineOptions options = base;
      options.executor = variant.executor;
      options.batch_series = variant.batch;
      options.fuse = variant.fuse;
      options.tiles_min = variant.tiles;
      engines_.emplace_back(variant.name, std::make_unique<promql::Engine>(options));
    }
  }

  /// kInternal naming the variant that differs.
  Status Check(const promql::QueryParams& params, SeriesSource& source,
               const Result<promql::QueryResult>& expected) const {
    const std::string want = BitsOf(expected);
    for (const auto& [name, engine] : engines_) {
      THANOS_ASSIGN_OR_RETURN(const auto query, engine->Prepare(params));
      const std::string found = BitsOf(query->Run(CallContext(), source));
      if (found != want) {
        return InternalError("differs with " + name + ": " + params.text + "\n" + found +
                             "\nis not\n" + want);
      }
    }
    return OkStatus();
  }

 private:
  base::Executor one_{"one", 1}, two_{"two", 2}, eight_{"eight", 8};
  std::vector<std::pair<std::string, std::unique_ptr<promql::Engine>>> engines_;
};

}  // namespace thanos::testing
