// What the operators of one running query share.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu_shares.h"
#include "promql/ast.h"
#include "promql/classic_buckets.h"
#include "promql/engine.h"
#include "thanos/call_context.h"
#include "thanos/series.h"
#include "thanos/status.h"

namespace thanos::promql {

enum class AnnotationKind : uint8_t { kWarning, kInfo };

/// Thread-safe. Lives as long as any batch of the query.
class QueryState {
 public:
  QueryState(const CallContext& context, SeriesSource* source, const EngineOptions& options,
             const QueryParams& params);

  /// The context's status in the words of the query language.
  Status Check() const;
  /// Translates what a source or the context reported.
  Status Translate(const Status& status) const;

  /// `text` without prefix; equal texts are kept once, with the first of their places.
  void Annotate(AnnotationKind kind, std::string_view text, SourceRange place);
  /// As Annotate(); the text tells how often it was made.
  void CountAnnotation(AnnotationKind kind, std::string_view text, SourceRange place);
  /// Joined over all parts of the query: one text a metric and place.
  void NoteMonotonicity(const std::string& suffix, SourceRange place,
                        const MonotonicityFixes& fixes);
  void AddWarnings(Warnings warnings, bool partial);

  /// To be held while a batch is computed, and not while anything is waited for.
  Result<base::CpuShares::Turn> TakeTurn() const {
    return base::CpuShares::Turn::Take(context, cpu_share_);
  }

  /// Points that a batch holds.
  Status Hold(uint64_t points);
  void LetGo(uint64_t points) { held_.fetch_sub(points, std::memory_order_relaxed); }
  Status CountSeries(uint64_t series);

  /// Fills warnings, annotations and statistics.
  void Finish(QueryResult* result) const;

  const CallContext context;
  SeriesSource* const source;
  const EngineOptions options;  // Copies: workers may outlive the query for a moment.
  const QueryParams params;
  const int64_t lookback_ms;
  std::atomic<uint64_t> samples_decoded{0};
  std::atomic<uint64_t> samples_queryable{0};
  std::atomic<uint64_t> selects{0};

 private:
  const std::shared_ptr<base::CpuShares::Share> cpu_share_;  // Null without shares.
  std::atomic<uint64_t> held_{0};
  std::atomic<uint64_t> peak_{0};
  std::atomic<uint64_t> series_{0};
  mutable std::mutex mutex_;
  struct Note {
    uint32_t place = 0;
    uint64_t counted = 0;  // Of CountAnnotation().
  };
  std::map<std::string, Note, std::less<>> warnings_, infos_;            // Guarded by mutex_.
  std::map<std::pair<std::string, uint32_t>, MonotonicityFixes> fixes_;  // Guarded by mutex_.
  Warnings source_warnings_;                                             // Guarded by mutex_.
  bool partial_ = false;                                                 // Guarded by mutex_.
};

}  // namespace thanos::promql
