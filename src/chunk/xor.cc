#include "chunk/xor.h"

#include <algorithm>

#include "chunk/decode.h"
#include "chunk/xor_kernels.h"

namespace thanos::chunk {
namespace {

void PutCount(std::byte* chunk, size_t count) {
  chunk[0] = static_cast<std::byte>(count >> 8);
  chunk[1] = static_cast<std::byte>(count & 0xff);
}

}  // namespace

size_t EncodeXor(const int64_t* t, const double* v, size_t n, std::byte* out) {
  THANOS_CHECK(n <= kChunkSamplesMax);
  PutCount(out, n);
  XorState state;
  state.position = 16;
  EncodeXorSamples(t, v, n, 0, reinterpret_cast<uint8_t*>(out), &state);
  return (state.position + 7) / 8;
}

XorAppender::XorAppender() : buffer_(XorBytesMax(8)), size_(2), bit_position_(16) {}

Result<XorAppender> XorAppender::Resume(std::span<const std::byte> chunk) {
  THANOS_ASSIGN_OR_RETURN(const uint32_t count, SampleCount(ChunkEncoding::kXor, chunk));
  std::vector<int64_t> t(count);
  std::vector<double> v(count);
  XorState end;
  const auto* data = reinterpret_cast<const uint8_t*>(chunk.data());
  const size_t read = DecodeXorSamples(data, chunk.size(), count, t.data(), v.data(), &end);
  if (read < count) {
    return DataLossError("XOR chunk: malformed at sample " + std::to_string(read) + " of " +
                         std::to_string(count));
  }
  XorAppender out;
  if (count == 0) return out;
  out.size_ = (end.position + 7) / 8;
  out.buffer_.assign(chunk.begin(), chunk.begin() + static_cast<ptrdiff_t>(out.size_));
  if (end.position % 8 != 0) {
    out.buffer_.back() &= static_cast<std::byte>(0xff00 >> (end.position % 8) & 0xff);
  }
  out.count_ = count;
  out.bit_position_ = end.position;
  out.t_ = static_cast<int64_t>(end.t);
  out.delta_ = static_cast<int64_t>(end.delta);
  out.value_bits_ = end.value;
  out.leading_ = static_cast<uint8_t>(end.leading);
  out.significant_ = static_cast<uint8_t>(end.significant);
  return out;
}

bool XorAppender::Append(int64_t t, double v) {
  if (count_ >= kChunkSamplesMax) return false;
  if (buffer_.size() < size_ + XorBytesMax(1)) {
    buffer_.resize(std::max(2 * buffer_.size(), size_ + XorBytesMax(8)));
  }
  XorState state{bit_position_,
                 static_cast<uint64_t>(t_),
                 static_cast<uint64_t>(delta_),
                 value_bits_,
                 leading_,
                 significant_};
  EncodeXorSamples(&t, &v, 1, count_, reinterpret_cast<uint8_t*>(buffer_.data()), &state);
  bit_position_ = state.position;
  size_ = (state.position + 7) / 8;
  t_ = t;
  delta_ = static_cast<int64_t>(state.delta);
  value_bits_ = state.value;
  leading_ = static_cast<uint8_t>(state.leading);
  significant_ = static_cast<uint8_t>(state.significant);
  PutCount(buffer_.data(), ++count_);
  return true;
}

}  // namespace thanos::chunk
