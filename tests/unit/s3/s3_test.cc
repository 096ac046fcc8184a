#include "objstore/s3.h"

#include <cstring>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/fake_s3.h"
#include "objstore/byte_sources.h"
#include "objstore/factory.h"
#include "objstore/s3_client.h"
#include "support/certificates.h"
#include "support/temporary_directory.h"
#include "thanos/testing/bucket_acceptance.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::objstore {
namespace {

using testing::FakeS3;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::StatusIs;

std::unique_ptr<Bucket> EmptyS3Bucket() {
  static FakeS3 server;
  server.Clear();
  auto bucket = OpenS3Bucket(server.config(), {});
  THANOS_CHECK(bucket.ok());
  return *std::move(bucket);
}
std::unique_ptr<Bucket> EmptyS3BucketOfVersionOne() {
  static FakeS3 server("eu-west-1");
  server.Clear();
  server.page_max = 2;
  S3Config config = server.config();
  config.list_objects_version = "v1";
  config.region = "";  // Found out.
  auto bucket = OpenS3Bucket(config, {});
  THANOS_CHECK(bucket.ok());
  return *std::move(bucket);
}

class S3Test : public ::testing::Test {
 protected:
  std::unique_ptr<Bucket> Open(const S3Config& config, bool etags_are_md5 = false) {
    auto bucket = OpenS3Bucket(
        config, {.etags_are_md5 = etags_are_md5, .first_backoff = std::chrono::milliseconds(10)});
    THANOS_CHECK(bucket.ok());
    return *std::move(bucket);
  }
  Result<std::string> Get(Bucket& bucket, const std::string& name, ByteRange range = {}) {
    THANOS_ASSIGN_OR_RETURN(const auto source, bucket.Open(context_, name, range));
    return ReadAll(*source, name, 64 << 20);
  }
  Status Put(Bucket& bucket, const std::string& name, std::string text) {
    const auto source = MemorySource(std::move(text));
    return bucket.Upload(context_, name, *source, {});
  }
  // Bytes that tell where they stand.
  static std::string Content(size_t size) {
    std::string out(size, '\0');
    for (size_t i = 0; i < size; ++i) out[i] = static_cast<char>((i * 2654435761u) >> 13);
    return out;
  }
  // The first `times` requests that match fail.
  void FailFirst(int times, std::string method, std::string in_target, FakeS3::Fault fault) {
    server_.Fail([=, left = std::make_shared<int>(times)](
                     const FakeS3::Request& request) -> std::optional<FakeS3::Fault> {
      if (request.method != method || request.target.find(in_target) == std::string::npos ||
          *left == 0) {
        return std::nullopt;
      }
      --*left;
      return fault;
    });
  }

  FakeS3 server_;
  CallContext context_;
};

TEST_F(S3Test, NamesWithEveryCharacterArriveAsTheyAre) {
  auto bucket = Open(server_.config());
  for (const std::string name :
       {"a b/+&=%25@(\xc3\xa9~)!'*;,", "a/./b/../c", "a?b#c", "a//b", "%41"}) {
    THANOS_ASSERT_OK(Put(*bucket, name, name));
    EXPECT_EQ(server_.objects().count(name), 1u) << name;
    EXPECT_THAT(Get(*bucket, name), IsOkAndHolds(name));
  }
}

TEST_F(S3Test, AWrongKeyIsRefusedAndNotTriedAgain) {
  S3Config config = server_.config();
  config.secret_key = "wrong";
  EXPECT_THAT(Get(*Open(config), "a"), StatusIs(StatusCode::kUnauthenticated));
  EXPECT_EQ(server_.requests().size(), 1u);
  config = server_.config();
  config.bucket = "other";
  EXPECT_THAT(Get(*Open(config), "a"), StatusIs(StatusCode::kFailedPrecondition));
}

TEST_F(S3Test, LargeContentGoesInPartsOfTheFile) {
  S3Config config = server_.config();
  config.part_size = 5 << 20;
  auto bucket = Open(config);
  const std::string content = Content(12 << 20);
  testing::TemporaryDirectory directory;
  std::ofstream(directory.path() + "/f", std::ios::binary) << content;
  THANOS_ASSERT_OK_AND_ASSIGN(const auto file, OpenFileSource(directory.path() + "/f"));
  THANOS_ASSERT_OK(bucket->Upload(context_, "big", *file, {}));
  EXPECT_TRUE(server_.objects()["big"] == content);
  EXPECT_EQ(server_.Count("PUT", "partNumber="), 3u);
  EXPECT_EQ(server_.open_uploads(), 0u);
  for (const auto& request : server_.requests()) {
    if (request.method == "PUT") {
      EXPECT_TRUE(request.headers.Has("Content-MD5"));
    }
  }
  server_.Forget();
  config.disable_multipart = true;
  THANOS_ASSERT_OK(Put(*Open(config), "big2", content));
  EXPECT_EQ(server_.Count("PUT"), 1u);
  EXPECT_EQ(server_.Count("POST"), 0u);
}

// Comes once, in pieces, of a size that is told or not.
class OnceSource : public ByteSource {
 public:
  OnceSource(std::string text, bool sized, int64_t more = 0)
      : text_(std::move(text)), sized_(sized), more_(more) {}
  Result<size_t> Read(std::span<std::byte> out) override {
    const size_t size = std::min({out.size(), size_t{100000}, text_.size() - at_});
    std::memcpy(out.data(), text_.data() + at_, size);
    at_ += size;
    return size;
  }
  int64_t size() const override { return sized_ ? std::ssize(text_) + more_ : -1; }

