#include "objstore/s3_sign.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/vectors.h"

namespace thanos::objstore {
namespace {

// The examples of Amazon's documentation of signature version 4 for S3.
constexpr int64_t kMay24 = 1369353600000;
const S3Credentials kExample = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                ""};

S3ToSign Example(std::string method, std::string path, NameValues query = {},
                 NameValues headers = {}) {
  return {std::move(method),  "examplebucket.s3.amazonaws.com", std::move(path), std::move(query),
          std::move(headers), std::string(kEmptyPayloadHash)};
}

std::string Signed(const S3ToSign& request) {
  return SignV4(request, kExample, "us-east-1", "s3", kMay24).signature;
}

TEST(S3Sign, PublishedExamples) {
  EXPECT_EQ(Signed(Example("GET", "/test.txt", {}, {{"Range", "bytes=0-9"}})),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_EQ(Signed(Example("GET", "/", {{"lifecycle", ""}})),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_EQ(Signed(Example("GET", "/", {{"prefix", "J"}, {"max-keys", "2"}})),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
  S3ToSign put = Example(
      "PUT", "/test$file.text", {},
      {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}});
  put.payload_hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
  EXPECT_EQ(Signed(put), "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(S3Sign, TheWholeHeaderOfAnExample) {
  const S3Signature signature = SignV4(Example("GET", "/test.txt", {}, {{"Range", "bytes=0-9"}}),
                                       kExample, "us-east-1", "s3", kMay24);
  EXPECT_EQ(signature.headers.back().second,
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature="
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(S3Sign, WithoutKeysNothingIsSigned) {
  const S3Signature signature =
      SignV4(Example("GET", "/a b", {{"x", "1/2"}}), {}, "us-east-1", "s3", kMay24);
  EXPECT_EQ(signature.target, "/a%20b?x=1%2F2");
  EXPECT_TRUE(signature.headers.empty());
}

NameValues Pairs(const nlohmann::json& value) {
  NameValues out;
  if (value.is_object()) {
    for (const auto& [name, text] : value.items()) out.emplace_back(name, text);
  } else {
    for (const auto& pair : value) out.emplace_back(pair.at(0), pair.at(1));
  }
  return out;
}

int64_t TimeOf(const std::string& date) {  // "20260823T101530Z"
  std::tm time{};
  EXPECT_NE(strptime(date.c_str(), "%Y%m%dT%H%M%SZ", &time), nullptr);
  return static_cast<int64_t>(timegm(&time)) * 1000;
}

TEST(S3Sign, Vectors) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/sigv4.jsonl");
  int seen = 0;
  for (const auto& row :
       testing::ReadJsonLines(testing::SharedPath("conformance/vectors/sigv4.jsonl"))) {
    // Signatures in the query and of chunks are not ours to make.
    if (row.at("mode") != "header") continue;
    SCOPED_TRACE(row.at("id").get<std::string>());
    const S3ToSign request = {row.at("method"),         row.at("host"),
                              row.at("path"),           Pairs(row.at("query")),
                              Pairs(row.at("headers")), row.at("payload_hash")};
    const S3Signature signature =
        SignV4(request, {row.at("access_key"), row.at("secret_key"), row.at("session_token")},
               row.at("region").get<std::string>(), row.at("service").get<std::string>(),
               TimeOf(row.at("date")));
    EXPECT_EQ(signature.target, row.at("target").get<std::string>());
    EXPECT_EQ(signature.canonical, row.at("canonical_request").get<std::string>());
    EXPECT_EQ(signature.text, row.at("string_to_sign").get<std::string>());
    EXPECT_EQ(signature.signature, row.at("signature").get<std::string>());
    EXPECT_EQ(signature.headers.back().second, row.at("authorization").get<std::string>());
    ++seen;
  }
  EXPECT_GE(seen, 60);
}

}  // namespace
}  // namespace thanos::objstore
