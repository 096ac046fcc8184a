#include "ui/prefix.h"

#include <gtest/gtest.h>

namespace thanos::ui {
namespace {

net::HttpRequest RequestWith(const std::string& header, const std::string& value) {
  net::HttpRequest request;
  request.headers.Add(header, value);
  return request;
}

TEST(Prefix, IsPlainWhenItCanOnlyBeAPathHere) {
  for (const char* good : {"", "/a", "/a/b-c_d.e~f", "/a.b"}) EXPECT_TRUE(IsPlainPrefix(good));
  for (const char* bad : {"a", "//host", "/a//b", "/a/", "/", "/..", "/a/./b", "/a b", "/a\"b",
                          "/<b>", "https://x", "/a?b", "/a%2f", "/\\x", "/a\nb"}) {
    EXPECT_FALSE(IsPlainPrefix(bad)) << bad;
  }
}

TEST(Prefix, OfLinksIsTheExternalOneElseTheRoute) {
  EXPECT_EQ(LinkPrefix({.route = "/r"}, {}), "/r");
  EXPECT_EQ(LinkPrefix({.route = "/r", .external = "/e"}, {}), "/e");
}

TEST(Prefix, TakesTheHeaderOnlyWhenItIsAskedForAndPlain) {
  const PrefixOptions with_header{.route = "/r", .header = "X-Prefix"};
  EXPECT_EQ(LinkPrefix(with_header, RequestWith("X-Prefix", "/from/proxy//")), "/from/proxy");
  EXPECT_EQ(LinkPrefix(with_header, RequestWith("X-Prefix", "//elsewhere")), "/r");
  EXPECT_EQ(LinkPrefix(with_header, RequestWith("X-Prefix", "/\"><script>")), "/r");
  EXPECT_EQ(LinkPrefix(with_header, RequestWith("X-Other", "/x")), "/r");
  EXPECT_EQ(LinkPrefix({.route = "/r"}, RequestWith("X-Prefix", "/x")), "/r");
}

}  // namespace
}  // namespace thanos::ui
