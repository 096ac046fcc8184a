// ULIDs: names of blocks. 48 bits of milliseconds, 80 random bits, Crockford base 32.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "thanos/status.h"

namespace thanos::base {

class Ulid {
 public:
  Ulid() = default;  // All zero.
  /// With this time and random bits; later calls in one millisecond give greater values.
  static Ulid Make(int64_t ms);
  /// 26 characters, the first at most '7'; upper or lower case as Go's lenient parser takes them.
  static Result<Ulid> Parse(std::string_view text);
  /// As Parse, but takes any characters, with the bits that Go's ulid.Parse makes of bad ones: for
  /// ids in files of others.
  static Result<Ulid> ParseLenient(std::string_view text);
  static bool IsUlid(std::string_view text) { return Parse(text).ok(); }

  int64_t time_ms() const;
  std::string ToString() const;
  friend auto operator<=>(const Ulid&, const Ulid&) = default;

 private:
  std::array<uint8_t, 16> bytes_{};
};

}  // namespace thanos::base
