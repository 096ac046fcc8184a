#include "compaction/block_input.h"

#include <algorithm>

#include "block/byte_sink.h"
#include "block/index_format.h"
#include "codec/byte_reader.h"

namespace thanos::compaction {
namespace {

constexpr size_t kMetaBytesMax = 64 << 20;
constexpr size_t kTombstonesBytesMax = 1 << 30;
constexpr uint64_t kIndexPieceBytes = 256 << 10;

bool LabelsLess(const block::SeriesEntry& a, const block::SeriesEntry& b) {
  return std::lexicographical_compare(
      a.labels.begin(), a.labels.end(), b.labels.begin(), b.labels.end(),
      [](const block::SymbolPair& x, const block::SymbolPair& y) {
        return x.name != y.name ? x.name < y.name : x.value < y.value;
      });
}

Result<block::Tombstones> ReadTombstones(const std::string& path) {
  auto bytes = block::ReadFile(path, kTombstonesBytesMax);
  if (!bytes.ok()) {
    if (bytes.status().code() == StatusCode::kNotFound) return block::Tombstones();
    return bytes.status();
  }
  auto read = block::Tombstones::Parse(codec::AsBytes(*bytes));
  if (!read.ok()) return read.status().WithContext(path);
  return read;
}

}  // namespace

Result<std::unique_ptr<BlockInput>> BlockInput::Open(const CallContext& context,
                                                     const std::string& directory, bool sort_series,
                                                     const ChunkSource& source) {
  block::Block::SegmentOpener segments = source.segments;
  if (segments == nullptr) {
    THANOS_ASSIGN_OR_RETURN(segments, block::OpenSegments(context, directory));
  }
  std::unique_ptr<BlockInput> input(new BlockInput(std::move(segments), source.piece_bytes));
  THANOS_ASSIGN_OR_RETURN(
      input->piece_lease_,
      BudgetLease::Take(context.budget(), kIndexPieceBytes + source.piece_bytes));
  input->directory_ = directory;
  input->sort_series_ = sort_series;
  const std::string meta_path = directory + "/" + std::string(block::kMetaFile);
  THANOS_ASSIGN_OR_RETURN(const std::string text, block::ReadFile(meta_path, kMetaBytesMax));
  auto meta = block::ParseMeta(text);
  if (!meta.ok()) return meta.status().WithContext(meta_path);
  input->meta_ = std::move(*meta);
  THANOS_ASSIGN_OR_RETURN(input->tombstones_,
                          ReadTombstones(directory + "/" + std::string(block::kTombstonesFile)));
  const std::string index_path = directory + "/" + std::string(block::kIndexFile);
  THANOS_ASSIGN_OR_RETURN(input->index_, base::OpenFileReader(index_path));
  base::RangeReader* const index = input->index_.get();
  const auto open = [&]() -> Status {
    THANOS_ASSIGN_OR_RETURN(const block::IndexHead head, block::ReadIndexHead(context, *index));
    const block::IndexToc& toc = head.toc;
    input->index_version_ = head.version;
    THANOS_ASSIGN_OR_RETURN(
        input->symbols_lease_,
        BudgetLease::Take(context.budget(), toc.series - std::min(toc.series, toc.symbols)));
    THANOS_ASSIGN_OR_RETURN(auto symbols,
                            index->Read(context, toc.symbols, toc.series - toc.symbols));
    THANOS_ASSIGN_OR_RETURN(input->symbols_,
                            block::SymbolTable::Open(std::move(symbols), input->index_version_,
                                                     toc.symbols, /*sampling=*/1));
    THANOS_RETURN_IF_ERROR(input->symbols_lease_.Grow(input->symbols_.memory_bytes()));
    input->scanner_ =
        std::make_unique<block::SeriesScanner>(index, toc, head.reference_unit(), kIndexPieceBytes);
    return OkStatus();
  };
  THANOS_RETURN_IF_ERROR(open().WithContext(index_path));
  return input;
}

Status BlockInput::TranslateSymbols(const CallContext& context, std::vector<uint32_t> numbers) {
  numbers_ = std::move(numbers);
  if (index_version_ == 1) {
    for (uint32_t i = 0; i < symbols_.size(); ++i) references_.push_back(symbols_.ReferenceAt(i));
  }
  symbols_ = block::SymbolTable();
  symbols_lease_.Reset();
  const size_t held = (numbers_.size() + references_.size()) * sizeof(uint32_t);
  THANOS_ASSIGN_OR_RETURN(symbols_lease_, BudgetLease::Take(context.budget(), held));
  return sort_series_ ? LoadSorted(context) : OkStatus();
}

Result<uint32_t> BlockInput::Translate(uint32_t symbol) const {
  if (index_version_ == 1) {
    const auto it = std::lower_bound(references_.begin(), references_.end(), symbol);
    if (it != references_.end() && *it == symbol) {
      return numbers_[static_cast<size_t>(it - references_.begin())];
    }
  } else if (symbol < numbers_.size()) {
    return numbers_[symbol];
  }
  return DataLossError(directory_ + "/index: series " + std::to_string(reference_) +
                       " has a label that is no symbol");
}

Result<bool> BlockInput::NextInFile(const CallContext& context) {
  THANOS_ASSIGN_OR_RETURN(const bool more, scanner_->Next(context, &entry_));
  if (!more) return false;
  reference_ = scanner_->reference();
  for (block::SymbolPair& label : entry_.labels) {
    THANOS_ASSIGN_OR_RETURN(label.name, Translate(label.name));
    THANOS_ASSIGN_OR_RETURN(label.value, Translate(label.value));
  }
  return true;
}

Status BlockInput::LoadSorted(const CallContext& context) {
  THANOS_ASSIGN_OR_RETURN(sorted_lease_, BudgetLease::Take(context.budget(), 0));
  while (true) {
    THANOS_ASSIGN_OR_RETURN(const bool more, NextInFile(context));
    if (!more) break;
    std::sort(
        entry_.labels.begin(), entry_.labels.end(),
        [](const block::SymbolPair& a, const block::SymbolPair& b) { return a.name < b.name; });
    THANOS_RETURN_IF_ERROR(sorted_lease_.Grow(sizeof(SortedSeries) +
                                              entry_.labels.size() * sizeof(block::SymbolPair) +
                                              entry_.chunks.size() * sizeof(block::ChunkMeta)));
    sorted_.push_back({entry_, reference_});
  }
  std::stable_sort(
      sorted_.begin(), sorted_.end(),
      [](const SortedSeries& a, const SortedSeries& b) { return LabelsLess(a.entry, b.entry); });
  for (size_t i = 1; i < sorted_.size(); ++i) {
    if (!LabelsLess(sorted_[i - 1].entry, sorted_[i].entry)) {
      return DataLossError(directory_ + "/index: series " + std::to_string(sorted_[i].reference) +
                           " and " + std::to_string(sorted_[i - 1].reference) +
                           " have the same labels in another order");
    }
  }
  return OkStatus();
}

Result<bool> BlockInput::NextSorted() {
  if (next_sorted_ == sorted_.size()) return false;
  entry_ = std::move(sorted_[next_sorted_].entry);
  reference_ = sorted_[next_sorted_].reference;
  ++next_sorted_;
  return true;
}

Result<bool> BlockInput::Next(const CallContext& context) {
  return sort_series_ ? NextSorted() : NextInFile(context);
}

}  // namespace thanos::compaction
