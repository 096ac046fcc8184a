#include "base/ulid.h"

#include <mutex>

#include <sys/random.h>

namespace thanos::base {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

int DigitOf(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  const size_t at = kAlphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

Ulid Ulid::Make(int64_t ms) {
  static std::mutex mutex;
  static Ulid last;  // Guarded by mutex.
  std::lock_guard lock(mutex);
  if (last.time_ms() == ms) {
    for (int i = 15; i >= 6 && ++last.bytes_[i] == 0; --i) {
    }
    return last;
  }
  Ulid ulid;
  for (int i = 0; i < 6; ++i) ulid.bytes_[i] = static_cast<uint8_t>(ms >> (40 - 8 * i));
  THANOS_CHECK(getrandom(ulid.bytes_.data() + 6, 10, 0) == 10);
  ulid.bytes_[6] &= 0x7f;  // Room to count up within one millisecond.
  return last = ulid;
}

Result<Ulid> Ulid::Parse(std::string_view text) {
  if (text.size() != 26) return InvalidArgumentError("ulid: bad data size when unmarshaling");
  if (text[0] > '7') return InvalidArgumentError("ulid: overflow when unmarshaling");
  Ulid ulid;
  // 26 * 5 = 130 bits; the first two are zero.
  unsigned pending = 0;
  int bits = -2;
  size_t at = 0;
  for (const char c : text) {
    const int digit = DigitOf(c);
    if (digit < 0) return InvalidArgumentError("ulid: bad data characters when unmarshaling");
    pending = pending << 5 | static_cast<unsigned>(digit);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      ulid.bytes_[at++] = static_cast<uint8_t>(pending >> bits);
    }
  }
  return ulid;
}

Result<Ulid> Ulid::ParseLenient(std::string_view text) {
  if (text.size() != 26) return InvalidArgumentError("ulid: bad data size when unmarshaling");
  if (text[0] > '7') return InvalidArgumentError("ulid: overflow when unmarshaling");
  Ulid ulid;
  for (int i = 0; i < 16; ++i) {
    // Byte i is bits 8i + 2 to 8i + 10 of the 130. A bad character counts as 0xff, whose upper bits
    // spill over those of its neighbour.
    const int end = 8 * i + 10;
    for (int j = (end - 8) / 5; 5 * j < end; ++j) {
      const int digit = DigitOf(text[static_cast<size_t>(j)]);
      const unsigned value = digit < 0 ? 0xff : static_cast<unsigned>(digit);
      const int shift = end - 5 * j - 5;
      ulid.bytes_[i] |= static_cast<uint8_t>(shift >= 0 ? value << shift : value >> -shift);
    }
  }
  return ulid;
}

int64_t Ulid::time_ms() const {
  int64_t ms = 0;
  for (int i = 0; i < 6; ++i) ms = ms << 8 | bytes_[i];
  return ms;
}

std::string Ulid::ToString() const {
  std::string text;
  unsigned pending = 0;
  int bits = 2;
  for (const uint8_t byte : bytes_) {
    pending = (pending << 8 | byte) & 0xffff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += kAlphabet[pending >> bits & 31];
    }
  }
  return text;
}

}  // namespace thanos::base
