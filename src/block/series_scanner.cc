#include "block/series_scanner.h"

#include <algorithm>

namespace thanos::block {
namespace {

constexpr uint64_t kLengthBytesMax = 16;  // Enough to see how long an entry is.

}  // namespace

SeriesScanner::SeriesScanner(base::RangeReader* index, const IndexToc& toc, uint64_t reference_unit,
                             uint64_t piece_bytes)
    : index_(index),
      unit_(reference_unit),
      piece_bytes_(std::max(piece_bytes, kLengthBytesMax)),
      end_(toc.series_end()),
      at_(toc.series) {}

Status SeriesScanner::Load(const CallContext& context, uint64_t length) {
  THANOS_RETURN_IF_ERROR(context.Check());
  piece_begin_ = at_;
  THANOS_ASSIGN_OR_RETURN(piece_, index_->Read(context, at_, std::min(length, end_ - at_)));
  return OkStatus();
}

Result<bool> SeriesScanner::Next(const CallContext& context, SeriesEntry* out) {
  while (at_ < end_) {
    if (at_ >= piece_begin_ + piece_.size()) THANOS_RETURN_IF_ERROR(Load(context, piece_bytes_));
    auto rest = piece_.bytes().subspan(at_ - piece_begin_);
    if (rest[0] == std::byte{0}) {  // Padding.
      ++at_;
      continue;
    }
    if (rest.size() < kLengthBytesMax && piece_begin_ + piece_.size() < end_) {
      THANOS_RETURN_IF_ERROR(Load(context, piece_bytes_));
      rest = piece_.bytes();
    }
    auto bytes = ReadSeriesBytes(rest);
    if (bytes.ok() && bytes->payload.empty() && bytes->entry_bytes <= end_ - at_) {
      THANOS_RETURN_IF_ERROR(Load(context, std::max(piece_bytes_, bytes->entry_bytes)));
      bytes = ReadSeriesBytes(piece_.bytes());
    }
    Status status = bytes.status();
    if (status.ok() && bytes->payload.empty()) {
      status = DataLossError("index series entry: passes the end of its section");
    }
    if (status.ok()) status = DecodeSeries(bytes->payload, out);
    if (!status.ok()) return status.WithContext(index_->name() + " at " + std::to_string(at_));
    reference_ = static_cast<uint32_t>(at_ / unit_);
    at_ += bytes->entry_bytes;
    return true;
  }
  return false;
}

}  // namespace thanos::block
