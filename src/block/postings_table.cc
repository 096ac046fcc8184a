#include "block/postings_table.h"

#include <algorithm>

#include "block/index_format.h"
#include "codec/byte_reader.h"

namespace thanos::block {
namespace {

constexpr uint64_t kListFrameBytes = 8;  // Length and checksum.

Result<std::span<const std::byte>> Payload(const base::PinnedBytes& section) {
  THANOS_ASSIGN_OR_RETURN(const auto payload,
                          ReadFramedSection(section.bytes(), "postings offset table"));
  if (payload.size() < 4) return DataLossError("postings offset table: shorter than its count");
  return payload;
}

Status EntryError(uint64_t index, const char* what) {
  return DataLossError("postings offset table: entry " + std::to_string(index) + " " + what);
}

}  // namespace

Result<PostingsTable> PostingsTable::Open(base::PinnedBytes section, int index_version,
                                          uint64_t lists_end, uint32_t sampling) {
  PostingsTable table;
  table.sampling_ = std::max(sampling, 1u);
  table.lists_end_ = lists_end;
  THANOS_ASSIGN_OR_RETURN(const auto payload, Payload(section));
  table.section_ = section;
  THANOS_RETURN_IF_ERROR(index_version == 1 ? table.OpenUnsorted(payload)
                                            : table.OpenSorted(payload));
  return table;
}

Status PostingsTable::OpenSorted(std::span<const std::byte> payload) {
  codec::ByteReader in(payload);
  const uint32_t count = in.Be32();
  Entry before;
  for (uint32_t i = 0; i < count; ++i) {
    const auto place = static_cast<uint32_t>(in.position()) + 4;
    if (in.Uvarint() != 2) return EntryError(i, "does not hold two strings");
    Entry entry;
    entry.name = in.UvarintString();
    entry.value = in.UvarintString();
    entry.offset = in.Uvarint();
    THANOS_RETURN_IF_ERROR(in.Check("postings offset table"));
    const bool ascending =
        entry.name > before.name || (entry.name == before.name && entry.value > before.value);
    if (i > 0 && !ascending) return EntryError(i, "is out of order");
    if (i > 0 && entry.offset < before.offset + kListFrameBytes + 4) {
      return EntryError(i, "points before the end of the list before it");
    }
    if (entry.offset > lists_end_ || lists_end_ - entry.offset < kListFrameBytes + 4) {
      return EntryError(i, "points outside the lists");
    }
    THANOS_RETURN_IF_ERROR(AddEntry(entry, place));
    before = entry;
  }
  end_place_ = static_cast<uint32_t>(in.position()) + 4;
  return FinishNames();
}

Status PostingsTable::AddEntry(const Entry& entry, uint32_t place) {
  if (names_.empty() || names_.back().name != entry.name) {
    if (!names_.empty()) names_.back().end = entry.offset;
    names_.push_back({entry.name, static_cast<uint32_t>(samples_.size()), 0, entry.offset, 0});
  }
  if (names_.back().count++ % sampling_ == 0) samples_.push_back(place);
  return OkStatus();
}

Status PostingsTable::FinishNames() {
  if (!names_.empty()) names_.back().end = lists_end_;
  names_.shrink_to_fit();
  samples_.shrink_to_fit();
  return OkStatus();
}

// Version 1: entries are in no order, a list ends where the next one in the file begins.
Status PostingsTable::OpenUnsorted(std::span<const std::byte> payload) {
  codec::ByteReader in(payload);
  const uint32_t count = in.Be32();
  for (uint32_t i = 0; i < count; ++i) {
    if (in.Uvarint() != 2) return EntryError(i, "does not hold two strings");
    Sorted entry;
    entry.name = in.UvarintString();
    entry.value = in.UvarintString();
    entry.range.start = in.Uvarint() + 4;
    THANOS_RETURN_IF_ERROR(in.Check("postings offset table"));
    sorted_.push_back(entry);
  }
  std::sort(sorted_.begin(), sorted_.end(),
            [](const Sorted& a, const Sorted& b) { return a.range.start < b.range.start; });
  for (size_t i = 0; i < sorted_.size(); ++i) {
    const uint64_t end = i + 1 < sorted_.size() ? sorted_[i + 1].range.start - 4 : lists_end_;
    PostingsRange& range = sorted_[i].range;
    if (range.start < 4 || end > lists_end_ || end < range.start + 8) {
      return EntryError(i, "points outside the lists");
    }
    range.end = end - 4;
  }
  std::sort(sorted_.begin(), sorted_.end(), [](const Sorted& a, const Sorted& b) {
    return a.name != b.name ? a.name < b.name : a.value < b.value;
  });
  for (size_t i = 0; i < sorted_.size(); ++i) {
    const Sorted& entry = sorted_[i];
    if (names_.empty() || names_.back().name != entry.name) {
      names_.push_back({entry.name, static_cast<uint32_t>(i), 0, 0, 0});
    }
    Name& name = names_.back();
    ++name.count;
    name.end += entry.range.end - entry.range.start + kListFrameBytes;  // Bytes: begin stays 0.
  }
  return OkStatus();
}

// Every entry was walked over in Open.
PostingsTable::Entry PostingsTable::ReadEntry(uint32_t* place) const {
  codec::ByteReader in(section_.bytes().subspan(*place));
  in.Uvarint();
  Entry entry;
  entry.name = in.UvarintString();
  entry.value = in.UvarintString();
  entry.offset = in.Uvarint();
  *place += static_cast<uint32_t>(in.position());
  return entry;
}

const PostingsTable::Name* PostingsTable::FindName(std::string_view name) const {
  const auto it =
      std::lower_bound(names_.begin(), names_.end(), name,
                       [](const Name& a, std::string_view text) { return a.name < text; });
  return it != names_.end() && it->name == name ? &*it : nullptr;
}

void PostingsTable::VisitSorted(std::string_view name, std::string_view from,
                                const ValueVisitor& visit) const {
  const Name* found = FindName(name);
  if (found == nullptr) return;
  const auto begin = sorted_.begin() + found->first_sample;
  const auto end = begin + found->count;
  auto it = std::lower_bound(begin, end, from, [](const Sorted& entry, std::string_view text) {
    return entry.value < text;
  });
  while (it != end && visit(it->value, it->range)) ++it;
}

void PostingsTable::VisitValues(std::string_view name, std::string_view from,
                                const ValueVisitor& visit) const {
  if (!sorted_.empty()) return VisitSorted(name, from, visit);
  const Name* found = FindName(name);
  if (found == nullptr) return;
  const auto first = samples_.begin() + found->first_sample;
  const auto last = first + (found->count + sampling_ - 1) / sampling_;
  // The last sampled value that is not behind `from`.
  auto sample = std::upper_bound(first, last, from, [this](std::string_view text, uint32_t place) {
    return text < ReadEntry(&place).value;
  });
  if (sample != first) --sample;
  auto index = static_cast<uint32_t>(sample - first) * sampling_;
  uint32_t place = *sample;
  Entry entry = ReadEntry(&place);
  for (; index < found->count; ++index) {
    // A list ends where the next one begins, also across names.
    const Entry next = place < end_place_ ? ReadEntry(&place) : Entry{{}, {}, lists_end_};
    if (entry.value >= from && !visit(entry.value, {entry.offset + 4, next.offset - 4})) return;
    entry = next;
  }
}

std::optional<LabelExtent> PostingsTable::Extent(std::string_view name) const {
  const Name* found = FindName(name);
  if (found == nullptr) return std::nullopt;
  return LabelExtent{found->count, found->end - found->begin};
}

std::vector<std::string> PostingsTable::LabelNames() const {
  std::vector<std::string> out;
  for (const Name& name : names_) {
    if (!name.name.empty()) out.emplace_back(name.name);
  }
  return out;
}

std::vector<std::string> PostingsTable::LabelValues(std::string_view name) const {
  std::vector<std::string> out;
  VisitValues(name, "", [&](std::string_view value, const PostingsRange&) {
    out.emplace_back(value);
    return true;
  });
  return out;
}

std::vector<std::optional<PostingsRange>> PostingsTable::Lookup(
    std::string_view name, const std::vector<std::string>& values) const {
  std::vector<std::optional<PostingsRange>> out;
  for (const std::string& wanted : values) {
    out.emplace_back();
    VisitValues(name, wanted, [&](std::string_view value, const PostingsRange& range) {
      if (value == wanted) out.back() = range;
      return false;
    });
  }
  return out;
}

size_t PostingsTable::memory_bytes() const {
  return names_.capacity() * sizeof(Name) + samples_.capacity() * sizeof(uint32_t) +
         sorted_.capacity() * sizeof(Sorted);
}

}  // namespace thanos::block
