// Content codings and what an Accept-Encoding header says of them (RFC 9110 §12.5.3).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace thanos::net {

enum class Encoding : uint8_t { kIdentity, kGzip, kZstd, kBrotli };
inline constexpr size_t kEncodings = 4;

/// Of Content-Encoding; "" for identity.
std::string_view NameOf(Encoding encoding);

/// Weights in thousandths. What is no weight counts as 0.
class AcceptedEncodings {
 public:
  explicit AcceptedEncodings(std::string_view accept_encoding);

  /// -1 when the header does not name it.
  int Named(Encoding encoding) const { return named_[static_cast<size_t>(encoding)]; }
  /// As Named, or what "*" gives all that is not named.
  int Of(Encoding encoding) const { return Named(encoding) >= 0 ? Named(encoding) : rest_; }

 private:
  std::array<int, kEncodings> named_;
  int rest_ = -1;
};

/// Cuts what stands before the next comma off the front of a header's list, without blanks.
std::string_view NextListItem(std::string_view* list);

}  // namespace thanos::net
