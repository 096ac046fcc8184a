#include "downsampling/downsample.h"

#include <memory>
#include <vector>

#include "block/chunk_stream.h"
#include "block/index_reader.h"
#include "downsampling/coarse_block_writer.h"
#include "downsampling/plan.h"
#include "downsampling/series_downsampler.h"

namespace thanos::downsampling {
namespace {

// One block on its way.
class Run {
 public:
  Run(const CallContext& context, const block::Block& source, int64_t resolution_ms,
      CoarseBlockWriter* writer, const DownsampleOptions& options)
      : context_(context),
        source_(source),
        options_(options),
        series_(source.meta().thanos.resolution_ms, resolution_ms),
        chunks_(source),
        writer_(writer) {}

  Status CopySymbols();
  Status OneSeries(uint32_t reference, const block::SeriesEntry& entry);
  Status LeaseMemory();

 private:
  Status Load(const block::SeriesEntry& entry);
  Status Write(const block::SeriesEntry& entry);
  std::string Name(const block::SeriesEntry& entry) const;

  const CallContext& context_;
  const block::Block& source_;
  const DownsampleOptions& options_;
  SeriesDownsampler series_;
  block::ChunkStream chunks_;
  CoarseBlockWriter* const writer_;
  std::vector<InputChunk> inputs_;
  std::vector<base::PinnedBytes> pins_;
  BudgetLease lease_;
};

Status Run::CopySymbols() {
  const block::SymbolTable& symbols = source_.symbols();
  for (uint32_t i = 0; i < symbols.size(); ++i) {
    THANOS_RETURN_IF_ERROR(writer_->AddSymbol(symbols.At(i)));
  }
  return OkStatus();
}

std::string Run::Name(const block::SeriesEntry& entry) const {
  std::string labels;
  const Status status = block::AppendLabels(entry.labels, source_.symbols(), &labels);
  return status.ok() ? LabelsView(labels).ToString() : "of unknown labels";
}

Status Run::Load(const block::SeriesEntry& entry) {
  inputs_.clear();
  pins_.clear();
  for (const block::ChunkMeta& meta : entry.chunks) {
    THANOS_ASSIGN_OR_RETURN(auto frame, chunks_.Read(context_, meta.ref));
    inputs_.push_back({meta.min_ms, meta.max_ms, frame.chunk.encoding, frame.chunk.data});
    if (pins_.empty() || pins_.back().owner() != frame.pin.owner()) {
      pins_.push_back(std::move(frame.pin));
    }
  }
  return OkStatus();
}

// What the largest series so far needed stays charged: the buffers stay.
Status Run::LeaseMemory() {
  size_t held = series_.held_bytes();
  for (const base::PinnedBytes& pin : pins_) held += pin.size();
  if (held <= lease_.bytes()) return OkStatus();
  if (lease_.bytes() > 0) return lease_.Grow(held - lease_.bytes());
  THANOS_ASSIGN_OR_RETURN(lease_, BudgetLease::Take(context_.budget(), held));
  return OkStatus();
}

Status Run::Write(const block::SeriesEntry& entry) {
  if (source_.reference_unit() == block::kSeriesAlignment) {
    // Numbers of symbols are the same in both indexes.
    return writer_->AddSeries(entry.labels, series_.chunks(), series_.sample_count());
  }
  std::string labels;
  THANOS_RETURN_IF_ERROR(block::AppendLabels(entry.labels, source_.symbols(), &labels));
  return writer_->AddSeries(LabelsView(labels), series_.chunks(), series_.sample_count());
}

Status Run::OneSeries(uint32_t reference, const block::SeriesEntry& entry) {
  THANOS_RETURN_IF_ERROR(context_.Check());
  Status status = Load(entry);
  if (status.ok()) {
    status = series_.Run(inputs_, source_.tombstones().Of(reference));
  }
  if (!status.ok()) return status.WithContext("series " + Name(entry));
  THANOS_RETURN_IF_ERROR(LeaseMemory());
  if (series_.chunks().empty()) {
    options_.logger.Warn("series without samples to downsample is left out",
                         {{"series", Name(entry)}});
    return OkStatus();
  }
  return Write(entry);
}

}  // namespace

Result<block::BlockMeta> Downsample(const CallContext& context, const block::Block& source,
                                    int64_t resolution_ms, const std::string& output_parent,
                                    base::Ulid id, const DownsampleOptions& options) {
  THANOS_ASSIGN_OR_RETURN(const int64_t next, NextResolution(source.meta().thanos.resolution_ms));
  if (resolution_ms != next || next == 0) {
    return InvalidArgumentError("block " + source.id() + " of resolution " +
                                std::to_string(source.meta().thanos.resolution_ms) +
                                " cannot be downsampled to " + std::to_string(resolution_ms));
  }
  THANOS_ASSIGN_OR_RETURN(const auto writer,
                          CoarseBlockWriter::Create(output_parent, id, options.segment_bytes_max,
                                                    /*durable=*/true));
  Run run(context, source, resolution_ms, writer.get(), options);
  THANOS_RETURN_IF_ERROR(run.CopySymbols());
  const Status status =
      block::VisitSeries(context, source.index(), source.toc(), source.reference_unit(),
                         [&run](uint32_t reference, const block::SeriesEntry& entry) {
                           return run.OneSeries(reference, entry);
                         });
  THANOS_RETURN_IF_ERROR(status);
  return writer->Finish(source.meta(), resolution_ms);
}

}  // namespace thanos::downsampling
