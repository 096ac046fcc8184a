// gMock matchers for Status and Result<T>.
//   EXPECT_THAT(ReadToc(bytes), IsOk());
//   EXPECT_THAT(ReadToc(bytes), StatusIs(StatusCode::kDataLoss));
//   THANOS_ASSERT_OK_AND_ASSIGN(Toc toc, ReadToc(bytes));
#pragma once

#include <ostream>
#include <string>

#include <gmock/gmock.h>

#include "thanos/status.h"

namespace thanos {

inline void PrintTo(const Status& status, std::ostream* out) { *out << status.ToString(); }

namespace testing {

inline const Status& StatusOf(const Status& status) { return status; }
template <typename T>
const Status& StatusOf(const Result<T>& result) {
  return result.status();
}

MATCHER(IsOk, "") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}
MATCHER_P(StatusIs, code, "") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code;
}
MATCHER_P2(StatusIs, code, message, "") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code &&
         ::testing::ExplainMatchResult(message, std::string(StatusOf(arg).message()),
                                       result_listener);
}
MATCHER_P(IsOkAndHolds, inner, "") {
  if (!arg.ok()) {
    *result_listener << arg.status().ToString();
    return false;
  }
  return ::testing::ExplainMatchResult(inner, *arg, result_listener);
}

}  // namespace testing
}  // namespace thanos

#define THANOS_ASSERT_OK(expression) ASSERT_THAT(expression, ::thanos::testing::IsOk())
#define THANOS_EXPECT_OK(expression) EXPECT_THAT(expression, ::thanos::testing::IsOk())
#define THANOS_ASSERT_OK_AND_ASSIGN_INNER(result, lhs, ...) \
  auto result = (__VA_ARGS__);                              \
  ASSERT_THAT(result, ::thanos::testing::IsOk());           \
  lhs = std::move(result).value()
#define THANOS_ASSERT_OK_AND_ASSIGN(lhs, ...) \
  THANOS_ASSERT_OK_AND_ASSIGN_INNER(THANOS_CONCAT(thanos_result_, __LINE__), lhs, __VA_ARGS__)
