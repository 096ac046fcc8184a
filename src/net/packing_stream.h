// Packing of bodies: which coding a client gets, and packing one that is written in pieces.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/content_encoding.h"

namespace thanos::net {

/// The one of zstd and gzip that an Accept-Encoding header names with more weight, zstd of equals:
/// on query answers it takes half the time and 0.86 of the room. Identity when it names neither;
/// "*" names none, as with Go.
Encoding ChoosePacking(std::string_view accept_encoding);
/// A whole body, quickly rather than tightly. `encoding` is kGzip or kZstd, as below.
std::string Pack(Encoding encoding, std::string_view body);

/// One thread. What is written comes out in the order of the calls.
class PackingStream {
 public:
  static std::unique_ptr<PackingStream> Make(Encoding encoding);
  virtual ~PackingStream() = default;

  /// Appends what is ready to *out; may be nothing yet.
  virtual void Write(std::string_view piece, std::string* out) = 0;
  /// Appends the rest. Once, last.
  virtual void Finish(std::string* out) = 0;
};

}  // namespace thanos::net
