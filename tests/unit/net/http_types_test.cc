#include "net/http_types.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/resolver.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using thanos::testing::IsOkAndHolds;
using thanos::testing::StatusIs;

TEST(ParseQuery, FollowsGo) {
  Values values;
  THANOS_EXPECT_OK(ParseQuery("a=1&b&=c&&a=x%3Dy+z&d==", &values));
  EXPECT_THAT(values.items(), ElementsAre(Pair("a", "1"), Pair("b", ""), Pair("", "c"),
                                          Pair("a", "x=y z"), Pair("d", "=")));
  EXPECT_EQ(values.Get("a"), "1");
  EXPECT_THAT(values.GetAll("a"), ElementsAre("1", "x=y z"));
}

TEST(ParseQuery, KeepsGoodPairsBesideBadOnes) {
  Values values;
  EXPECT_THAT(ParseQuery("a=%&b=2;c=3&d=%4", &values),
              StatusIs(StatusCode::kInvalidArgument, "invalid URL escape \"%\""));
  EXPECT_THAT(values.items(), IsEmpty());
  EXPECT_THAT(ParseQuery("x=1;y=2&z=3", &values),
              StatusIs(StatusCode::kInvalidArgument, "invalid semicolon separator in query"));
  EXPECT_EQ(values.Get("z"), "3");
}

TEST(ParseQuery, BoundsTheNumberOfParameters) {
  std::string text;
  for (size_t i = 0; i <= kParametersMax; ++i) text += "a&";
  Values values;
  EXPECT_THAT(ParseQuery(text, &values), StatusIs(StatusCode::kInvalidArgument));
}

TEST(ParseMultipart, ReadsFieldsAndLeavesFilesOut) {
  const std::string body =
      "--xx\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nup{a=\"b\"}\r\n"
      "--xx\r\nContent-Type: text/plain\r\ncontent-disposition: form-data; name=time\r\n\r\n5\r\n"
      "--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"g\"\r\n\r\nfile\r\n"
      "--xx\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--xx--\r\n";
  const std::string type = "multipart/form-data; boundary=\"xx\"";
  Values values;
  THANOS_EXPECT_OK(ParseMultipart(body, type, &values));
  EXPECT_THAT(values.items(),
              ElementsAre(Pair("query", "up{a=\"b\"}"), Pair("time", "5"), Pair("empty", "")));
  for (size_t size = 0; size + 4 < body.size(); ++size) {
    Values part;
    EXPECT_FALSE(ParseMultipart(body.substr(0, size), type, &part).ok()) << size;
  }
  EXPECT_FALSE(ParseMultipart(body, "multipart/form-data", &values).ok());
}

TEST(Escape, AsGo) {
  EXPECT_EQ(QueryEscape("a b/c?d=e&f+é~"), "a+b%2Fc%3Fd%3De%26f%2B%C3%A9~");
  EXPECT_EQ(PathEscape("a b/c:d@e"), "a%20b%2Fc:d@e");
}

TEST(Headers, IgnoreCase) {
  HttpHeaders headers{{"Accept", "a"}, {"ACCEPT", "b"}};
  EXPECT_EQ(headers.Get("accept"), "a");
  headers.Set("aCCept", "c");
  EXPECT_THAT(headers.GetAll("Accept"), ElementsAre("c"));
}

TEST(HostPort, SplitsAndJoins) {
  THANOS_ASSERT_OK_AND_ASSIGN(HostPort v6, SplitHostPort("[::1]:80"));
  EXPECT_EQ(v6.host, "::1");
  EXPECT_EQ(JoinHostPort(v6.host, v6.port), "[::1]:80");
  THANOS_ASSERT_OK_AND_ASSIGN(HostPort bare, SplitHostPort("host"));
  EXPECT_EQ(bare.port, "");
  for (const char* bad : {"a:b", "a:70000", "[::1", "::1", "[::1]x", "a:1:2"}) {
    EXPECT_THAT(SplitHostPort(bad), StatusIs(StatusCode::kInvalidArgument)) << bad;
  }
}

TEST(Resolver, KnowsItsPrefixes) {
  EXPECT_FALSE(IsDynamicAddress("host:1"));
  for (const char* text : {"dns+h:1", "dnssrv+n", "dnssrvnoa+n", "dnsdualstack+h:1"}) {
    EXPECT_TRUE(IsDynamicAddress(text)) << text;
  }
}

TEST(Resolver, ReadsTheHostsFile) {
  const auto resolver = MakeSystemResolver();
  const CallContext context;
  EXPECT_THAT(resolver->Resolve(context, "localhost:1"), IsOkAndHolds(ElementsAre("localhost:1")));
  EXPECT_THAT(resolver->Resolve(context, "dns+127.0.0.1:90"),
              IsOkAndHolds(ElementsAre("127.0.0.1:90")));
  EXPECT_THAT(resolver->Resolve(context, "dns+http://127.0.0.1:90"),
              IsOkAndHolds(ElementsAre("http://127.0.0.1:90")));
  EXPECT_THAT(resolver->Resolve(context, "dns+localhost:90"),
              IsOkAndHolds(::testing::Contains(HasSubstr(":90"))));
  EXPECT_THAT(resolver->Resolve(context, "dns+127.0.0.1"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("missing port")));
}

}  // namespace
}  // namespace thanos::net
