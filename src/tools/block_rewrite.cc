#include "tools/block_rewrite.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string_view>

#include "block/block_writer.h"
#include "block/chunk_merge.h"
#include "block/chunk_stream.h"
#include "block/index_reader.h"
#include "chunk/transcode.h"
#include "codec/byte_reader.h"

namespace thanos::tools {
namespace {

using block::ChunkMeta;
using block::MergeChunk;

// A series that stays, with its new labels.
struct Kept {
  Labels labels;
  std::vector<ChunkMeta> chunks;
  std::vector<block::Interval> deleted;
  size_t held_bytes() const {
    return sizeof(Kept) + labels.encoded().capacity() + chunks.capacity() * sizeof(ChunkMeta) +
           deleted.capacity() * sizeof(block::Interval);
  }
};

bool Overlap(const std::vector<MergeChunk>& chunks) {
  return std::adjacent_find(chunks.begin(), chunks.end(), [](const auto& a, const auto& b) {
           return a.max_ms >= b.min_ms;
         }) != chunks.end();
}

class Rewriter {
 public:
  Rewriter(const CallContext& context, const block::Block& source, const RewriteOptions& options,
           RewriteCounts* counts)
      : context_(context),
        source_(source),
        options_(options),
        counts_(counts),
        chunk_stream_(source) {}

  Status Collect(const SeriesEditor& edit);
  Status Write(block::BlockWriter* writer);

 private:
  Status CollectOne(const SeriesEditor& edit, const block::SeriesEntry& entry);
  void DropOutside(std::vector<ChunkMeta>* chunks);
  Status AddSymbols(block::BlockWriter* writer) const;
  Status WriteSeries(std::span<const Kept> same, block::BlockWriter* writer);
  Status LoadChunks(const Kept& series, std::vector<MergeChunk>* chunks);
  Status Cut(const std::vector<block::Interval>& deleted, MergeChunk* chunk);

