#include "chunk/xor_kernels.h"

#include <bit>
#include <cstring>

#include "chunk/bit_reader.h"

namespace thanos::chunk {
namespace {

// A sample takes at most 68 + 13 + 64 bits and the loads behind it reach 9 bytes further: with this
// many bytes left a sample is read without looking at the end.
constexpr size_t kSlackBytes = 32;

// 57 valid bits at the top. No buffer of bits is kept: position, load and shift is the whole chain.
[[gnu::always_inline]] inline uint64_t Peek(const uint8_t* p, uint64_t position) {
  return codec::LoadBe64(p + (position >> 3)) << (position & 7);
}
[[gnu::always_inline]] inline uint64_t Peek64(const uint8_t* p, uint64_t position) {
  return Peek(p, position) | uint64_t{p[(position >> 3) + 8]} >> (8 - (position & 7));
}

// Delta-of-deltas of 17, 20 and 64 bits: rare, kept out of the loop.
[[gnu::noinline]] uint64_t SlowDelta(const uint8_t* p, uint64_t position, uint64_t* delta) {
  const uint64_t word = Peek(p, position);
  if (((word >> 61) & 1) == 0) {
    *delta += static_cast<uint64_t>(SignedOfWidth((word << 3) >> 47, 17));
    return position + 20;
  }
  if (((word >> 60) & 1) == 0) {
    *delta += static_cast<uint64_t>(SignedOfWidth((word << 4) >> 44, 20));
    return position + 24;
  }
  *delta += Peek64(p, position + 4);
  return position + 68;
}

struct Cursor {
  uint64_t position, t, delta, value;
  uint32_t significant, trailing;
  bool broken = false;
};

// The value part, whose first bits stand at the top of `word`. False: the window is impossible.
[[gnu::always_inline]] inline bool ReadValue(const uint8_t* p, uint64_t word, Cursor& c) {
  if (!(word >> 63)) {
    ++c.position;
    return true;
  }
  if ((word >> 62) & 1) {
    const auto leading = static_cast<uint32_t>(word >> 57) & 31;
    c.significant = ((static_cast<uint32_t>(word >> 51) - 1) & 63) + 1;  // 0 stands for 64.
    if (leading + c.significant > 64) [[unlikely]]
      return false;
    c.trailing = 64 - leading - c.significant;
    c.position += 13;
  } else {
    if (c.significant == 0) [[unlikely]]
      return false;
    c.position += 2;
  }
  c.value ^= (Peek64(p, c.position) >> (64 - c.significant)) << c.trailing;
  c.position += c.significant;
  return true;
}

[[gnu::always_inline]] inline bool ReadSample(const uint8_t* p, Cursor& c) {
  uint64_t word = Peek(p, c.position);
  if ((word >> 62) == 2) {  // '10': 14 bits, what scrape jitter makes.
    const auto bits = (word << 2) >> 50;
    c.delta += bits - (bits > 8192 ? 16384 : 0);
    word <<= 16;
    c.position += 16;
  } else if (!(word >> 63)) [[likely]] {  // '0': regular.
    word <<= 1;
    ++c.position;
  } else {
    c.position = SlowDelta(p, c.position, &c.delta);
    word = Peek(p, c.position);
  }
  c.t += c.delta;
  return ReadValue(p, word, c);
}

#if defined(__x86_64__)
// Shifts by a variable are three operations on the baseline and one with BMI2: a fifth of the time
// of a sample. The loops are compiled for both, and one is taken at run time.
#define THANOS_MODERN_CPU [[gnu::target("avx2,bmi,bmi2,lzcnt,movbe")]]
bool HasModernCpu() {
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                          __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("lzcnt");
  return has;
}
#endif

// Samples i to n while they begin before `begin_limit` and end at or before `end_limit` (bits).
[[gnu::always_inline]] inline size_t RunLoop(const uint8_t* p, uint64_t begin_limit,
                                             uint64_t end_limit, size_t i, size_t n, int64_t* t,
                                             double* v, Cursor* cursor) {
  Cursor c = *cursor;
  for (; i < n && c.position < begin_limit; ++i) {
    if (!ReadSample(p, c) || c.position > end_limit) [[unlikely]] {
      c.broken = true;
      break;
    }
    t[i] = static_cast<int64_t>(c.t);
    v[i] = std::bit_cast<double>(c.value);
  }
  *cursor = c;
  return i;
}

size_t RunBaseline(const uint8_t* p, uint64_t begin_limit, uint64_t end_limit, size_t i, size_t n,
                   int64_t* t, double* v, Cursor* cursor) {
  return RunLoop(p, begin_limit, end_limit, i, n, t, v, cursor);
}

#if defined(__x86_64__)
THANOS_MODERN_CPU size_t RunModern(const uint8_t* p, uint64_t begin_limit, uint64_t end_limit,
                                   size_t i, size_t n, int64_t* t, double* v, Cursor* cursor) {
  return RunLoop(p, begin_limit, end_limit, i, n, t, v, cursor);
}
size_t Run(const uint8_t* p, uint64_t begin_limit, uint64_t end_limit, size_t i, size_t n,
           int64_t* t, double* v, Cursor* cursor) {
  const auto run = HasModernCpu() ? RunModern : RunBaseline;
  return run(p, begin_limit, end_limit, i, n, t, v, cursor);
}
#else
constexpr auto Run = RunBaseline;
#endif

// The first two samples hold varints and a plain value: read with care, once per chunk.
size_t ReadHead(const uint8_t* data, size_t size, size_t n, int64_t* t, double* v, Cursor* c) {
  BitReader in({reinterpret_cast<const std::byte*>(data), size}, 2);
  c->t = static_cast<uint64_t>(in.Varint());
  XorValueReader value;
  value.bits = in.Bits(64);
  if (n == 0 || !in.ok()) return 0;
  t[0] = static_cast<int64_t>(c->t);
  v[0] = value.value();
  c->value = value.bits;
  c->position = in.position();
  if (n == 1) return 1;
  c->delta = in.Uvarint();
  value.Read(in);
  if (!in.ok()) return 1;
  c->t += c->delta;
  t[1] = static_cast<int64_t>(c->t);
  v[1] = value.value();
  c->value = value.bits;
  c->position = in.position();
  c->significant = value.significant;
  if (value.significant != 0) c->trailing = 64u - value.leading - value.significant;
  return 2;
}

// The last bytes, from a copy with zeros behind it.
size_t RunTail(const uint8_t* data, size_t size, size_t i, size_t n, int64_t* t, double* v,
               Cursor* c) {
  uint8_t tail[2 * kSlackBytes + 16] = {};
  const size_t from = c->position >> 3;
  if (from >= size) return i;
  std::memcpy(tail, data + from, size - from);
  c->position -= from * 8;
  const uint64_t end = (size - from) * 8;
  i = Run(tail, end, end, i, n, t, v, c);
  c->position += from * 8;
  return i;
}

class Accumulator {
 public:
  Accumulator(uint8_t* out, uint64_t position)
      : out_(out + (position >> 3)),
        pending_(position & 7),
        word_(pending_ == 0 ? 0 : uint64_t{*out_} << 56) {}

