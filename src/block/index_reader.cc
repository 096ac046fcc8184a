#include "block/index_reader.h"

#include <algorithm>

#include "block/postings_list.h"
#include "block/series_scanner.h"

namespace thanos::block {
namespace {

constexpr uint64_t kSeriesGuessBytes = 1024;

}  // namespace

Result<std::shared_ptr<const IndexReader>> IndexReader::Open(
    const CallContext& context, std::shared_ptr<base::RangeReader> file, const Options& options) {
  std::shared_ptr<IndexReader> index(new IndexReader());
  const auto open = [&]() -> Status {
    THANOS_ASSIGN_OR_RETURN(index->head_, ReadIndexHead(context, *file));
    const IndexToc& at = index->head_.toc;
    const uint64_t toc_at = file->size() - IndexToc::kSizeBytes;
    THANOS_ASSIGN_OR_RETURN(auto symbols, file->Read(context, at.symbols, at.series - at.symbols));
    THANOS_ASSIGN_OR_RETURN(index->symbols_,
                            SymbolTable::Open(std::move(symbols), index->head_.version, at.symbols,
                                              options.symbol_sampling));
    THANOS_ASSIGN_OR_RETURN(auto table,
                            file->Read(context, at.postings_table, toc_at - at.postings_table));
    THANOS_ASSIGN_OR_RETURN(index->postings_,
                            PostingsTable::Open(std::move(table), index->head_.version,
                                                at.postings_table, options.postings_sampling));
    return OkStatus();
  };
  THANOS_RETURN_IF_ERROR(open().WithContext(file->name()));
  index->file_ = std::move(file);
  return std::shared_ptr<const IndexReader>(std::move(index));
}

Result<Postings> IndexReader::ReadPostings(const CallContext& context,
                                           const PostingsRange& range) const {
  IndexPostingsFetcher fetcher(file_.get(), {});
  THANOS_ASSIGN_OR_RETURN(auto lists, fetcher.Fetch(context, {&range, 1}));
  return std::move(lists[0]);
}

Result<Postings> IndexReader::ReadAllPostings(const CallContext& context) const {
  PostingsRange all;
  postings_.VisitValues("", "", [&](std::string_view, const PostingsRange& range) {
    all = range;
    return false;
  });
  if (all.end == 0) return Postings();
  return ReadPostings(context, all);
}

Status VisitSeries(const CallContext& context, base::RangeReader& index, const IndexToc& toc,
                   uint64_t reference_unit,
                   const std::function<Status(uint32_t, const SeriesEntry&)>& visit) {
  SeriesScanner scanner(&index, toc, reference_unit);
  SeriesEntry entry;
  while (true) {
    THANOS_ASSIGN_OR_RETURN(const bool more, scanner.Next(context, &entry));
    if (!more) return OkStatus();
    THANOS_RETURN_IF_ERROR(visit(scanner.reference(), entry));
  }
}

Status IndexReader::ReadSeries(const CallContext& context, uint32_t reference,
                               SeriesEntry* out) const {
  const uint64_t at = reference * reference_unit();
  const uint64_t end = head_.toc.series_end();
  if (at < head_.toc.series || at >= end) {
    return DataLossError(file_->name() + ": series reference " + std::to_string(reference) +
                         " lies outside the series");
  }
  uint64_t length = std::min(kSeriesGuessBytes, end - at);
  for (int attempt = 0; attempt < 2; ++attempt) {
    THANOS_ASSIGN_OR_RETURN(const auto bytes, file_->Read(context, at, length));
    auto entry = ReadSeriesBytes(bytes.bytes());
    if (entry.ok() && entry->payload.empty() && entry->entry_bytes <= end - at) {
      length = entry->entry_bytes;
      continue;
    }
    Status status = entry.status();
    if (status.ok() && entry->payload.empty()) {
      status = DataLossError("index series entry: passes the end of its section");
    }
    if (status.ok()) status = DecodeSeries(entry->payload, out);
    return status.WithContext(file_->name() + " at " + std::to_string(at));
  }
  return InternalError(file_->name() + ": series entry changed its length");
}

}  // namespace thanos::block
