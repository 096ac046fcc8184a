// Checksums and hashes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace thanos::codec {

/// Castagnoli, as Prometheus' blocks carry it (there big-endian). "123456789" gives 0xe3069283.
uint32_t Crc32c(std::span<const std::byte> bytes);
/// Continues a checksum: Crc32cExtend(Crc32c(a), b) == Crc32c(ab).
uint32_t Crc32cExtend(uint32_t crc, std::span<const std::byte> bytes);

/// XXH64 with seed 0: label hashes, chunk hashes, shards.
uint64_t Xxh64(std::span<const std::byte> bytes);
uint64_t Xxh64(std::string_view bytes);
/// Our own tables only (never leaves the process).
uint64_t FastHash(std::string_view bytes);

std::array<uint8_t, 16> Md5(std::string_view bytes);
std::array<uint8_t, 32> Sha256(std::string_view bytes);

/// Two lower-case digits a byte.
std::string ToHex(std::string_view bytes);
std::string ToHex(std::span<const uint8_t> bytes);

}  // namespace thanos::codec
