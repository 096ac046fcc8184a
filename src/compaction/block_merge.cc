#include "compaction/block_merge.h"

#include <algorithm>
#include <compare>

#include "block/index_reader.h"
#include "block/postings_list.h"
#include "compaction/index_health.h"

namespace thanos::compaction {
namespace {

using Inputs = std::vector<std::unique_ptr<BlockInput>>;

// A heap of what each input stands at, smallest first; of equals the input that comes first.
template <typename Less>
class InputHeap {
 public:
  explicit InputHeap(Less less) : less_(std::move(less)) {}
  void Push(size_t input) {
    items_.push_back(input);
    std::push_heap(items_.begin(), items_.end(), Greater());
  }
  size_t Pop() {
    std::pop_heap(items_.begin(), items_.end(), Greater());
    const size_t input = items_.back();
    items_.pop_back();
    return input;
  }
  size_t top() const { return items_.front(); }
  bool empty() const { return items_.empty(); }

 private:
  auto Greater() {
    return [this](size_t a, size_t b) {
      const auto order = less_(a, b);
      return order != 0 ? order > 0 : a > b;
    };
  }
  Less less_;
  std::vector<size_t> items_;
};

// Writes the union of all symbols and tells each input what number its symbols have there.
Status MergeSymbols(const CallContext& context, Inputs& inputs, block::BlockWriter& writer) {
  std::vector<uint32_t> next(inputs.size());
  std::vector<std::vector<uint32_t>> numbers(inputs.size());
  InputHeap heap([&](size_t a, size_t b) {
    return inputs[a]->symbols().At(next[a]) <=> inputs[b]->symbols().At(next[b]);
  });
  for (size_t i = 0; i < inputs.size(); ++i) {
    numbers[i].reserve(inputs[i]->symbols().size());
    if (inputs[i]->symbols().size() > 0) heap.Push(i);
  }
  constexpr uint32_t kCheckEvery = 1 << 16;
  for (uint32_t number = 0; !heap.empty(); ++number) {
    if (number % kCheckEvery == 0) THANOS_RETURN_IF_ERROR(context.Check());
    const std::string_view text = inputs[heap.top()]->symbols().At(next[heap.top()]);
    THANOS_RETURN_IF_ERROR(writer.AddSymbol(text));
    while (!heap.empty() && inputs[heap.top()]->symbols().At(next[heap.top()]) == text) {
      const size_t input = heap.Pop();
      numbers[input].push_back(number);
      if (++next[input] < inputs[input]->symbols().size()) heap.Push(input);
    }
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    THANOS_RETURN_IF_ERROR(inputs[i]->TranslateSymbols(context, std::move(numbers[i])));
  }
  return OkStatus();
}

std::strong_ordering CompareLabels(const BlockInput& a, const BlockInput& b) {
  const auto x = a.labels(), y = b.labels();
  return std::lexicographical_compare_three_way(
      x.begin(), x.end(), y.begin(), y.end(),
      [](const block::SymbolPair& p, const block::SymbolPair& q) {
        return p.name != q.name ? p.name <=> q.name : p.value <=> q.value;
      });
}

Status MergeSeries(const CallContext& context, Inputs& inputs, SeriesMerger& merger,
                   block::BlockWriter& writer, uint64_t* series) {
  InputHeap heap([&](size_t a, size_t b) { return CompareLabels(*inputs[a], *inputs[b]); });
  const auto advance = [&](size_t input) -> Status {
    THANOS_ASSIGN_OR_RETURN(const bool more, inputs[input]->Next(context));
    if (more) heap.Push(input);
    return OkStatus();
  };
  for (size_t i = 0; i < inputs.size(); ++i) THANOS_RETURN_IF_ERROR(advance(i));
  std::vector<size_t> chosen;
  std::vector<BlockInput*> equal;
  std::vector<block::ChunkMeta> metas;
  std::vector<block::SymbolPair> labels;
  while (!heap.empty()) {
    chosen.assign(1, heap.Pop());
    const BlockInput& first = *inputs[chosen[0]];
    while (!heap.empty() && CompareLabels(*inputs[heap.top()], first) == 0) {
      chosen.push_back(heap.Pop());
    }
    equal.clear();
    for (const size_t input : chosen) equal.push_back(inputs[input].get());
    metas.clear();
    THANOS_RETURN_IF_ERROR(merger.Write(context, equal, &metas));
    if (!metas.empty()) {
      labels.assign(first.labels().begin(), first.labels().end());
      THANOS_RETURN_IF_ERROR(writer.index().AddSeries(labels, metas));
      ++*series;
    }
    for (const size_t input : chosen) THANOS_RETURN_IF_ERROR(advance(input));
  }
  return OkStatus();
}

// Times, level, sources and parents of what the inputs become.
block::BlockMeta MetaOf(const Inputs& inputs, base::Ulid id) {
  block::BlockMeta meta;
  meta.min_ms = INT64_MAX;
  meta.max_ms = INT64_MIN;
  for (const auto& input : inputs) {
    const block::BlockMeta& one = input->meta();
    meta.min_ms = std::min(meta.min_ms, one.min_ms);
    meta.max_ms = std::max(meta.max_ms, one.max_ms);
    meta.compaction.level = std::max(meta.compaction.level, one.compaction.level);
    meta.compaction.sources.insert(meta.compaction.sources.end(), one.compaction.sources.begin(),
                                   one.compaction.sources.end());
    meta.compaction.parents.push_back({one.ulid, one.min_ms, one.max_ms});
  }
  ++meta.compaction.level;
  auto& sources = meta.compaction.sources;
  // The rewrite of one block has the same sources: its own id among them makes it, not the block
  // it replaces, the one that covers the other, for every reader of metas.
  if (inputs.size() == 1) sources.push_back(id);
  std::sort(sources.begin(), sources.end());
  sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
  return meta;
}

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

Result<MergedBlock> MergeBlocks(const CallContext& context, const MergeRequest& request) {
  Inputs inputs;
  for (size_t i = 0; i < request.directories.size(); ++i) {
    const bool unsorted = i < request.unsorted_labels.size() && request.unsorted_labels[i];
    THANOS_ASSIGN_OR_RETURN(auto input,
                            BlockInput::Open(context, request.directories[i], unsorted));
    inputs.push_back(std::move(input));
  }
  THANOS_ASSIGN_OR_RETURN(
      const auto writer,
      block::BlockWriter::Create(
          request.parent, request.id,
          {.write_tombstones = false, .index_limits = request.limits, .durable = false}));
  THANOS_RETURN_IF_ERROR(MergeSymbols(context, inputs, *writer));
  SeriesMerger merger(request.rule, writer.get());
  uint64_t series = 0;
  THANOS_RETURN_IF_ERROR(MergeSeries(context, inputs, merger, *writer, &series));
  MergedBlock out;
  out.counts = merger.counts();
  if (series == 0) return out;
  THANOS_ASSIGN_OR_RETURN(out.meta, writer->Finish(MetaOf(inputs, request.id)));
  return out;
}

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
