#include "objstore/s3_sign.h"

#include <algorithm>
#include <cctype>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/time_text.h"
#include "codec/hash.h"

namespace thanos::objstore {
namespace {

std::string Hmac(std::string_view key, std::string_view text) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, &size);
  return {reinterpret_cast<const char*>(out), size};
}

std::string Sha256Hex(std::string_view text) {
  const auto digest = codec::Sha256(text);
  return codec::ToHex(digest);
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Outer spaces go, inner runs become one.
std::string Folded(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == ' ' || c == '\t') {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else {
      out += c;
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string CanonicalQuery(const NameValues& query) {
  NameValues encoded;
  for (const auto& [name, value] : query) {
    encoded.emplace_back(AwsEscape(name, false), AwsEscape(value, false));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) {
    if (!out.empty()) out += '&';
    out += name + "=" + value;
  }
  return out;
}

}  // namespace

std::string Base64Of(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(size));
  return out;
}

std::string AwsEscape(std::string_view text, bool keep_slash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~' || (c == '/' && keep_slash);
    if (plain) {
      out += c;
    } else {
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

std::string AmzDate(int64_t time_ms) {
  std::string out;
  for (const char c : base::FormatRfc3339Ms(time_ms / 1000 * 1000)) {
    if (c == '.') break;
    if (c != '-' && c != ':') out += c;
  }
  if (!out.ends_with('Z')) out += 'Z';
  return out;
}

S3Signature SignV4(const S3ToSign& request, const S3Credentials& credentials,
                   std::string_view region, std::string_view service, int64_t time_ms) {
  S3Signature out;
  const std::string path = AwsEscape(request.path, true);
  const std::string query = CanonicalQuery(request.query);
  out.target = query.empty() ? path : path + "?" + query;
  if (credentials.access_key.empty()) return out;
  const std::string date = AmzDate(time_ms);
  out.headers = {{"x-amz-date", date}};
  // Only S3 wants to be told what the body hashes to.
  if (service == "s3") out.headers.emplace_back("x-amz-content-sha256", request.payload_hash);
  if (!credentials.session_token.empty()) {
    out.headers.emplace_back("x-amz-security-token", credentials.session_token);
  }
  NameValues lines = {{"host", request.host}};
  for (const NameValues* headers :
       std::initializer_list<const NameValues*>{&request.headers, &out.headers}) {
    for (const auto& [name, value] : *headers) lines.emplace_back(Lower(name), Folded(value));
  }
  std::sort(lines.begin(), lines.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string block, names;
  for (const auto& [name, value] : lines) {
    block += name + ":" + value + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  out.canonical = request.method + "\n" + path + "\n" + query + "\n" + block + "\n" + names + "\n" +
                  request.payload_hash;
  const std::string day = date.substr(0, 8);
  const std::string scope =
      day + "/" + std::string(region) + "/" + std::string(service) + "/aws4_request";
  out.text = "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + Sha256Hex(out.canonical);
  std::string key = "AWS4" + credentials.secret_key;
  for (const std::string_view part :
       {std::string_view(day), region, service, std::string_view("aws4_request")}) {
    key = Hmac(key, part);
  }
  out.signature = codec::ToHex(Hmac(key, out.text));
  out.headers.emplace_back("Authorization",
                           "AWS4-HMAC-SHA256 Credential=" + credentials.access_key + "/" + scope +
                               ", SignedHeaders=" + names + ", Signature=" + out.signature);
  return out;
}

}  // namespace thanos::objstore
