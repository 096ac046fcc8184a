// Content codings of bodies: which one a client gets, and packing a body that is written in pieces.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace thanos::net {

enum class Packing : uint8_t { kNone, kGzip, kZstd };

/// What an Accept-Encoding header prefers of what we have; of equal weights zstd, which is quicker
/// and smaller.
Packing ChoosePacking(std::string_view accept_encoding);
/// "gzip", "zstd"; "" for none.
std::string_view NameOf(Packing packing);
/// A whole body, quickly rather than tightly. Not for kNone.
std::string Pack(Packing packing, std::string_view body);

/// One thread. What is written comes out in the order of the calls.
class PackingStream {
 public:
  /// Not for kNone.
  static std::unique_ptr<PackingStream> Make(Packing packing);
  virtual ~PackingStream() = default;

  /// Appends what is ready to *out; may be nothing yet.
  virtual void Write(std::string_view piece, std::string* out) = 0;
  /// Appends the rest. Once, last.
  virtual void Finish(std::string* out) = 0;
};

}  // namespace thanos::net
