#include "tools/template_syntax.h"

#include <gtest/gtest.h>

#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::tools {
namespace {

using ::thanos::testing::StatusIs;

TEST(TemplateSyntaxTest, RefusesWhatPrometheusRefuses) {
  const std::string path = "conformance/vectors/templates.jsonl";
  THANOS_SKIP_WITHOUT_SHARED(path);
  size_t refused = 0, same_words = 0;
  for (const auto& row : testing::ReadJsonLines(testing::SharedPath(path))) {
    const std::string text = testing::TextOf(row.at("text"));
    const Status status = CheckAlertTemplate(text);
    const bool parses = row.value("error_class", "") != "parse";
    EXPECT_EQ(status.ok(), parses) << text << "\n" << status.ToString();
    if (parses || status.ok()) continue;
    ++refused;
    same_words += row.at("error").get<std::string>().ends_with(status.message());
  }
  EXPECT_EQ(refused, 48u);
  EXPECT_GE(same_words, 40u);
}

TEST(TemplateSyntaxTest, VariablesLiveInTheirBlock) {
  THANOS_EXPECT_OK(CheckAlertTemplate("{{ if true }}{{ $x := 1 }}{{ $x }}{{ end }}"));
  EXPECT_THAT(CheckAlertTemplate("{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}"),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(CheckAlertTemplate("{{ define \"a\" }}{{ $labels }}{{ end }}"),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST(TemplateSyntaxTest, NestingIsBounded) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{{ if true }}";
  EXPECT_THAT(CheckAlertTemplate(deep), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(CheckAlertTemplate("{{ " + std::string(100'000, '(') + " }}"),
              StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace thanos::tools