  const CallContext& context_;
  const block::Block& source_;
  const RewriteOptions options_;
  RewriteCounts* const counts_;
  block::ChunkStream chunk_stream_;
  std::vector<Kept> kept_;
  BudgetLease lease_;
};

void Rewriter::DropOutside(std::vector<ChunkMeta>* chunks) {
  const int64_t min_ms = source_.meta().min_ms, max_ms = source_.meta().max_ms;
  const size_t before = chunks->size();
  std::erase_if(*chunks, [&](const ChunkMeta& chunk) {
    return chunk.min_ms >= max_ms || chunk.max_ms < min_ms;
  });
  // Equal times are taken for equal data, as the check of an index takes them.
  chunks->erase(std::unique(chunks->begin(), chunks->end(),
                            [](const ChunkMeta& a, const ChunkMeta& b) {
                              return a.min_ms == b.min_ms && a.max_ms == b.max_ms;
                            }),
                chunks->end());
  counts_->chunks_dropped += before - chunks->size();
}

Status Rewriter::CollectOne(const SeriesEditor& edit, const block::SeriesEntry& entry) {
  std::string encoded;
  THANOS_RETURN_IF_ERROR(block::AppendLabels(entry.labels, source_.symbols(), &encoded));
  THANOS_ASSIGN_OR_RETURN(SeriesChange change, edit(LabelsView(encoded)));
  if (change.dropped) {
    ++counts_->series_dropped;
    return OkStatus();
  }
  if (change.labels.encoded() != encoded) ++counts_->series_relabelled;
  if (!change.deleted.empty()) ++counts_->series_cut;
  Kept kept{std::move(change.labels), entry.chunks, std::move(change.deleted)};
  if (options_.drop_outside) DropOutside(&kept.chunks);
  if (kept.chunks.empty()) return OkStatus();
  if (lease_.bytes() == 0) {
    THANOS_ASSIGN_OR_RETURN(lease_, BudgetLease::Take(context_.budget(), kept.held_bytes()));
  } else {
    THANOS_RETURN_IF_ERROR(lease_.Grow(kept.held_bytes()));
  }
  kept_.push_back(std::move(kept));
  return OkStatus();
}

Status Rewriter::Collect(const SeriesEditor& edit) {
  THANOS_RETURN_IF_ERROR(block::VisitSeries(
      context_, source_.index(), source_.toc(), source_.reference_unit(),
      [&](uint32_t, const block::SeriesEntry& entry) { return CollectOne(edit, entry); }));
  std::stable_sort(kept_.begin(), kept_.end(), [](const Kept& a, const Kept& b) {
    return Compare(a.labels.view(), b.labels.view()) < 0;
  });
  return OkStatus();
}

Status Rewriter::AddSymbols(block::BlockWriter* writer) const {
  std::set<std::string_view> symbols;
  for (const Kept& series : kept_) {
    for (const Label& label : series.labels) {
      symbols.insert(label.name);
      symbols.insert(label.value);
    }
  }
  for (const std::string_view symbol : symbols) {
    THANOS_RETURN_IF_ERROR(writer->AddSymbol(symbol));
  }
  return OkStatus();
}

// Leaves no data when all samples go.
Status Rewriter::Cut(const std::vector<block::Interval>& deleted, MergeChunk* chunk) {
  if (chunk->encoding == ChunkEncoding::kAggregate) {
    return FailedPreconditionError("only a part of a downsampled chunk is to be deleted");
  }
  THANOS_ASSIGN_OR_RETURN(
      chunk::FilteredChunk kept,
      chunk::FilterSamples(chunk->encoding, codec::AsBytes(chunk->data),
                           [&](int64_t t) { return !block::CoversRange(deleted, t, t); }));
  if (kept.samples == 0) {
    chunk->data.clear();
    return OkStatus();
  }
  *chunk = {kept.min_ms, kept.max_ms, chunk::TranscodedEncoding(chunk->encoding),
            std::move(kept.data)};
  return OkStatus();
}

Status Rewriter::LoadChunks(const Kept& series, std::vector<MergeChunk>* chunks) {
  for (const ChunkMeta& meta : series.chunks) {
    if (block::CoversRange(series.deleted, meta.min_ms, meta.max_ms)) {
      ++counts_->chunks_dropped;
      continue;
    }
    THANOS_ASSIGN_OR_RETURN(const auto frame, chunk_stream_.Read(context_, meta.ref));
    MergeChunk chunk{meta.min_ms, meta.max_ms, frame.chunk.encoding,
                     std::string(codec::AsText(frame.chunk.data))};
    if (block::TouchesRange(series.deleted, meta.min_ms, meta.max_ms)) {
      ++counts_->chunks_cut;
      THANOS_RETURN_IF_ERROR(Cut(series.deleted, &chunk));
      if (chunk.data.empty()) continue;
    }
    chunks->push_back(std::move(chunk));
  }
  return OkStatus();
}

// Series that have the same labels now.
Status Rewriter::WriteSeries(std::span<const Kept> same, block::BlockWriter* writer) {
  std::vector<MergeChunk> chunks;
  for (const Kept& series : same) THANOS_RETURN_IF_ERROR(LoadChunks(series, &chunks));
  if (chunks.empty()) return OkStatus();
  counts_->series_merged += same.size() - 1;
  std::stable_sort(chunks.begin(), chunks.end(), [](const auto& a, const auto& b) {
    return a.min_ms != b.min_ms ? a.min_ms < b.min_ms : a.max_ms < b.max_ms;
  });
  if (Overlap(chunks)) {
    std::vector<std::vector<MergeChunk>> lists;
    for (MergeChunk& chunk : chunks) {
      const auto fits = std::find_if(lists.begin(), lists.end(), [&](const auto& list) {
        return list.back().max_ms < chunk.min_ms;
      });
      auto& list = fits == lists.end() ? lists.emplace_back() : *fits;
      list.push_back(std::move(chunk));
    }
    THANOS_ASSIGN_OR_RETURN(chunks, block::MergeSeriesChunks(lists, block::OverlapMerge::kChain));
  }
  std::vector<block::NewChunk> out;
  for (const MergeChunk& chunk : chunks) {
    out.push_back({chunk.min_ms, chunk.max_ms, chunk.encoding, codec::AsBytes(chunk.data)});
  }
  return writer->AddSeries(same[0].labels, out);
}

Status Rewriter::Write(block::BlockWriter* writer) {
  THANOS_RETURN_IF_ERROR(AddSymbols(writer));
  for (size_t begin = 0; begin < kept_.size();) {
    THANOS_RETURN_IF_ERROR(context_.Check());
    size_t end = begin + 1;
    while (end < kept_.size() && kept_[end].labels == kept_[begin].labels) ++end;
    const Status status = WriteSeries(std::span(kept_).subspan(begin, end - begin), writer);
    if (!status.ok()) return status.WithContext("series " + kept_[begin].labels.ToString());
    begin = end;
  }
  return OkStatus();
}

}  // namespace

Result<block::BlockMeta> RewriteBlock(const CallContext& context, const block::Block& source,
                                      const SeriesEditor& edit, const RewriteOptions& options,
                                      const std::string& parent, base::Ulid id,
                                      block::BlockMeta meta, RewriteCounts* counts) {
  Rewriter rewriter(context, source, options, counts);
  Status status = rewriter.Collect(edit);
  if (!status.ok()) return status.WithContext("rewrite block " + source.id());
  if (options.dry_run) return meta;
  THANOS_ASSIGN_OR_RETURN(const auto writer,
                          block::BlockWriter::Create(parent, id, {block::kSegmentBytesMax, false}));
  status = rewriter.Write(writer.get());
  if (!status.ok()) return status.WithContext("rewrite block " + source.id());
  return writer->Finish(std::move(meta));
}

}  // namespace thanos::tools
