#include "rpc/snappy_frames.h"

#include "codec/byte_reader.h"
#include "codec/compression.h"
#include "codec/hash.h"

namespace thanos::rpc {
namespace {

constexpr std::string_view kStreamIdentifier("\xff\x06\x00\x00sNaPpY", 10);
constexpr size_t kChunkHeaderBytes = 4;
constexpr size_t kChecksumBytes = 4;
constexpr size_t kChunkContentMax = 64 << 10;  // Of one chunk, unpacked.
constexpr uint32_t kMaskDelta = 0xa282ead8;

uint32_t LittleEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

// Snappy stores checksums turned and moved, so that one over data with checksums stays useful.
uint32_t Masked(uint32_t crc) { return (crc >> 15 | crc << 17) + kMaskDelta; }

Result<std::string> UnpackChunk(uint8_t type, std::string_view body) {
  if (body.size() < kChecksumBytes) return DataLossError("snappy: chunk without checksum");
  const uint32_t checksum = LittleEndian(body.substr(0, kChecksumBytes));
  body.remove_prefix(kChecksumBytes);
  std::string content;
  if (type == 0) {
    THANOS_ASSIGN_OR_RETURN(content, codec::SnappyDecompress(body, kChunkContentMax));
  } else {
    content = body;
  }
  if (Masked(codec::Crc32c(codec::AsBytes(content))) != checksum) {
    return DataLossError("snappy: checksum of a chunk does not fit");
  }
  return content;
}

}  // namespace

bool IsSnappyFramed(std::string_view message) { return message.starts_with(kStreamIdentifier); }

Result<std::string> UnpackSnappyFrames(std::string_view message, size_t bytes_max) {
  std::string out;
  while (!message.empty()) {
    if (message.size() < kChunkHeaderBytes) return DataLossError("snappy: cut short");
    const auto type = static_cast<uint8_t>(message[0]);
    const size_t size = LittleEndian(message.substr(1, 3));
    message.remove_prefix(kChunkHeaderBytes);
    if (size > message.size()) return DataLossError("snappy: chunk passes the end");
    const std::string_view body = message.substr(0, size);
    message.remove_prefix(size);
    if (type == 0 || type == 1) {
      THANOS_ASSIGN_OR_RETURN(std::string content, UnpackChunk(type, body));
      out += content;
      if (out.size() > bytes_max) {
        return ResourceExhaustedError("snappy: message is above " + std::to_string(bytes_max) +
                                      " bytes");
      }
    } else if (type < 0x80) {
      return DataLossError("snappy: unknown chunk type " + std::to_string(type));
    }  // Others, the stream identifier among them, are skipped.
  }
  return out;
}

}  // namespace thanos::rpc
