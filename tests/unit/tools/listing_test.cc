#include "tools/listing.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "thanos/testing/status_matchers.h"
#include "tools/meta_template.h"

namespace thanos::tools {
namespace {

using ::testing::HasSubstr;
using ::thanos::testing::StatusIs;

class ListingTest : public ::testing::Test {
 protected:
  ListingTest() {
    setenv("TZ", "UTC", 1);
    Add("01AR0000000000000000000001", 1'699'488'000'000, 7'200'000, 0, "sidecar",
        {{"cluster", "a"}});
    Add("01AR0000000000000000000002", 1'699'488'000'000, 172'800'000, 300'000, "compactor",
        {{"cluster", "b"}, {"z", "1"}});
  }
  void Add(const char* id, int64_t min_ms, int64_t range_ms, int64_t resolution_ms,
           const char* source, std::map<std::string, std::string> labels) {
    block::BlockMeta meta;
    meta.ulid = *base::Ulid::Parse(id);
    meta.min_ms = min_ms;
    meta.max_ms = min_ms + range_ms;
    meta.stats.samples = 1'234'567;
    meta.stats.series = 12;
    meta.stats.chunks = 999;
    meta.compaction.level = 1;
    meta.thanos.resolution_ms = resolution_ms;
    meta.thanos.source = source;
    meta.thanos.labels = std::move(labels);
    metas_[meta.ulid] = std::make_shared<const block::BlockMeta>(meta);
  }
  std::string List(const std::string& format) {
    std::string out;
    EXPECT_TRUE(WriteListing(metas_, format, &out).ok());
    return out;
  }
  bucketblocks::MetaMap metas_;
};

TEST_F(ListingTest, WideIsALineABlock) {
  EXPECT_THAT(List("wide"),
              HasSubstr("01AR0000000000000000000002 -- 2023-11-09T00:00:00Z - "
                        "2023-11-11T00:00:00Z Diff: 48h0m0s, Compaction: 1, Downsample: 300000, "
                        "Source: compactor\n"));
  EXPECT_EQ(List(""), "01AR0000000000000000000001\n01AR0000000000000000000002\n");
}

TEST_F(ListingTest, TimesCarryTheLocalZone) {
  setenv("TZ", "XYZ-5:30", 1);
  tzset();
  EXPECT_EQ(LocalTime(0), "1970-01-01T05:30:00+05:30");
  setenv("TZ", "UTC", 1);
  tzset();
  EXPECT_EQ(LocalTime(0), "1970-01-01T00:00:00Z");
}

TEST_F(ListingTest, InspectionHasAllColumns) {
  std::string out;
  THANOS_ASSERT_OK(WriteInspection(metas_, {}, {"UNTIL"}, TableFormat::kCsv, &out));
  EXPECT_EQ(out,
            "ULID,FROM,UNTIL,RANGE,UNTIL-DOWN,#SERIES,#SAMPLES,#CHUNKS,COMP-LEVEL,COMP-FAILED,"
            "LABELS,RESOLUTION,SOURCE\n"
            "01AR0000000000000000000001,2023-11-09T00:00:00Z,2023-11-09T02:00:00Z,2h0m0s,38h0m0s,"
            "12,\"1,234,567\",999,1,false,cluster=a,0s,sidecar\n"
            "01AR0000000000000000000002,2023-11-09T00:00:00Z,2023-11-11T00:00:00Z,48h0m0s,"
            "192h0m0s,12,\"1,234,567\",999,1,false,\"cluster=b,z=1\",5m0s,compactor\n");
}

TEST_F(ListingTest, InspectionSelectsSortsAndRefuses) {
  std::string out;
  THANOS_ASSERT_OK(WriteInspection(metas_, {model::Matcher::Equal("z", "1")}, {"ULID"},
                                   TableFormat::kTable, &out));
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 3);
  EXPECT_THAT(out, HasSubstr("| 01AR0000000000000000000002 | 2023-11-09T00:00:00Z |"));
  EXPECT_THAT(WriteInspection(metas_, {}, {"BOGUS"}, TableFormat::kTable, &out),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(ListingTest, TemplatesNameFields) {
  EXPECT_EQ(List("{{.ULID}} {{ .Stats.NumSeries -}} \n !{{/* c */}}"),
            "01AR0000000000000000000001 12!\n01AR0000000000000000000002 12!\n");
  EXPECT_EQ(List("{{.Thanos.Labels}} {{.Thanos.Labels.z}}"),
            "map[cluster:a] <no value>\nmap[cluster:b z:1] 1\n");
  EXPECT_THAT(MetaTemplate::Parse("{{.Nope}}"), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(MetaTemplate::Parse("{{if .ULID}}x{{end}}"), StatusIs(StatusCode::kUnimplemented));
  EXPECT_THAT(MetaTemplate::Parse("{{.ULID"), StatusIs(StatusCode::kInvalidArgument));
}

TEST(LabelFlagTest, TakesOneEquality) {
  THANOS_ASSERT_OK_AND_ASSIGN(const auto label, ParseLabelFlag("a=\"x,\\\"y\""));
  EXPECT_EQ(label, (std::pair<std::string, std::string>("a", "x,\"y")));
  for (const char* bad : {"", "a", "a=b", "a!=\"b\"", "a=\"b\",c=\"d\"", "a=\"b", "=\"b\""}) {
    EXPECT_THAT(ParseLabelFlag(bad), StatusIs(StatusCode::kInvalidArgument)) << bad;
  }
}

}  // namespace
}  // namespace thanos::tools
