// Room on the disk that work directories share: who has been promised how much of it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "block/meta.h"
#include "thanos/status.h"

namespace thanos::compaction {

/// What a local copy of the block takes, by the file sizes its meta states, in whole pages of the
/// file system; only the pages of meta.json when it states none.
uint64_t DiskBytesOf(const block::BlockMeta& meta);

/// The same without its chunks.
uint64_t DiskBytesWithoutChunks(const block::BlockMeta& meta);

/// Bytes of the files below `directory`; 0 when it is not there.
uint64_t BytesBelow(const std::string& directory);

/// Thread-safe.
class ScratchSpace {
 public:
  using FreeBytes = std::function<Result<uint64_t>(const std::string& directory)>;
  /// `free_bytes` asks the file system that a directory lies on; null: the real one.
  explicit ScratchSpace(FreeBytes free_bytes);

  /// A promise; what is not yet written of it is not given to others. Ends with this object.
  class Claim {
   public:
    Claim() = default;
    Claim(Claim&& other) noexcept { *this = std::move(other); }
    Claim& operator=(Claim&& other) noexcept;
    ~Claim() { Release(); }
    bool held() const { return space_ != nullptr; }

   private:
    friend class ScratchSpace;
    void Release();
    ScratchSpace* space_ = nullptr;
    std::string directory_;
  };

  struct Answer {
    Claim claim;              // Held when there is room.
    uint64_t room_bytes = 0;  // What the asker could have, what its directory holds included.
    bool shared = false;      // Others hold claims: there may be more room when they are done.
  };
  /// Asks that `directory`, which exists and is nobody else's, may come to hold `bytes` in all.
  Result<Answer> Ask(const std::string& directory, uint64_t bytes);

 private:
  const FreeBytes free_bytes_;
  std::mutex mutex_;
  std::map<std::string, uint64_t> claims_;  // By directory. Guarded by mutex_.
};

}  // namespace thanos::compaction
