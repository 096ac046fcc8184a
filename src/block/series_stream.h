// The series of one block that match a selection, with final labels, in the order of these, without
// chunk data: what a merge over blocks compares before anything is fetched for a series.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/executor.h"
#include "block/block.h"
#include "block/range_fetch.h"
#include "block/series_entry.h"
#include "model/matcher.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::block {

/// What a select may use up, over all its blocks. Thread-safe; kResourceExhausted refuses.
class ReadLimiter {
 public:
  virtual ~ReadLimiter() = default;
  virtual Status ReserveSeries(uint64_t count) = 0;
  virtual Status ReserveChunks(uint64_t count) = 0;
  virtual Status ReserveBytes(uint64_t bytes) = 0;
};

/// How the bytes of blocks are fetched.
struct BlockReadOptions {
  uint64_t gap_bytes_max = 64 << 10;
  /// Read-ahead for entries and chunks whose length is not known.
  uint64_t series_bytes = 4096;
  uint64_t chunk_bytes = 16000;
  /// Weight of a series when lists are weighed against it.
  uint64_t plan_series_bytes = 256;
  /// Entries fetched at once: the first time, then growing to the most.
  uint32_t batch_first = 256;
  uint32_t batch_max = 4096;
  base::Executor* executor = nullptr;  // For parallel fetches; null: one by one.
  ReadLimiter* limiter = nullptr;      // Null: no limits.
};

/// A chunk that is to be loaded.
struct WantedChunk {
  ChunkMeta meta;
  uint32_t bytes_guess = 0;  // Of the stored chunk: an upper bound, or a guess.
  bool touched = false;      // Some of its samples are deleted.
};

struct SeriesHead {
  std::string labels;  // Encoded.
  uint32_t reference = 0;
  std::vector<WantedChunk> chunks;  // Those in the time range; at least one.
};

struct StreamRequest {
  model::Matchers matchers;         // On the series' own labels.
  int64_t min_ms = 0, max_ms = 0;   // Both inclusive.
  Labels add;                       // External labels: they win over the series' own.
  std::vector<std::string> remove;  // Names taken out of the series' own labels.
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
