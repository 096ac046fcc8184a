// An index file, read through any RangeReader: memory, a file, an object.
// Format: formats/tsdb-block §4.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/pinned_bytes.h"
#include "block/index_format.h"
#include "block/postings_plan.h"
#include "block/postings_table.h"
#include "block/range_fetch.h"
#include "block/series_entry.h"
#include "block/symbol_table.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::block {

/// Calls visit(reference, entry) for each series in order of the file, which is label order. Reads
/// the section in pieces; the entry is valid during the call. `reference_unit` as IndexReader has
/// it.
Status VisitSeries(
    const CallContext& context, base::RangeReader& index, const IndexToc& toc,
    uint64_t reference_unit,
    const std::function<Status(uint32_t reference, const SeriesEntry& entry)>& visit);

/// Symbols and tables are read and checked once; lists and entries at each use. Immutable,
/// thread-safe. Versions 1 to 3.
class IndexReader {
 public:
  struct Options {
    uint32_t symbol_sampling = 1;
    uint32_t postings_sampling = 32;
  };
  static Result<std::shared_ptr<const IndexReader>> Open(const CallContext& context,
                                                         std::shared_ptr<base::RangeReader> file,
                                                         const Options& options);

  int version() const { return head_.version; }
  const IndexToc& toc() const { return head_.toc; }
  const SymbolTable& symbols() const { return symbols_; }
  const PostingsTable& postings_table() const { return postings_; }
  base::RangeReader& file() const { return *file_; }
  /// Offset of a series entry = reference times this.
  uint64_t reference_unit() const { return head_.reference_unit(); }

  Result<Postings> ReadPostings(const CallContext& context, const PostingsRange& range) const;
  /// All series.
  Result<Postings> ReadAllPostings(const CallContext& context) const;

  Status VisitSeries(
      const CallContext& context,
      const std::function<Status(uint32_t reference, const SeriesEntry& entry)>& visit) const {
    return block::VisitSeries(context, *file_, head_.toc, reference_unit(), visit);
  }
  /// One series.
  Status ReadSeries(const CallContext& context, uint32_t reference, SeriesEntry* out) const;

 private:
  IndexReader() = default;
  std::shared_ptr<base::RangeReader> file_;
  IndexHead head_;
  SymbolTable symbols_;
  PostingsTable postings_;
};

}  // namespace thanos::block
