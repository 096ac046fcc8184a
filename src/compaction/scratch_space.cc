#include "compaction/scratch_space.h"

#include <algorithm>
#include <filesystem>

namespace fs = std::filesystem;

namespace thanos::compaction {
namespace {

constexpr uint64_t kPageBytes = 4096;
// What no block reaches: sums of what metas state stay numbers, whatever stands in them.
constexpr uint64_t kBlockBytesMax = uint64_t{1} << 48;

uint64_t InPages(uint64_t bytes) {
  return (std::min(bytes, kBlockBytesMax) + kPageBytes - 1) / kPageBytes * kPageBytes;
}

Result<uint64_t> FreeBytesOfDisk(const std::string& directory) {
  std::error_code error;
  const auto space = fs::space(directory, error);
  if (error) return ErrnoError(error.value(), "ask for free space of " + directory);
  return uint64_t{space.available};
}

uint64_t DiskBytes(const block::BlockMeta& meta, bool with_chunks) {
  uint64_t bytes = kPageBytes;
  for (const block::FileMeta& file : meta.thanos.files) {
    if (!with_chunks && file.path != block::kIndexFile) continue;
    bytes += InPages(static_cast<uint64_t>(std::max<int64_t>(file.size_bytes, 0)));
    bytes = std::min(bytes, kBlockBytesMax);
  }
  return bytes;
}

}  // namespace

uint64_t DiskBytesOf(const block::BlockMeta& meta) { return DiskBytes(meta, true); }

uint64_t DiskBytesWithoutChunks(const block::BlockMeta& meta) { return DiskBytes(meta, false); }

uint64_t BytesBelow(const std::string& directory) {
  uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (!it->is_regular_file(ignored)) continue;
    const uint64_t size = it->file_size(ignored);
    if (!ignored) bytes += InPages(size);
  }
  return bytes;
}

ScratchSpace::ScratchSpace(FreeBytes free_bytes)
    : free_bytes_(free_bytes ? std::move(free_bytes) : FreeBytesOfDisk) {}

Result<ScratchSpace::Answer> ScratchSpace::Ask(const std::string& directory, uint64_t bytes) {
  Answer answer;
  std::lock_guard lock(mutex_);
  THANOS_CHECK(!claims_.contains(directory));
  THANOS_ASSIGN_OR_RETURN(uint64_t room, free_bytes_(directory));
  room += BytesBelow(directory);
  for (const auto& [other, claimed] : claims_) {
    answer.shared = true;
    const uint64_t written = BytesBelow(other);
    room -= std::min(room, claimed - std::min(claimed, written));
  }
  answer.room_bytes = room;
  if (bytes > room) return answer;
  claims_.emplace(directory, bytes);
  answer.claim.space_ = this;
  answer.claim.directory_ = directory;
  return answer;
}

ScratchSpace::Claim& ScratchSpace::Claim::operator=(Claim&& other) noexcept {
  if (this == &other) return *this;
  Release();
  space_ = std::exchange(other.space_, nullptr);
  directory_ = std::move(other.directory_);
  return *this;
}

void ScratchSpace::Claim::Release() {
  if (space_ == nullptr) return;
  std::lock_guard lock(space_->mutex_);
  space_->claims_.erase(directory_);
  space_ = nullptr;
}

}  // namespace thanos::compaction
