#include "block/block_source.h"

#include <algorithm>
#include <map>

#include "block/block_labels.h"
#include "block/block_select.h"

namespace thanos::block {

BlockSource::BlockSource(std::string name, std::vector<BlockRef> blocks, BlockCursorOptions options)
    : name_(std::move(name)), blocks_(std::move(blocks)), options_(std::move(options)) {}

SourceInfo BlockSource::Info() const {
  std::vector<BlockCandidate> candidates;
  for (const BlockRef& block : blocks_) {
    candidates.push_back({&block->meta(), options_.external_labels ? block->external_labels().view()
                                                                   : LabelsView()});
  }
  return InfoOfBlocks(name_, candidates);
}

Result<std::unique_ptr<SeriesCursor>> BlockSource::Select(const CallContext& context,
                                                          const SelectRequest& request) {
  const BlockQuery query{
      request.matchers, request.min_ms, request.max_ms, request.max_resolution_ms, {}};
  return MakeBlockCursor(context, SelectBlocks(blocks_, query), request, options_);
}

Result<LabelsResult> BlockSource::LabelNames(const CallContext& context,
                                             const LabelsRequest& request) {
  const BlockQuery query{request.matchers, request.min_ms, request.max_ms, INT64_MAX, {}};
  return BlockLabelNames(context, SelectBlocks(blocks_, query), request, options_);
}

Result<LabelsResult> BlockSource::LabelValues(const CallContext& context, const std::string& name,
                                              const LabelsRequest& request) {
  const BlockQuery query{request.matchers, request.min_ms, request.max_ms, INT64_MAX, {}};
  return BlockLabelValues(context, SelectBlocks(blocks_, query), name, request, options_);
}

SourceInfo InfoOfBlocks(std::string name, std::span<const BlockCandidate> blocks) {
  SourceInfo info;
  info.name = std::move(name);
  info.min_ms = INT64_MAX;
  info.max_ms = INT64_MIN;
  std::map<std::string, std::vector<const BlockCandidate*>> by_labels;
  for (const BlockCandidate& block : blocks) {
    info.min_ms = std::min(info.min_ms, block.meta->min_ms);
    info.max_ms = std::max(info.max_ms, block.meta->max_ms);
    by_labels[block.labels.ToString()].push_back(&block);
  }
  for (auto& [text, list] : by_labels) {
    const Labels labels(list[0]->labels);
    if (!labels.empty()) info.label_sets.push_back(labels);
    std::sort(list.begin(), list.end(), [](const BlockCandidate* a, const BlockCandidate* b) {
      return a->meta->min_ms < b->meta->min_ms;
    });
    bool open = false;
    for (const BlockCandidate* block : list) {
      const BlockMeta& meta = *block->meta;
      if (open && meta.min_ms <= info.tsdbs.back().max_ms) {
        info.tsdbs.back().max_ms = std::max(info.tsdbs.back().max_ms, meta.max_ms);
      } else {
        info.tsdbs.push_back({labels, meta.min_ms, meta.max_ms});
      }
      open = true;
    }
  }
  return info;
}

}  // namespace thanos::block
