// The series of one block that match a selection, with final labels, in the order of these, without
// chunk data: what a merge over blocks compares before anything is fetched for a series.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "block/block.h"
#include "block/read_options.h"
#include "block/series_entry.h"
#include "model/matcher.h"
#include "series/batch_builder.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::block {

/// A chunk that is to be loaded.
struct WantedChunk {
  ChunkMeta meta;
  uint32_t bytes_guess = 0;  // Of the stored chunk: an upper bound, or a guess.
  bool touched = false;      // Some of its samples are deleted.
};

struct SeriesHead {
  std::string_view labels;  // Encoded.
  uint32_t reference = 0;
  std::span<const WantedChunk> chunks;    // Those in the time range; at least one.
  std::shared_ptr<series::Arena> memory;  // What both lie in: that of a whole batch of series.
};

struct StreamRequest {
  model::Matchers matchers;         // On the series' own labels.
  int64_t min_ms = 0, max_ms = 0;   // Both inclusive.
  Labels add;                       // External labels: they win over the series' own.
  std::vector<std::string> remove;  // Names taken out of the series' own labels.
  uint64_t limit = 0;               // Series that the caller takes at most; 0: all.
  bool skip_chunks = false;         // Chunks are looked at, not loaded: no limit counts them.
};

/// One thread. Holds the list of matching series, one or two batches of entries, and what the
/// restoring of order needs: nothing when labels stay, a chain of prefixes when labels are added,
/// all heads when labels are removed or replaced inside series. All is charged to the budget.
class SeriesStream {
 public:
  SeriesStream(const CallContext& context, BlockRef block, StreamRequest request,
               const BlockReadOptions& options);
  ~SeriesStream();

  /// True when the next call of Next() is likely to read: loading ahead pays then.
  bool RunsLow() const;
  /// Reads the next entries now. An error is kept for Next(). May run on another thread, as long as
  /// nothing else is called meanwhile.
  void LoadAhead();

  /// Null at the end. Valid until the next call, may be moved from. Label sets ascend; equal ones
  /// may follow each other when labels were removed.
  Result<SeriesHead*> Next();
  const Block& block() const;
  /// Series that matched, before the time range was looked at.
  uint64_t postings_count() const;

 private:
  struct State;
  Status Open();
  Status LoadBatch();
  Result<bool> NextRaw(SeriesHead* out);
  Result<SeriesHead*> NextStacked();
  Result<SeriesHead*> NextSorted();
  std::unique_ptr<State> state_;
};

}  // namespace thanos::block
