// How series travel inside the program: batches pulled from cursors that sources open.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "thanos/call_context.h"
#include "thanos/chunk.h"
#include "thanos/labels.h"
#include "thanos/status.h"

namespace thanos::model {
class Matcher;
}

namespace thanos {

/// Immutable and shared; used and released on any thread. Owns the memory behind its views, the
/// bytes it pins, and the budget lease for them: charged are the bytes pinned, not those viewed.
class SeriesBatch {
 public:
  virtual ~SeriesBatch() = default;
  std::span<const SeriesView> series() const { return series_; }
  size_t charged_bytes() const { return charged_bytes_; }

 protected:
  std::span<const SeriesView> series_;
  size_t charged_bytes_ = 0;
};
using SeriesBatchRef = std::shared_ptr<const SeriesBatch>;

using Warnings = std::vector<std::string>;

/// What one peer of a fan-out gave.
struct PeerShare {
  std::string address;
  int64_t duration_ns = 0;  // From opening its stream to its last frame.
  uint64_t responses = 0;   // Frames.
  uint64_t bytes = 0;       // Of frames.
  uint64_t series = 0;
  uint64_t chunks = 0;
};

/// What is known once a select has ended.
struct SelectEnd {
  uint64_t series = 0;
  uint64_t chunks = 0;
  uint64_t bytes = 0;            // Chunk and label bytes received or read.
  bool partial = false;          // Some source failed and partial answers were allowed.
  std::string hints;             // Serialised google.protobuf.Any of the peer; "" when none.
  std::vector<PeerShare> peers;  // Of a fan-out: all that were asked.
};

/// Each label set once, strictly ascending; frames of one series already joined.
/// One thread at a time. The destructor stops everything under way and waits for nothing.
class SeriesCursor {
 public:
  virtual ~SeriesCursor() = default;
  /// Opens the stream and begins read-ahead into a byte window; returns at once.
  virtual void Start() = 0;
  /// Blocks until a batch, the end (null), or an error. After an error or the end: the same again.
  virtual Result<SeriesBatchRef> Next() = 0;
  /// True when Next() would return at once, without reading or waiting.
  virtual bool HasReady() const { return false; }
  /// Warnings that came since the last call.
  virtual Warnings TakeWarnings() = 0;
  virtual const SelectEnd& end() const = 0;
};

/// What the engine knows about the use of a selector; sources may ignore it.
struct SelectHints {
  int64_t step_ms = 0;
  int64_t range_ms = 0;
  std::string function;
  std::vector<std::string> grouping;
  bool by = false;
};

/// Vertical sharding: a series belongs to shard `hash % total`, see formats/algorithms.
struct Shard {
  int64_t index = 0;
  int64_t total = 0;
  bool by = false;
  std::vector<std::string> labels;
};

enum class PartialStrategy : uint8_t { kWarn = 0, kAbort = 1 };

struct SelectRequest {
  std::vector<model::Matcher> matchers;
  int64_t min_ms = 0;  // Both inclusive.
  int64_t max_ms = 0;
  SelectHints hints;
  int64_t max_resolution_ms = 0;  // Coarsest downsampling that is tolerated; 0 is raw.
  AggrSet aggregates;
  bool skip_chunks = false;
  uint64_t limit = 0;  // 0 is none.
  std::optional<Shard> shard;
  std::vector<std::string> without_labels;  // Replica labels to drop.
  bool keep_replicas = false;
  PartialStrategy partial = PartialStrategy::kWarn;
  uint32_t batch_series = 64;
  size_t window_bytes = 4 << 20;  // Read-ahead a stream may hold.
  /// Selectors on `__address__`: a store is asked if any of the sets matches. Empty: all.
  std::vector<std::vector<model::Matcher>> store_match;
  std::string hints_any;  // Serialised google.protobuf.Any; "" when none.
};

struct LabelsRequest {
  std::vector<model::Matcher> matchers;
  int64_t min_ms = 0;
  int64_t max_ms = 0;
  uint64_t limit = 0;
  std::vector<std::string> without_labels;
  PartialStrategy partial = PartialStrategy::kWarn;
  std::vector<std::vector<model::Matcher>> store_match;
  std::string hints_any;
};

struct LabelsResult {
  std::vector<std::string> values;  // Sorted, unique.
  Warnings warnings;
  bool partial = false;
  std::string hints;  // For the peer that asked, as the wire has them; see SelectEnd.
};

/// One TSDB behind a source: its external labels and time range.
struct TsdbInfo {
  Labels labels;
  int64_t min_ms = 0;
  int64_t max_ms = 0;
};

struct SourceInfo {
  std::string name;                // For warnings: "Addr: h:p" or the like.
  std::vector<Labels> label_sets;  // None: may hold anything.
  int64_t min_ms = INT64_MIN;
  int64_t max_ms = INT64_MAX;
  bool supports_sharding = true;
  bool supports_without_labels = true;
  std::vector<TsdbInfo> tsdbs;
};

/// Thread-safe.
class SeriesSource {
 public:
  virtual ~SeriesSource() = default;
  virtual SourceInfo Info() const = 0;
  /// Cheap: nothing is opened before Start(). kInvalidArgument for a request that cannot be served.
  virtual Result<std::unique_ptr<SeriesCursor>> Select(const CallContext& context,
                                                       const SelectRequest& request) = 0;
  virtual Result<LabelsResult> LabelNames(const CallContext& context,
                                          const LabelsRequest& request) = 0;
  virtual Result<LabelsResult> LabelValues(const CallContext& context, const std::string& name,
                                           const LabelsRequest& request) = 0;
};

}  // namespace thanos
