// From matchers to lists of series: what to fetch, how to combine it, what to check on the series
// themselves because that is cheaper. Knows neither files nor buckets.
// Rules: formats/algorithms §7.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/matcher.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::block {

/// References of series, strictly ascending.
using Postings = std::vector<uint32_t>;

/// Where a list lies in the index file: [start, end), count and references, without the length in
/// front and the checksum behind. Other catalogues may give it another meaning, as long as
/// (end - start) / 4 - 1 is the number of references.
struct PostingsRange {
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t count() const { return end - start < 4 ? 0 : (end - start) / 4 - 1; }
  friend bool operator==(const PostingsRange&, const PostingsRange&) = default;
};

/// All lists of one label name together.
struct LabelExtent {
  uint64_t values = 0;
  uint64_t bytes = 0;
};

/// Which lists there are. Thread-safe.
class PostingsCatalog {
 public:
  /// False ends the visit.
  using ValueVisitor = std::function<bool(std::string_view value, const PostingsRange& range)>;
  virtual ~PostingsCatalog() = default;
  /// The values of a label from `from` on, ascending. The name "" has one value "": all series.
  virtual void VisitValues(std::string_view name, std::string_view from,
                           const ValueVisitor& visit) const = 0;
  /// Nothing when no series has the label. Costs no visit.
  virtual std::optional<LabelExtent> Extent(std::string_view name) const = 0;
};

/// Fetches lists. One call for all, so that near ones travel together.
class PostingsFetcher {
 public:
  virtual ~PostingsFetcher() = default;
  virtual Result<std::vector<Postings>> Fetch(const CallContext& context,
                                              std::span<const PostingsRange> ranges) = 0;
};

struct PlanOptions {
  /// What reading one series costs, in bytes: against it, lists are weighed.
  uint64_t series_bytes = 256;
  /// Share of series that a further matcher is thought to keep.
  double match_ratio = 0.5;
};

/// One label's share of the answer: the union of `lists`, taken away when `subtract`.
struct PostingsGroup {
  std::string name;
  bool subtract = false;
  std::vector<PostingsRange> lists;
  uint64_t references = 0;  // Of all lists together.
};

struct PostingsPlan {
  bool empty = false;                    // No series can match.
  std::vector<PostingsGroup> groups;     // At least one does not subtract.
  std::vector<model::Matcher> deferred;  // To be checked on the labels of each series.
  uint64_t references = 0;               // Upper bound of what is to be fetched.
};

/// No matchers: all series. Matchers that hold for every text are dropped, equal ones taken once.
PostingsPlan PlanPostings(const PostingsCatalog& catalog, std::span<const model::Matcher> matchers,
                          const PlanOptions& options);

/// Fetches and combines; the deferred matchers are the caller's.
Result<Postings> ExecutePlan(const CallContext& context, const PostingsPlan& plan,
                             PostingsFetcher& fetcher);

}  // namespace thanos::block