 private:
  std::string text_;
  size_t at_ = 0;
  bool sized_;
  int64_t more_;
};

TEST_F(S3Test, ContentThatComesOnceIsHeldAPartAtATime) {
  auto bucket = Open(server_.config());
  const std::string content = Content((32 << 20) + 1);
  for (const bool sized : {false, true}) {
    server_.Forget();
    OnceSource source(content, sized);
    const auto budget = Budget::Make("test", 40 << 20);
    const CallContext context = context_.WithBudget(budget);
    // A known size below part_size still is no reason to hold all of it.
    THANOS_ASSERT_OK(bucket->Upload(context, "big", source, {}));
    EXPECT_TRUE(server_.objects()["big"] == content);
    EXPECT_EQ(server_.Count("PUT", "partNumber="), 3u);
    EXPECT_LE(budget->peak_bytes(), size_t{17} << 20);
    EXPECT_EQ(budget->used_bytes(), 0u);
  }
  OnceSource source(content, false);
  const CallContext poor = context_.WithBudget(Budget::Make("test", 1 << 20));
  EXPECT_THAT(bucket->Upload(poor, "x", source, {}), StatusIs(StatusCode::kResourceExhausted));
}

TEST_F(S3Test, ContentThatEndsEarlyIsRefused) {
  auto bucket = Open(server_.config());
  OnceSource small("abc", true, 1), big(Content(17 << 20), true, 5);
  EXPECT_THAT(bucket->Upload(context_, "a", small, {}), StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(bucket->Upload(context_, "b", big, {}), StatusIs(StatusCode::kDataLoss));
  EXPECT_TRUE(server_.objects().empty());
  EXPECT_EQ(server_.open_uploads(), 0u);
}

TEST_F(S3Test, AFailedMultipartUploadLeavesNothing) {
  S3Config config = server_.config();
  config.part_size = 5 << 20;
  config.max_retries = 2;
  auto bucket = Open(config);
  FailFirst(1000, "PUT", "partNumber=2", {.reply = FakeS3::Error(403, "AccessDenied")});
  EXPECT_THAT(Put(*bucket, "big", Content(12 << 20)), StatusIs(StatusCode::kPermissionDenied));
  EXPECT_EQ(server_.open_uploads(), 0u);
  EXPECT_EQ(server_.Count("DELETE", "uploadId="), 1u);
  EXPECT_TRUE(server_.objects().empty());
}

TEST_F(S3Test, ACompletionWhoseAnswerIsLostIsRecognised) {
  S3Config config = server_.config();
  config.part_size = 5 << 20;
  auto bucket = Open(config);
  FailFirst(1, "POST", "uploadId=", {.reply = FakeS3::Error(500, "InternalError"), .after = true});
  THANOS_EXPECT_OK(Put(*bucket, "big", Content(12 << 20)));
  EXPECT_EQ(server_.objects()["big"].size(), 12u << 20);
  // An older object of the same size is not taken for this one.
  FailFirst(1000, "POST", "uploadId=", {.reply = FakeS3::Error(404, "NoSuchUpload")});
  EXPECT_FALSE(Put(*bucket, "big", std::string(12 << 20, 'x')).ok());
}

TEST_F(S3Test, ACompletionThatSaysOkAndMeansAnErrorIsNoSuccess) {
  S3Config config = server_.config();
  config.part_size = 5 << 20;
  config.max_retries = 3;
  auto bucket = Open(config);
  net::HttpResponse late = FakeS3::Error(200, "InternalError");
  late.status = 200;
  FailFirst(1, "POST", "uploadId=", {.reply = late});
  THANOS_EXPECT_OK(Put(*bucket, "a", Content(6 << 20)));
  FailFirst(1000, "POST", "uploadId=", {.reply = late});
  EXPECT_THAT(Put(*bucket, "b", Content(6 << 20)), StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(server_.objects().count("b"), 0u);
}

TEST_F(S3Test, PassingFaultsAreTriedAgain) {
  auto bucket = Open(server_.config());
  server_.Put("a/b", "content");
  for (const int status : {408, 429, 500, 502, 503, 504}) {
    const FakeS3::Fault fault{.reply = net::HttpResponse::Text(status, "<html>busy</html>")};
    for (const char* method : {"GET", "PUT", "HEAD", "DELETE"}) {
      server_.Put("a/b", "content");
      FailFirst(1, method, "", fault);
      THANOS_EXPECT_OK(Get(*bucket, "a/b"));
      THANOS_EXPECT_OK(bucket->Attributes(context_, "a/b"));
      THANOS_EXPECT_OK(Put(*bucket, "p", "q"));
      THANOS_EXPECT_OK(bucket->Delete(context_, "a/b"));
    }
  }
  server_.Forget();
  S3Config config = server_.config();
  config.max_retries = 3;
  FailFirst(1000, "GET", "", {.reply = FakeS3::Error(503, "SlowDown")});
  EXPECT_THAT(Get(*Open(config), "a"), StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(server_.requests().size(), 3u);
}

TEST_F(S3Test, RetryAfterIsHonouredAndTheDeadlineToo) {
  auto bucket = Open(server_.config());
  server_.Put("a", "x");
  net::HttpResponse busy = FakeS3::Error(503, "SlowDown");
  busy.headers.Set("Retry-After", "1");
  FailFirst(1, "GET", "", {.reply = busy});
  const auto start = std::chrono::steady_clock::now();
  THANOS_EXPECT_OK(Get(*bucket, "a"));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(990));
  busy.headers.Set("Retry-After", "30");
  FailFirst(1000, "GET", "", {.reply = busy});
  const CallContext soon = context_.WithTimeout(std::chrono::seconds(5));
  EXPECT_THAT(bucket->Open(soon, "a", {}), StatusIs(StatusCode::kDeadlineExceeded));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(S3Test, ReadsThatBreakOffAreTakenUpWhereTheyEnded) {
  auto bucket = Open(server_.config());
  const std::string content = Content(1 << 20);
  server_.Put("a", content);
  FailFirst(2, "GET", "/a", {.body_bytes = 300000});
  EXPECT_TRUE(*Get(*bucket, "a", {10, 900000}) == content.substr(10, 900000));
  // Each goes on where the one before ended, at most where its body was cut: a cut may take with it
  // what had been sent.
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 3u);
  int64_t last = 10;
  for (size_t i = 0; i < requests.size(); ++i) {
    const std::string range(requests[i].headers.Get("Range"));
    ASSERT_TRUE(range.starts_with("bytes=") && range.ends_with("-900009")) << range;
    const int64_t begin = std::stoll(range.substr(6));
    EXPECT_TRUE(i == 0 ? begin == 10 : begin >= last && begin <= last + 300000) << range;
    EXPECT_EQ(requests[i].headers.Has("If-Match"), i > 0);
    last = begin;
  }
}

TEST_F(S3Test, AnObjectReplacedMeanwhileIsNotPatchedTogether) {
  auto bucket = Open(server_.config());
  server_.Put("a", Content(1 << 20));
  FailFirst(1, "GET", "/a", {.body_bytes = 1000});
  THANOS_ASSERT_OK_AND_ASSIGN(const auto source, bucket->Open(context_, "a", {0, 1 << 20}));
  server_.Put("a", std::string(1 << 20, 'y'));
  const auto got = ReadAll(*source, "a", 2 << 20);
  ASSERT_THAT(got, StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(std::string(got.status().message()), HasSubstr("replaced"));
}

TEST_F(S3Test, AnotherRangeThanAskedForIsRefused) {
  auto bucket = Open(server_.config());
  server_.Put("a", "0123456789");
  const auto with = [&](std::function<void(net::HttpResponse*)> edit) {
    FailFirst(1, "GET", "/a", {.edit = std::move(edit)});
    return Get(*bucket, "a", {2, 4});
  };
  EXPECT_THAT(with([](auto* r) { r->headers.Set("Content-Range", "bytes 3-6/10"); }),
              StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(with([](auto* r) { r->headers.Set("Content-Range", "bytes 2-4/10"); }),
              StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(with([](auto* r) { r->headers.Set("Content-Range", ""); }),
              StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(with([](auto* r) { r->status = 200; }), StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(with([](auto* r) { r->body = "234"; }), StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(with([](auto*) {}), IsOkAndHolds(std::string("2345")));
}

TEST_F(S3Test, WholeBodiesAreHeldToTheirChecksums) {
  auto bucket = Open(server_.config(), /*etags_are_md5=*/true);
  server_.Put("a", "0123456789");
  EXPECT_THAT(Get(*bucket, "a"), IsOkAndHolds(std::string("0123456789")));
  FailFirst(1, "GET", "/a", {.edit = [](auto* r) { r->body[3] = 'x'; }});
  EXPECT_THAT(Get(*bucket, "a"), StatusIs(StatusCode::kDataLoss));
  FailFirst(1, "GET", "/a", {.edit = [](auto* r) {
              r->body[3] = 'x';
              r->headers.Set("x-amz-server-side-encryption", "aws:kms");
            }});
  THANOS_EXPECT_OK(Get(*bucket, "a"));  // No MD5 there.
  auto other = Open(server_.config());
  FailFirst(1, "GET", "/a", {.edit = [](auto* r) {
              r->headers.Set("x-amz-checksum-crc32c", "KAwGng==");  // Of 0123456789.
            }});
  THANOS_EXPECT_OK(Get(*other, "a"));
  FailFirst(1, "GET", "/a",
            {.edit = [](auto* r) { r->headers.Set("x-amz-checksum-crc32c", "KAwGnw=="); }});
  EXPECT_THAT(Get(*other, "a"), StatusIs(StatusCode::kDataLoss));
}

TEST_F(S3Test, AFailingPageFailsTheListing) {
  server_.page_max = 3;
  for (int i = 0; i < 10; ++i) server_.Put("k" + std::to_string(i), "x");
  S3Config config = server_.config();
  config.max_retries = 2;
  auto bucket = Open(config);
  const auto list = [&] {
    int seen = 0;
    Status status = bucket->Iterate(context_, {}, [&](const ListedObject&) {
      ++seen;
      return OkStatus();
    });
    return std::make_pair(status.code(), seen);
  };
  EXPECT_EQ(list(), std::make_pair(StatusCode::kOk, 10));
  const std::vector<net::HttpResponse> pages = {
      FakeS3::Error(403, "AccessDenied"), FakeS3::Error(500, "InternalError"),
      net::HttpResponse::Text(200, ""), net::HttpResponse::Text(200, "<html>log in</html>"),
      net::HttpResponse::Text(200, "\x01\xff\x02")};
  for (const net::HttpResponse& page : pages) {
    FailFirst(1000, "GET", "continuation-token", {.reply = page});
    EXPECT_NE(list().first, StatusCode::kOk) << page.body;
    EXPECT_EQ(list().second, 3) << page.body;
    if (page.status == 403) continue;
    FailFirst(1, "GET", "continuation-token", {.reply = page});
    EXPECT_EQ(list(), std::make_pair(StatusCode::kOk, 10)) << page.body;
  }
  // A page that says where to go on and means itself.
  FailFirst(1000, "GET", "continuation-token", {.edit = [](auto* r) {
              r->body =
                  "<ListBucketResult><IsTruncated>true</IsTruncated>"
                  "<NextContinuationToken>k2</NextContinuationToken></ListBucketResult>";
            }});
  EXPECT_EQ(list().first, StatusCode::kDataLoss);
}

TEST_F(S3Test, DirectoryMarkersAreNoObjects) {
  auto bucket = Open(server_.config());
  for (const char* name : {"d/", "d/e/", "d/f"}) server_.Put(name, "");
  std::vector<std::string> names;
  for (const bool recursive : {false, true}) {
    THANOS_ASSERT_OK(bucket->Iterate(context_, {.prefix = "d/", .recursive = recursive},
                                     [&](const ListedObject& object) {
                                       names.emplace_back(object.name);
                                       return OkStatus();
                                     }));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"d/e/", "d/f", "d/f"}));
}

TEST_F(S3Test, TheRegionIsFoundOut) {
  FakeS3 server("eu-north-1");
  S3Config config = server.config();
  config.region = "";
  auto bucket = Open(config);
  server.Put("a", "x");
  THANOS_EXPECT_OK(Get(*bucket, "a"));
  THANOS_EXPECT_OK(Get(*bucket, "a"));
  EXPECT_LE(server.requests().size(), 3u);  // Asked once.
  // A region of the configuration is the user's word.
  config.region = "eu-south-1";
  EXPECT_FALSE(Get(*Open(config), "a").ok());
}

TEST_F(S3Test, HeadersOfTheConfiguration) {
  S3Config config = server_.config();
  config.sse_type = "SSE-KMS";
  config.sse_kms_key_id = "key-1";
  config.sse_kms_encryption_context = {{"b", "2"}, {"a", "1"}};
  config.put_user_metadata = {
      {"X-Amz-Storage-Class", "STANDARD_IA"}, {"X-Amz-Acl", "private"}, {"Owner", "me"}};
  config.session_token = server_.session_token = "tok/en";
  config.part_size = 5 << 20;
  auto bucket = Open(config);
  THANOS_ASSERT_OK(Put(*bucket, "a", "x"));
  THANOS_ASSERT_OK(Put(*bucket, "b", Content(6 << 20)));
  THANOS_ASSERT_OK(Get(*bucket, "a"));
  for (const auto& request : server_.requests()) {
    const bool creates = (request.method == "PUT" && !request.query.Has("partNumber")) ||
                         (request.method == "POST" && request.query.Has("uploads"));
    const auto get = [&](const char* name) { return std::string(request.headers.Get(name)); };
    EXPECT_EQ(get("x-amz-server-side-encryption"), creates ? "aws:kms" : "") << request.target;
    EXPECT_EQ(get("x-amz-server-side-encryption-context"),
              creates ? "eyJhIjoiMSIsImIiOiIyIn0=" : "");
    EXPECT_EQ(get("x-amz-storage-class"), creates ? "STANDARD_IA" : "");
    EXPECT_EQ(get("x-amz-acl"), creates ? "private" : "");
    EXPECT_EQ(get("x-amz-meta-owner"), creates ? "me" : "");
  }
}

TEST_F(S3Test, WhatCannotBeHadIsRefusedByName) {
  S3Config config = server_.config();
  config.signature_version2 = true;
  const auto refused = OpenS3Bucket(config, {});
  ASSERT_THAT(refused, StatusIs(StatusCode::kUnimplemented));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("signature_version2"));
  config = server_.config();
  config.bucket = "";
  EXPECT_THAT(OpenS3Bucket(config, {}), StatusIs(StatusCode::kInvalidArgument));
  config = server_.config();
  config.sse_type = "SSE-C";
  EXPECT_THAT(OpenS3Bucket(config, {}), StatusIs(StatusCode::kInvalidArgument));
  config.insecure = false;
  testing::TemporaryDirectory directory;
  config.sse_encryption_key = directory.path() + "/key";
  std::ofstream(config.sse_encryption_key) << "short";
  EXPECT_THAT(OpenS3Bucket(config, {}), StatusIs(StatusCode::kInvalidArgument));
  std::ofstream(config.sse_encryption_key) << std::string(32, 'k');
  THANOS_EXPECT_OK(OpenS3Bucket(config, {}));
  config = server_.config();
  config.part_size = 1 << 20;
  EXPECT_THAT(Put(*Open(config), "a", Content(2 << 20)), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(S3Test, CancellationEndsAReadAndAnUpload) {
  S3Config config = server_.config();
  config.max_retries = 1000;  // More than there is time for.
  auto bucket = Open(config);
  FailFirst(1000, "GET", "", {.reply = FakeS3::Error(503, "SlowDown")});
  std::thread canceller([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    context_.Cancel();
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(Get(*bucket, "a"), StatusIs(StatusCode::kCancelled));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  canceller.join();
}

TEST_F(S3Test, OverTlsBodiesAreNotHashedTwiceAndCustomersKeysGoAlong) {
  testing::TemporaryDirectory directory;
  const testing::Authority authority(directory.path());
  const auto files = authority.Issue("server");
  const std::string web = directory.path() + "/web.yml";
  std::ofstream(web) << "tls_server_config: {cert_file: " << files.cert
                     << ", key_file: " << files.key << "}\n";
  FakeS3 server("us-east-1", web);
  S3Config config = server.config();
  config.insecure = false;
  config.part_size = 5 << 20;
  config.max_retries = 1;
  EXPECT_THAT(Put(*Open(config), "a", "x"), StatusIs(StatusCode::kUnavailable));  // Unknown CA.
  EXPECT_TRUE(server.requests().empty());
  config.http.tls.ca_file = authority.file();
  config.sse_type = "SSE-C";
  config.sse_encryption_key = directory.path() + "/key";
  std::ofstream(config.sse_encryption_key) << std::string(32, 'k');
  auto bucket = Open(config);
  const std::string content = Content(6 << 20);
  THANOS_ASSERT_OK(Put(*bucket, "a", content));
  EXPECT_TRUE(*Get(*bucket, "a") == content);
  THANOS_ASSERT_OK(bucket->Attributes(context_, "a"));
  THANOS_ASSERT_OK(bucket->Copy(context_, "a", "b"));
  for (const auto& request : server.requests()) {
    const auto get = [&](const char* name) { return std::string(request.headers.Get(name)); };
    EXPECT_EQ(get("x-amz-server-side-encryption-customer-key"),
              "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=")
        << request.target;
    if (request.query.Has("partNumber")) {
      EXPECT_EQ(get("x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
      EXPECT_TRUE(request.headers.Has("Content-MD5"));
    }
    EXPECT_EQ(request.headers.Has("x-amz-copy-source-server-side-encryption-customer-key"),
              request.headers.Has("x-amz-copy-source"));
  }
}

TEST(S3Address, StylesAndRegions) {
  S3Config config;
  config.bucket = "b";
  const auto host = [&](std::string endpoint, std::string region = "eu-west-1") {
    config.endpoint = std::move(endpoint);
    const S3Address address = AddressOf(config, region);
    return address.scheme + "://" + address.host + address.path_prefix;
  };
  EXPECT_EQ(host("s3.amazonaws.com"), "https://b.s3.dualstack.eu-west-1.amazonaws.com");
  EXPECT_EQ(host("s3.eu-west-1.amazonaws.com:443"),
            "https://b.s3.dualstack.eu-west-1.amazonaws.com");
  EXPECT_EQ(host("s3.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            "https://b.s3.dualstack.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(host("s3-fips.us-gov-west-1.amazonaws.com"),
            "https://b.s3-fips.us-gov-west-1.amazonaws.com");
  EXPECT_EQ(host("storage.googleapis.com"), "https://b.storage.googleapis.com");
  EXPECT_EQ(host("minio.local:9000"), "https://minio.local:9000/b");
  config.disable_dualstack = true;
  EXPECT_EQ(host("s3.amazonaws.com"), "https://b.s3.eu-west-1.amazonaws.com");
  config.bucket = "b.c";  // No certificate fits such a name.
  EXPECT_EQ(host("s3.amazonaws.com"), "https://s3.eu-west-1.amazonaws.com/b.c");
  config.bucket = "b";
  config.bucket_lookup_type = "path";
  EXPECT_EQ(host("s3.amazonaws.com"), "https://s3.eu-west-1.amazonaws.com/b");
  config.bucket_lookup_type = "virtual-hosted";
  config.insecure = true;
  EXPECT_EQ(host("minio.local:80"), "http://b.minio.local");
  EXPECT_EQ(RegionOfEndpoint("s3.amazonaws.com"), "");
  EXPECT_EQ(RegionOfEndpoint("s3.eu-west-1.amazonaws.com"), "eu-west-1");
  EXPECT_EQ(RegionOfEndpoint("s3-eu-west-1.amazonaws.com:443"), "eu-west-1");
  EXPECT_EQ(RegionOfEndpoint("s3.dualstack.eu-west-1.amazonaws.com"), "eu-west-1");
  EXPECT_EQ(RegionOfEndpoint("s3.cn-north-1.amazonaws.com.cn"), "cn-north-1");
  EXPECT_EQ(RegionOfEndpoint("minio.local:9000"), "");
}

}  // namespace
}  // namespace thanos::objstore

namespace thanos::testing {
INSTANTIATE_TEST_SUITE_P(S3, BucketAcceptance, ::testing::Values(objstore::EmptyS3Bucket));
INSTANTIATE_TEST_SUITE_P(S3VersionOne, BucketAcceptance,
                         ::testing::Values(objstore::EmptyS3BucketOfVersionOne));
}  // namespace thanos::testing