  // One bit that is stored with the next Put.
  [[gnu::always_inline]] void Shift(bool bit) {
    word_ |= uint64_t{bit} << (63 - pending_);
    ++pending_;
  }
  // 1 to 55 bits. Eight bytes are stored whatever the number: no branch.
  [[gnu::always_inline]] void Put(uint64_t bits, uint32_t count) {
    word_ |= bits << (64 - pending_ - count);
    const uint64_t swapped = __builtin_bswap64(word_);
    std::memcpy(out_, &swapped, 8);
    pending_ += count;
    out_ += pending_ >> 3;
    word_ <<= pending_ & ~7u;
    pending_ &= 7;
  }
  [[gnu::always_inline]] void Put64(uint64_t bits) {
    Put(bits >> 32, 32);
    Put(bits & 0xffffffff, 32);
  }
  uint64_t position(const uint8_t* begin) const {
    return static_cast<uint64_t>(out_ - begin) * 8 + pending_;
  }

 private:
  uint8_t* out_;
  uint32_t pending_;  // Below 8 between Puts, 8 after a Shift at most.
  uint64_t word_;
};

[[gnu::noinline]] void PutSlowDelta(Accumulator& out, int64_t dod) {
  if (dod >= -65535 && dod <= 65536) {
    out.Put(uint64_t{0b110} << 17 | (static_cast<uint64_t>(dod) & 0x1ffff), 20);
  } else if (dod >= -524287 && dod <= 524288) {
    out.Put(uint64_t{0b1110} << 20 | (static_cast<uint64_t>(dod) & 0xfffff), 24);
  } else {
    out.Put(0b1111, 4);
    out.Put64(static_cast<uint64_t>(dod));
  }
}

// With one bit possibly shifted in, 55 bits fit one Put.
[[gnu::always_inline]] inline void PutValue(Accumulator& out, uint64_t value, XorState& s) {
  const uint64_t difference = value ^ s.value;
  s.value = value;
  if (difference == 0) return out.Put(0, 1);
  const auto leading = static_cast<uint32_t>(std::countl_zero(difference)) & 63;
  const auto trailing = static_cast<uint32_t>(std::countr_zero(difference));
  const uint32_t window_trailing = 64 - s.leading - s.significant;
  if (s.significant != 0 && leading >= s.leading && trailing >= window_trailing) {
    const uint64_t bits = difference >> window_trailing;
    if (s.significant <= 53) {
      return out.Put(uint64_t{0b10} << s.significant | bits, s.significant + 2);
    }
    out.Put(0b10, 2);
    out.Put(bits >> 32, s.significant - 32);
    return out.Put(bits & 0xffffffff, 32);
  }
  s.leading = leading < 31 ? leading : 31;
  s.significant = 64 - s.leading - trailing;
  const uint64_t bits = difference >> trailing;
  const uint64_t header = 0b11 << 11 | s.leading << 6 | (s.significant & 63);
  if (s.significant <= 42) return out.Put(header << s.significant | bits, s.significant + 13);
  out.Put(header, 13);
  out.Put(bits >> 32, s.significant - 32);
  out.Put(bits & 0xffffffff, 32);
}

// The time of samples 0 and 1, which always begin at whole bytes.
size_t PutHead(int64_t t, size_t index, uint8_t* out, XorState& s) {
  uint64_t bits = index == 0 ? codec::ZigZagEncode(t) : static_cast<uint64_t>(t) - s.t;
  uint8_t* at = out + (s.position >> 3);
  for (; bits >= 0x80; bits >>= 7) *at++ = static_cast<uint8_t>(bits | 0x80);
  *at++ = static_cast<uint8_t>(bits);
  return static_cast<size_t>(at - out) * 8;
}

[[gnu::always_inline]] inline void PutSamples(const int64_t* t, const double* v, size_t n,
                                              Accumulator& bits, XorState& s) {
  for (size_t i = 0; i < n; ++i) {
    const uint64_t delta = static_cast<uint64_t>(t[i]) - s.t;
    const auto dod = static_cast<int64_t>(delta - s.delta);
    s.t = static_cast<uint64_t>(t[i]);
    s.delta = delta;
    if (dod == 0) [[likely]] {
      bits.Shift(false);
    } else if (dod >= -8191 && dod <= 8192) {
      bits.Put(uint64_t{0b10} << 14 | (static_cast<uint64_t>(dod) & 0x3fff), 16);
    } else {
      PutSlowDelta(bits, dod);
    }
    PutValue(bits, std::bit_cast<uint64_t>(v[i]), s);
  }
}

uint64_t PutBaseline(const int64_t* t, const double* v, size_t n, uint8_t* out, XorState* state) {
  XorState s = *state;
  Accumulator bits(out, s.position);
  PutSamples(t, v, n, bits, s);
  *state = s;
  return bits.position(out);
}

#if defined(__x86_64__)
THANOS_MODERN_CPU uint64_t PutModern(const int64_t* t, const double* v, size_t n, uint8_t* out,
                                     XorState* state) {
  XorState s = *state;
  Accumulator bits(out, s.position);
  PutSamples(t, v, n, bits, s);
  *state = s;
  return bits.position(out);
}
uint64_t PutRest(const int64_t* t, const double* v, size_t n, uint8_t* out, XorState* state) {
  return (HasModernCpu() ? PutModern : PutBaseline)(t, v, n, out, state);
}
#else
constexpr auto PutRest = PutBaseline;
#endif

}  // namespace

size_t DecodeXorSamples(const uint8_t* data, size_t size, size_t n, int64_t* t, double* v,
                        XorState* end) {
  Cursor c{};
  size_t i = ReadHead(data, size, n, t, v, &c);
  if (i == 2) {
    if (size >= kSlackBytes) {
      i = Run(data, (size - kSlackBytes) * 8 + 1, size * 8, i, n, t, v, &c);
    }
    if (!c.broken && i < n) i = RunTail(data, size, i, n, t, v, &c);
  }
  if (end != nullptr) {
    *end = {c.position, c.t, c.delta, c.value, 64 - c.trailing - c.significant, c.significant};
    if (c.significant == 0) end->leading = 0xff;
  }
  return i;
}

void EncodeXorSamples(const int64_t* t, const double* v, size_t n, size_t index, uint8_t* out,
                      XorState* state) {
  XorState s = *state;
  size_t i = 0;
  for (; i < n && index + i < 2; ++i) {
    s.position = PutHead(t[i], index + i, out, s);
    Accumulator head(out, s.position);
    if (index + i == 0) {
      s.value = std::bit_cast<uint64_t>(v[i]);
      head.Put64(s.value);
    } else {
      s.delta = static_cast<uint64_t>(t[i]) - s.t;
      PutValue(head, std::bit_cast<uint64_t>(v[i]), s);
    }
    s.t = static_cast<uint64_t>(t[i]);
    s.position = head.position(out);
  }
  s.position = PutRest(t + i, v + i, n - i, out, &s);
  *state = s;
}

}  // namespace thanos::chunk
