#include "api/answers.h"

#include <gtest/gtest.h>

#include "thanos/testing/status_matchers.h"

namespace thanos::api {
namespace {

using thanos::testing::StatusIs;

class CollectingWriter : public net::BodyWriter {
 public:
  Status Write(std::string_view piece) override {
    if (text.size() + piece.size() > bytes_max) return CancelledError("the client is gone");
    text += piece;
    return OkStatus();
  }
  std::string text;
  size_t bytes_max = SIZE_MAX;
};

net::HttpResponse Streamed(const Warnings& warnings) {
  return StreamedSuccess(
      [](net::BodyWriter& to) -> Status {
        THANOS_RETURN_IF_ERROR(to.Write("[1,"));
        return to.Write("2]");
      },
      warnings);
}

TEST(StreamedSuccess, IsTheSameAnswerInPieces) {
  for (const Warnings& warnings :
       {Warnings(), Warnings{"null and void"}, Warnings{"PromQL info: x"}}) {
    const net::HttpResponse whole = Success("[1,2]", warnings), streamed = Streamed(warnings);
    CollectingWriter to;
    THANOS_ASSERT_OK(streamed.stream(to));
    EXPECT_EQ(to.text, whole.body);
    EXPECT_EQ(streamed.status, whole.status);
    EXPECT_EQ(streamed.headers.Get("Content-Type"), whole.headers.Get("Content-Type"));
    EXPECT_EQ(streamed.headers.Get("Cache-Control"), whole.headers.Get("Cache-Control"));
  }
}

TEST(StreamedSuccess, EndsWhenTheClientIsGone) {
  CollectingWriter to;
  to.bytes_max = 40;
  EXPECT_THAT(Streamed({std::string(100, 'w')}).stream(to), StatusIs(StatusCode::kCancelled));
}

TEST(StreamedSuccess, BreaksOffWhereItsDataFails) {
  const net::HttpResponse broken = StreamedSuccess(
      [](net::BodyWriter& to) -> Status {
        THANOS_RETURN_IF_ERROR(to.Write("[1,"));
        return DataLossError("half of it");
      },
      {});
  CollectingWriter to;
  EXPECT_THAT(broken.stream(to), StatusIs(StatusCode::kDataLoss));
  EXPECT_TRUE(to.text.ends_with("[1,")) << to.text;
}

}  // namespace
}  // namespace thanos::api
