#include "codec/hash.h"

#include <cstring>

#define XXH_INLINE_ALL
#include <openssl/evp.h>
#include <xxhash.h>

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#endif

namespace thanos::codec {
namespace {

#if !defined(__SSE4_2__)
constexpr uint32_t kPolynomial = 0x82f63b78;  // Reflected.

consteval std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? kPolynomial : 0);
    table[i] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = MakeTable();
#endif

template <size_t kSize>
std::array<uint8_t, kSize> Digest(const EVP_MD* algorithm, std::string_view bytes) {
  std::array<uint8_t, kSize> digest{};
  unsigned size = kSize;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, algorithm, nullptr);
  return digest;
}

}  // namespace

uint32_t Crc32cExtend(uint32_t crc, std::span<const std::byte> bytes) {
  const std::byte* p = bytes.data();
  size_t left = bytes.size();
#if defined(__SSE4_2__)
  uint64_t state = ~crc;
  for (; left >= 8; left -= 8, p += 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    state = _mm_crc32_u64(state, word);
  }
  auto state32 = static_cast<uint32_t>(state);
  for (; left > 0; --left, ++p) state32 = _mm_crc32_u8(state32, std::to_integer<uint8_t>(*p));
  return ~state32;
#else
  uint32_t state = ~crc;
  for (; left > 0; --left, ++p) {
    state = kTable[(state ^ std::to_integer<uint8_t>(*p)) & 0xff] ^ (state >> 8);
  }
  return ~state;
#endif
}

uint32_t Crc32c(std::span<const std::byte> bytes) { return Crc32cExtend(0, bytes); }
uint64_t Xxh64(std::span<const std::byte> bytes) { return XXH64(bytes.data(), bytes.size(), 0); }
uint64_t Xxh64(std::string_view bytes) { return XXH64(bytes.data(), bytes.size(), 0); }
uint64_t FastHash(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::array<uint8_t, 16> Md5(std::string_view bytes) { return Digest<16>(EVP_md5(), bytes); }
std::array<uint8_t, 32> Sha256(std::string_view bytes) { return Digest<32>(EVP_sha256(), bytes); }

std::string ToHex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::string ToHex(std::span<const uint8_t> bytes) {
  return ToHex(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

}  // namespace thanos::codec
