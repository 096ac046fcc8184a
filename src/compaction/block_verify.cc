#include <memory>
#include <string>

#include "block/chunk_stream.h"
#include "block/index_reader.h"
#include "block/postings_list.h"
#include "block/series_scanner.h"
#include "compaction/block_merge.h"
#include "compaction/index_health.h"

namespace thanos::compaction {
namespace {

// Every postings list: its checksum, and that all lists together tell of each label of each series.
Status VerifyPostings(const CallContext& context, const block::IndexReader& index,
                      std::shared_ptr<base::RangeReader> file, uint64_t series, uint64_t labels) {
  block::FileWindow window(std::move(file));
  const auto count = [&](std::string_view name, uint64_t* references) {
    Status status;
    index.postings_table().VisitValues(
        name, "", [&](std::string_view, const block::PostingsRange& range) {
          const uint64_t begin = range.start - 4;
          auto bytes = window.View(context, begin, range.end + 4 - begin);
          status = bytes.status();
          if (!bytes.ok()) return false;
          const auto list = block::DecodePostingsList(*bytes);
          status = list.status().WithContext("at " + std::to_string(begin));
          if (list.ok()) *references += list->size();
          return list.ok();
        });
    return status;
  };
  uint64_t all = 0, each = 0;
  THANOS_RETURN_IF_ERROR(count("", &all));
  for (const std::string& name : index.postings_table().LabelNames()) {
    THANOS_RETURN_IF_ERROR(count(name, &each));
  }
  if (all == series && each == labels) return OkStatus();
  return DataLossError("postings name " + std::to_string(all) + " series and " +
                       std::to_string(each) + " labels, of " + std::to_string(series) + " and " +
                       std::to_string(labels));
}

}  // namespace

Status CheckBlockIndex(const CallContext& context, const std::string& directory,
                       const block::BlockMeta& meta, bool accept_unsorted_labels) {
  THANOS_ASSIGN_OR_RETURN(const IndexHealth health, CheckIndexFile(context, directory, meta));
  Status status = health.CriticalError();
  if (status.ok() && !accept_unsorted_labels) status = health.OutOfOrderLabelsError();
  return status.WithContext(directory + "/" + std::string(block::kIndexFile));
}

Status VerifyBlock(const CallContext& context, const std::string& directory,
                   const block::BlockMeta& meta) {
  const std::string path = directory + "/" + std::string(block::kIndexFile);
  THANOS_ASSIGN_OR_RETURN(auto file, base::OpenFileReader(path));
  THANOS_ASSIGN_OR_RETURN(const auto index, block::IndexReader::Open(context, file, {}));
  THANOS_ASSIGN_OR_RETURN(const IndexHealth health,
                          CheckIndex(context, *index, meta.min_ms, meta.max_ms));
  THANOS_RETURN_IF_ERROR(health.AnyError().WithContext(path));
  THANOS_ASSIGN_OR_RETURN(auto segments, block::OpenSegments(context, directory));
  block::ChunkStream chunks(std::move(segments));
  block::BlockStats found;
  found.series = health.series;
  found.chunks = health.chunks;
  uint64_t labels = 0;
  block::SeriesScanner scanner(file.get(), index->toc(), index->reference_unit());
  for (block::SeriesEntry entry;;) {
    THANOS_ASSIGN_OR_RETURN(const bool more, scanner.Next(context, &entry));
    if (!more) break;
    labels += entry.labels.size();
    for (const block::ChunkMeta& chunk : entry.chunks) {
      THANOS_ASSIGN_OR_RETURN(const auto frame, chunks.Read(context, chunk.ref));
      THANOS_ASSIGN_OR_RETURN(const uint32_t samples,
                              CountSamples(frame.chunk.encoding, frame.chunk.data));
      found.samples += samples;
    }
  }
  THANOS_RETURN_IF_ERROR(
      VerifyPostings(context, *index, file, found.series, labels).WithContext(path));
  if (found.series != meta.stats.series || found.chunks != meta.stats.chunks ||
      found.samples != meta.stats.samples) {
    return DataLossError(directory + ": holds " + std::to_string(found.series) + " series, " +
                         std::to_string(found.chunks) + " chunks, " +
                         std::to_string(found.samples) + " samples, not the " +
                         std::to_string(meta.stats.series) + ", " +
                         std::to_string(meta.stats.chunks) + " and " +
                         std::to_string(meta.stats.samples) + " that were written");
  }
  return OkStatus();
}

}  // namespace thanos::compaction
