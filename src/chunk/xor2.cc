#include "chunk/xor2.h"

#include "chunk/bit_reader.h"
#include "model/histogram.h"

namespace thanos::chunk {
namespace {

class Xor2Reader {
 public:
  explicit Xor2Reader(std::span<const std::byte> data) : in_(data, 3) {
    const auto header = std::to_integer<uint32_t>(data[2]);
    first_start_known_ = header >> 7;
    start_changes_on_ = header & 0x7f;
  }

  /// False when malformed.
  bool Read(uint32_t index) {
    const uint64_t before = t_;
    if (index == 0) {
      ReadFirst();
    } else if (index == 1) {
      delta_ = in_.Uvarint();
      t_ += delta_;
      ReadValue();
    } else {
      ReadNext();
    }
    if (index > 0 && start_changes_on_ != 0 && index >= start_changes_on_) {
      // A difference to the time before; from the second on, the change of it.
      const auto read = static_cast<uint64_t>(ReadVarbitInt(in_));
      start_delta_ = index == start_changes_on_ ? read : start_delta_ + read;
      start_ = before - start_delta_;
    }
    return in_.ok();
  }
  bool has_start_times() const { return first_start_known_ || start_changes_on_ != 0; }
  int64_t start() const { return static_cast<int64_t>(start_); }
  int64_t t() const { return static_cast<int64_t>(t_); }
  double v() const { return std::bit_cast<double>(value_); }

 private:
  void ReadFirst() {
    t_ = static_cast<uint64_t>(in_.Varint());
    value_ = in_.Bits(64);
    // A stale first value leaves the baseline at 0.
    baseline_.bits = value_ == model::kStaleNanBits ? 0 : value_;
    if (first_start_known_) start_ = t_ - static_cast<uint64_t>(in_.Varint());
  }

  void AddDelta(unsigned width) {
    uint64_t dod = in_.Bits(width);
    if (width < 64 && dod >> (width - 1)) dod -= uint64_t{1} << width;  // Two's complement.
    delta_ += dod;
  }

  void ReadNext() {
    const unsigned control = in_.Ones(5);
    if (control == 2) AddDelta(13);
    if (control == 3) AddDelta(20);
    if (control == 4) AddDelta(64);
    t_ += delta_;
    switch (control) {
      case 0:
        value_ = baseline_.bits;
        break;
      case 1:
        ReadChangedValue(in_.Bit());
        break;
      case 5:
        value_ = model::kStaleNanBits;
        break;
      default:
        ReadValue();
    }
  }

  // `0` unchanged, `10` in the window, `110` a new window, `111` stale.
  void ReadValue() {
    switch (in_.Ones(3)) {
      case 0:
        value_ = baseline_.bits;
        break;
      case 1:
        ReadChangedValue(false);
        break;
      case 2:
        ReadChangedValue(true);
        break;
      default:
        value_ = model::kStaleNanBits;
    }
  }

  void ReadChangedValue(bool new_window) {
    if (new_window) baseline_.ReadWindow(in_);
    baseline_.ReadInWindow(in_);
    value_ = baseline_.bits;
  }

  BitReader in_;
  bool first_start_known_;
  uint32_t start_changes_on_;
  uint64_t t_ = 0, delta_ = 0, value_ = 0;
  uint64_t start_ = 0, start_delta_ = 0;
  XorValueReader baseline_;  // The last value that was not stale.
};

}  // namespace

Status DecodeXor2(std::span<const std::byte> data, Columns* out) {
  if (data.size() < 3) return DataLossError("XOR2 chunk: shorter than its header");
  const uint32_t count = codec::LoadBe16(data.data());
  Xor2Reader reader(data);
  for (uint32_t i = 0; i < count; ++i) {
    if (!reader.Read(i)) {
      return DataLossError("XOR2 chunk: malformed at sample " + std::to_string(i) + " of " +
                           std::to_string(count));
    }
    if (reader.has_start_times()) {
      out->st.resize(out->t.size());
      out->st.push_back(reader.start());
    }
    out->t.push_back(reader.t());
    out->v.push_back(reader.v());
  }
  return OkStatus();
}

}  // namespace thanos::chunk
