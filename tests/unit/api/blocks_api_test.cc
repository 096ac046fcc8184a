#include "api/blocks_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/http_server.h"
#include "support/raw_client.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class BlocksApiTest : public ::testing::Test {
 protected:
  BlocksApiTest() : server_({}), routes_(&server_, "", true) {}
  void Start(BlockMarkFunction mark) {
    AddBlocksApi(
        &routes_, "cluster",
        [] {
          return BlocksView{.metas = {"{\"a\":1}"},
                            .troubled = {{"T", "partial", "no meta.json"}},
                            .marks = {{"M", "no-compact", "manual", "said \"so\"", 7}},
                            .refreshed_ms = 1000};
        },
        [] { return BlocksView{.error = "no bucket"}; });
    AddBlockMarkApi(&routes_, std::move(mark));
    THANOS_ASSERT_OK(server_.Start());
  }
  std::string Ask(const std::string& request) {
    testing::RawClient client(server_.port());
    EXPECT_TRUE(client.Send(request));
    return client.ReadToEnd();
  }
  std::string Post(const std::string& form, const std::string& headers = "") {
    return Ask("POST /api/v1/blocks/mark HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + headers +
               "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " +
               std::to_string(form.size()) + "\r\n\r\n" + form);
  }
  std::string Get(const std::string& target) {
    return Ask("GET " + target + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  }
  net::HttpServer server_;
  ApiRoutes routes_;
};

TEST_F(BlocksApiTest, ShowsTheViewThatIsAskedFor) {
  Start(nullptr);
  EXPECT_THAT(
      Get("/api/v1/blocks?view=loaded"),
      HasSubstr(
          R"("label":"cluster","blocks":[{"a":1}],"refreshedAt":"1970-01-01T00:00:01Z","err":null)"));
  EXPECT_THAT(Get("/api/v1/blocks"), HasSubstr(R"("err":"no bucket")"));
}

TEST_F(BlocksApiTest, TellsOfMarksAndTroubles) {
  Start(nullptr);
  const std::string answer = Get("/api/v1/blocks?view=loaded");
  EXPECT_THAT(
      answer,
      HasSubstr(
          R"("troubled":[{"ulid":"T","state":"partial","reason":"no meta.json"}],"marks":[{)"
          R"("ulid":"M","kind":"no-compact","reason":"manual","details":"said \"so\"","time":7}]})"));
  EXPECT_THAT(Get("/api/v1/blocks"), HasSubstr(R"("troubled":[],"marks":[]})"));
}

TEST_F(BlocksApiTest, MarksByForm) {
  std::vector<BlockMarkRequest> seen;
  Start([&](const CallContext&, const BlockMarkRequest& request) {
    seen.push_back(request);
    return request.id == "bad" ? InvalidArgumentError("not an id") : OkStatus();
  });
  EXPECT_THAT(Post("id=X&action=DELETION&detail=a+b"), StartsWith("HTTP/1.1 204"));
  EXPECT_THAT(Post("id=X&action=NO_COMPACTION"), StartsWith("HTTP/1.1 204"));
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_TRUE(seen[0].deletion);
  EXPECT_EQ(seen[0].detail, "a b");
  EXPECT_FALSE(seen[1].deletion);
  EXPECT_THAT(Post("id=bad&action=DELETION"), HasSubstr("not an id"));
}

TEST_F(BlocksApiTest, RefusesWhatIsIncompleteOrFromElsewhere) {
  int marks = 0;
  Start([&](const CallContext&, const BlockMarkRequest&) {
    ++marks;
    return OkStatus();
  });
  for (const char* form : {"action=DELETION", "id=X", "id=X&action=OTHER"}) {
    EXPECT_THAT(Post(form), StartsWith("HTTP/1.1 400")) << form;
  }
  EXPECT_THAT(Post("id=X&action=DELETION", "Sec-Fetch-Site: cross-site\r\n"),
              StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(Get("/api/v1/blocks/mark?id=X&action=DELETION"), StartsWith("HTTP/1.1 405"));
  EXPECT_EQ(marks, 0);
}

TEST_F(BlocksApiTest, MarkingCanBeDisabled) {
  Start(nullptr);
  const std::string answer = Post("id=X&action=DELETION");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(answer, HasSubstr("Admin operations are disabled"));
}

}  // namespace
}  // namespace thanos::api
