// AWS Signature Version 4 with its rules for S3: paths are encoded once and not normalised.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thanos::objstore {

struct S3Credentials {
  std::string access_key, secret_key, session_token;
};

using NameValues = std::vector<std::pair<std::string, std::string>>;

/// Plain text throughout: signing encodes.
struct S3ToSign {
  std::string method = "GET";
  std::string host;  // As the Host header says it.
  std::string path = "/";
  NameValues query;
  NameValues headers;        // Beside host, date, content hash and token; all of them are signed.
  std::string payload_hash;  // Hex SHA-256, or "UNSIGNED-PAYLOAD".
};

struct S3Signature {
  std::string target;  // Path and query as they must be sent.
  NameValues headers;  // To send beside those given: date, hash, token, Authorization.
  std::string canonical, text, signature;  // What was hashed, what was signed, the hex result.
};

inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view kEmptyPayloadHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// `time_ms` since the epoch. Without an access key nothing is signed and only the target is set.
S3Signature SignV4(const S3ToSign& request, const S3Credentials& credentials,
                   std::string_view region, std::string_view service, int64_t time_ms);

/// "20130524T000000Z".
std::string AmzDate(int64_t time_ms);
/// Everything but letters, digits and "-_.~" becomes %XX; '/' stays where `keep_slash`.
std::string AwsEscape(std::string_view text, bool keep_slash);
std::string Base64Of(std::string_view bytes);

}  // namespace thanos::objstore
