// Reads of one file that mostly go on where the last one ended, in pieces.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/pinned_bytes.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::block {

/// Holds one piece of the file, or a longer one where more is asked for at once. One thread.
/// `piece_bytes`: larger where each read costs a request.
class FileWindow {
 public:
  static constexpr uint64_t kPieceBytes = 64 << 10;
  explicit FileWindow(std::shared_ptr<base::RangeReader> file, uint64_t piece_bytes = kPieceBytes)
      : file_(std::move(file)), piece_bytes_(piece_bytes) {}

  /// At least `length` bytes at `offset`, fewer only at the end of the file, none behind it. Valid
  /// until the next call, or as long as a copy of pin() lives.
  Result<std::span<const std::byte>> View(const CallContext& context, uint64_t offset,
                                          uint64_t length);
  /// What the bytes given last lie in.
  const base::PinnedBytes& pin() const { return piece_; }
  uint64_t size() const { return file_->size(); }
  const std::string& name() const { return file_->name(); }

 private:
  std::shared_ptr<base::RangeReader> file_;
  uint64_t piece_bytes_;
  uint64_t begin_ = 0;  // Of the piece, in the file.
  base::PinnedBytes piece_;
};

}  // namespace thanos::block
