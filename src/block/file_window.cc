#include "block/file_window.h"

#include <algorithm>

namespace thanos::block {

Result<std::span<const std::byte>> FileWindow::View(const CallContext& context, uint64_t offset,
                                                    uint64_t length) {
  const uint64_t size = file_->size();
  if (offset > size) return std::span<const std::byte>();
  const uint64_t end = std::min(size - offset, length) + offset;
  if (offset < begin_ || end > begin_ + piece_.size()) {
    THANOS_RETURN_IF_ERROR(context.Check());
    piece_ = {};  // Its memory serves the next one.
    begin_ = offset;
    THANOS_ASSIGN_OR_RETURN(
        piece_,
        file_->Read(context, offset, std::min(size - offset, std::max(length, piece_bytes_))));
  }
  return piece_.bytes().subspan(offset - begin_);
}

}  // namespace thanos::block
