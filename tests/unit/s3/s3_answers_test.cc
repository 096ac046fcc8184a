#include "objstore/s3_answers.h"

#include <gtest/gtest.h>

#include "objstore/xml.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::objstore {
namespace {

using testing::StatusIs;

TEST(Xml, ReadsElementsTextAndEntities) {
  THANOS_ASSERT_OK_AND_ASSIGN(
      const XmlElement root,
      ParseXml(
          "\xef\xbb\xbf \n<?xml version=\"1.0\"?><!-- x --><s3:A xmlns:s3='u' b=\"1\">t&lt;"
          "<B/><C>&#233;&#x1F600;&amp;&quot;&apos;&gt;</C><![CDATA[<&]]><!-- -- ->-->u</s3:A> "));
  EXPECT_EQ(root.name, "A");
  EXPECT_EQ(root.text, "t<<&u");
  ASSERT_EQ(root.children.size(), 2u);
  EXPECT_EQ(root.Text("C"), "\xc3\xa9\xf0\x9f\x98\x80&\"'>");
  EXPECT_EQ(root.Text("D"), "");
  EXPECT_EQ(root.Find("D"), nullptr);
}

TEST(Xml, RefusesWhatIsNotWellFormed) {
  for (const char* text : {"",
                           "x",
                           "<",
                           "<a",
                           "<a>",
                           "<a></b>",
                           "<a></a",
                           "<a/><b/>",
                           "<a/>x",
                           "<a b></a>",
                           "<a b=1></a>",
                           "<a b='></a>",
                           "<a b='<'></a>",
                           "<a>&x;</a>",
                           "<a>&</a>",
                           "<a>&#0;</a>",
                           "<a>&#xd800;</a>",
                           "<a>&#x110000;</a>",
                           "<a>&#;</a>",
                           "<a>&#x;</a>",
                           "<a>&#1a;</a>",
                           "<a>\x01</a>",
                           "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>",
                           "<a><!ELEMENT b></a>",
                           "<a><![CDATA[x</a>",
                           "<a><!-- x</a>",
                           "<?xml <a/>",
                           "< a/>",
                           "<a/b='c'>"}) {
    EXPECT_THAT(ParseXml(text), StatusIs(StatusCode::kDataLoss)) << text;
  }
}

TEST(Xml, IsBounded) {
  std::string deep;
  for (int i = 0; i < 33; ++i) deep += "<a>";
  EXPECT_THAT(ParseXml(deep), StatusIs(StatusCode::kDataLoss));
  std::string wide = "<a>";
  for (int i = 0; i < 200001; ++i) wide += "<b/>";
  auto refused = ParseXml(wide + "</a>");
  ASSERT_THAT(refused, StatusIs(StatusCode::kDataLoss));
  EXPECT_NE(refused.status().message().find("too many"), std::string::npos);
  EXPECT_THAT(ParseXml("<a>" + std::string(kXmlBytesMax, 'x') + "</a>"),
              StatusIs(StatusCode::kDataLoss));
}

std::string Listing(const std::string& inner) {
  return "<ListBucketResult>" + inner + "</ListBucketResult>";
}
std::string Contents(const std::string& key, const std::string& size = "1",
                     const std::string& time = "2026-01-02T03:04:05.000Z") {
  return "<Contents><Key>" + key + "</Key><LastModified>" + time + "</LastModified><Size>" + size +
         "</Size></Contents>";
}

TEST(S3Page, MergesObjectsAndPrefixesInOrder) {
  THANOS_ASSERT_OK_AND_ASSIGN(
      const S3Page page,
      ParseS3Page(Listing("<IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>"
                          "<NextContinuationToken>t+1=</NextContinuationToken>" +
                          Contents("b%2Bc+d") + Contents("e", "77") +
                          "<CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes>"),
                  false));
  ASSERT_EQ(page.entries.size(), 3u);
  EXPECT_EQ(page.entries[0].name, "b+c d");
  EXPECT_EQ(page.entries[1].name, "c/");
  EXPECT_TRUE(page.entries[1].is_prefix);
  EXPECT_EQ(page.entries[2].attributes.size, 77);
  EXPECT_EQ(page.entries[2].attributes.modified_ms, 1767323045000);
  EXPECT_TRUE(page.truncated);
  EXPECT_EQ(page.next, "t+1=");
}

TEST(S3Page, VersionOneGoesOnBehindItsLastKey) {
  const std::string truncated = "<IsTruncated>true</IsTruncated>";
  THANOS_ASSERT_OK_AND_ASSIGN(
      S3Page page, ParseS3Page(Listing(truncated + Contents("a") + Contents("b")), true));
  EXPECT_EQ(page.next, "b");
  THANOS_ASSERT_OK_AND_ASSIGN(
      page, ParseS3Page(Listing(truncated + "<NextMarker>m</NextMarker>" + Contents("a")), true));
  EXPECT_EQ(page.next, "m");
}

TEST(S3Page, RefusesWhatIsNoWholePage) {
  const std::string end = "<IsTruncated>false</IsTruncated>";
  for (const std::string& text :
       {std::string(), std::string("<html><body>log in</body></html>"), Listing(""),
        Listing("<IsTruncated>maybe</IsTruncated>"), Listing("<IsTruncated>true</IsTruncated>"),
        Listing(end + Contents("")), Listing(end + Contents("a", "-1")),
        Listing(end + Contents("a", "1x")), Listing(end + Contents("a", "1", "yesterday")),
        Listing(end + "<CommonPrefixes><Prefix>c</Prefix></CommonPrefixes>"),
        Listing(end + "<EncodingType>url</EncodingType>" + Contents("%zz")),
        Listing(end + Contents("a")).substr(0, 60)}) {
    EXPECT_FALSE(ParseS3Page(text, false).ok()) << text;
  }
  THANOS_EXPECT_OK(ParseS3Page(Listing(end), false));
}

TEST(S3Answers, Errors) {
  const S3Error error = ParseS3Error(
      "<Error><Code>NoSuchKey</Code><Message>m</Message><Region>r</Region><RequestId>1</RequestId>"
      "</Error>");
  EXPECT_EQ(error.code + error.message + error.region + error.request_id, "NoSuchKeymr1");
  EXPECT_EQ(ParseS3Error("<html/>").code, "");
  EXPECT_EQ(ParseS3Error("Bad gateway").code, "");
}

TEST(S3Answers, LateResults) {
  S3Error error;
  THANOS_EXPECT_OK(ParseLateResult("  \n<R/>", "R", &error));
  EXPECT_EQ(error.code, "");
  THANOS_EXPECT_OK(ParseLateResult("<Error><Code>InternalError</Code></Error>", "R", &error));
  EXPECT_EQ(error.code, "InternalError");
  EXPECT_FALSE(ParseLateResult("<html/>", "R", &error).ok());
  EXPECT_FALSE(ParseLateResult("", "R", &error).ok());
}

TEST(S3Answers, Locations) {
  const auto location = [](const std::string& inner) {
    return ParseLocation("<LocationConstraint>" + inner + "</LocationConstraint>");
  };
  EXPECT_THAT(location(""), testing::IsOkAndHolds(std::string("us-east-1")));
  EXPECT_THAT(location("EU"), testing::IsOkAndHolds(std::string("eu-west-1")));
  EXPECT_THAT(location("ap-south-1"), testing::IsOkAndHolds(std::string("ap-south-1")));
  EXPECT_FALSE(ParseLocation("<x/>").ok());
}

TEST(S3Answers, ContentRanges) {
  THANOS_ASSERT_OK_AND_ASSIGN(ContentRange range, ParseContentRange("bytes 2-5/10"));
  EXPECT_EQ(range.first, 2);
  EXPECT_EQ(range.last, 5);
  EXPECT_EQ(range.total, 10);
  THANOS_ASSERT_OK_AND_ASSIGN(range, ParseContentRange("bytes 2-5/*"));
  EXPECT_EQ(range.total, -1);
  THANOS_ASSERT_OK_AND_ASSIGN(range, ParseContentRange("bytes */10"));
  EXPECT_EQ(range.first, -1);
  for (const char* text : {"", "bytes", "bytes 5-2/10", "bytes 2-10/10", "bytes -1-2/5", "2-5/10",
                           "bytes 2-5", "bytes 2/10", "bytes a-b/c", "bytes 2-5/10 "}) {
    EXPECT_FALSE(ParseContentRange(text).ok()) << text;
  }
}

TEST(S3Answers, Credentials) {
  THANOS_ASSERT_OK_AND_ASSIGN(
      ExpiringCredentials got,
      ParseMetadataCredentials(R"({"Code":"Success","AccessKeyId":"A","SecretAccessKey":"S",)"
                               R"("Token":"T","Expiration":"2026-01-02T03:04:05Z"})"));
  EXPECT_EQ(got.keys.access_key + got.keys.secret_key + got.keys.session_token, "AST");
  EXPECT_EQ(got.expires_ms, 1767323045000);
  for (const char* text : {"", "[]", "{}", R"({"AccessKeyId":"A"})", R"({"Code":"Failed"})",
                           R"({"AccessKeyId":"A","SecretAccessKey":"S","Expiration":"soon"})"}) {
    EXPECT_FALSE(ParseMetadataCredentials(text).ok()) << text;
  }
  THANOS_ASSERT_OK_AND_ASSIGN(
      got, ParseStsCredentials(
               "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
               "<AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey>"
               "<SessionToken>T</SessionToken><Expiration>2026-01-02T03:04:05Z</Expiration>"
               "</Credentials></AssumeRoleWithWebIdentityResult>"
               "</AssumeRoleWithWebIdentityResponse>"));
  EXPECT_EQ(got.keys.session_token, "T");
  EXPECT_FALSE(ParseStsCredentials("<a/>").ok());
}

}  // namespace
}  // namespace thanos::objstore
