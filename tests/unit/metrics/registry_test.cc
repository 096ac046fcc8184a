#include "metrics/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thanos::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Registry, WritesTextInOrderOfNames) {
  Registry registry;
  registry.AddGauge("z_gauge", "A gauge.").Set(2.5);
  registry.AddCounter("a_total", "Counts \"things\"\nover lines.", {{"k", "v\"\\\n"}}).Add(3);
  const std::string text = registry.Render(Format::kText);
  EXPECT_EQ(text,
            "# HELP a_total Counts \"things\"\\nover lines.\n"
            "# TYPE a_total counter\n"
            "a_total{k=\"v\\\"\\\\\\n\"} 3\n"
            "# HELP z_gauge A gauge.\n"
            "# TYPE z_gauge gauge\n"
            "z_gauge 2.5\n");
}

TEST(Registry, WritesSummariesWithTheirQuantiles) {
  Registry registry;
  const Summary summary = registry.AddSummary("s", "S.", {{"slice", "a"}});
  EXPECT_THAT(registry.Render(Format::kText), HasSubstr("s{slice=\"a\",quantile=\"0.5\"} NaN\n"));
  for (int i = 1; i <= 100; ++i) summary.Observe(i);
  const std::string text = registry.Render(Format::kText);
  EXPECT_THAT(text, HasSubstr("# TYPE s summary\ns{slice=\"a\",quantile=\"0.5\"} "));
  EXPECT_THAT(text, HasSubstr("s{slice=\"a\",quantile=\"0.99\"} 9"));
  EXPECT_THAT(text, HasSubstr("s_sum{slice=\"a\"} 5050\ns_count{slice=\"a\"} 100\n"));
}

TEST(Registry, WritesHistogramsWithCumulativeBuckets) {
  Registry registry;
  const Histogram histogram = registry.AddHistogram("h", "H.", {0.1, 1});
  histogram.Observe(0.05);
  histogram.Observe(0.5);
  histogram.Observe(5);
  const std::string text = registry.Render(Format::kText);
  for (const char* line : {"h_bucket{le=\"0.1\"} 1\n", "h_bucket{le=\"1\"} 2\n",
                           "h_bucket{le=\"+Inf\"} 3\n", "h_sum 5.55\n", "h_count 3\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(Registry, OpenMetricsNamesCounterFamiliesWithoutTotalAndEnds) {
  Registry registry;
  registry.AddCounter("a_total", "A.").Add();
  const std::string text = registry.Render(Format::kOpenMetrics);
  EXPECT_THAT(text, HasSubstr("# TYPE a counter\na_total 1\n"));
  EXPECT_TRUE(text.ends_with("# EOF\n"));
}

TEST(Registry, OneNameIsOneFamily) {
  Registry registry;
  registry.AddCounter("a_total", "A.", {{"k", "1"}}).Add();
  registry.AddCounter("a_total", "A.", {{"k", "2"}}).Add();
  registry.AddCounter("a_total", "A.", {{"k", "1"}}).Add();
  const std::string text = registry.Render(Format::kText);
  EXPECT_THAT(text, HasSubstr("a_total{k=\"1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("a_total{k=\"2\"} 1\n"));
  EXPECT_EQ(text.find("# TYPE a_total"), text.rfind("# TYPE a_total"));
}

TEST(Registry, AsksCallbacksAtEachScrape) {
  Registry registry;
  double value = 1;
  registry.AddCallback("c", "C.", false,
                       [&] { return std::vector<Registry::Sample>{{{{"l", "x"}}, value}}; });
  EXPECT_THAT(registry.Render(Format::kText), HasSubstr("c{l=\"x\"} 1\n"));
  value = 2;
  EXPECT_THAT(registry.Render(Format::kText), HasSubstr("c{l=\"x\"} 2\n"));
}

TEST(ProcessMetrics, AreThere) {
  Registry registry;
  AddProcessMetrics(&registry);
  const std::string text = registry.Render(Format::kText);
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                           "process_open_fds", "process_start_time_seconds", "thanos_build_info"}) {
    EXPECT_THAT(text, HasSubstr(name));
  }
  EXPECT_THAT(text, Not(HasSubstr("process_resident_memory_bytes 0\n")));
}

}  // namespace
}  // namespace thanos::metrics
