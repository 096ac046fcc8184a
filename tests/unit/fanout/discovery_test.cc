#include "fanout/discovery.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::fanout {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using thanos::testing::IsOkAndHolds;
using thanos::testing::StatusIs;

void Write(const std::string& path, const std::string& text) {
  std::ofstream(path + ".tmp") << text;
  std::filesystem::rename(path + ".tmp", path);
}

std::vector<std::string> AddressesOf(Discovery& discovery) {
  std::vector<std::string> addresses;
  for (const EndpointSpec& spec : discovery.Wanted()) addresses.push_back(spec.address);
  return addresses;
}

TEST(ParseTargetFile, JsonAndYaml) {
  EXPECT_THAT(ParseTargetFile(R"([{"targets":["a:1","b:1"],"labels":{"x":"y"}},{"targets":[]}])"),
              IsOkAndHolds(ElementsAre("a:1", "b:1")));
  EXPECT_THAT(ParseTargetFile("- targets:\n  - a:1\n- targets: [c:1]\n"),
              IsOkAndHolds(ElementsAre("a:1", "c:1")));
  EXPECT_THAT(ParseTargetFile(""), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(ParseTargetFile("targets: [a]"), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseTargetFile("- tragets: [a]"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("tragets")));
}

class DiscoveryTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) { return directory_.path() + "/" + name; }
  testing::TemporaryDirectory directory_;
};

TEST_F(DiscoveryTest, TargetFilesAreFollowed) {
  Write(Path("a.json"), R"([{"targets":["a:1"]}])");
  TargetFiles files({Path("*.json"), Path("*.yml")}, std::chrono::hours(1), {});
  EXPECT_THAT(files.Targets(), ElementsAre("a:1"));
  Write(Path("b.yml"), "- targets: ['b:1']");
  EXPECT_THAT(files.Targets(), ElementsAre("a:1", "b:1"));
  Write(Path("a.json"), R"([{"targets":["a:1","a:2"]}])");
  EXPECT_THAT(files.Targets(), ElementsAre("a:1", "a:2", "b:1"));
  // Half a file is no reason to forget.
  Write(Path("a.json"), R"([{"targets":["a:)");
  EXPECT_THAT(files.Targets(), ElementsAre("a:1", "a:2", "b:1"));
  std::filesystem::remove(Path("b.yml"));
  EXPECT_THAT(files.Targets(), ElementsAre("a:1", "a:2"));
}

TEST_F(DiscoveryTest, AFileThatIsTooLargeKeepsItsTargets) {
  Write(Path("a.json"), R"([{"targets":["a:1"]}])");
  TargetFiles files({Path("a.json")}, std::chrono::hours(1), {});
  EXPECT_THAT(files.Targets(), ElementsAre("a:1"));
  std::ofstream(Path("a.json")) << R"([{"targets":["b:1"]}])";
  std::filesystem::resize_file(Path("a.json"), TargetFiles::kFileBytesMax + 1);
  EXPECT_THAT(files.Targets(), ElementsAre("a:1"));
}

TEST_F(DiscoveryTest, TheConfigurationIsLoadedAgainAndABadOneDoesNotReplaceAGoodOne) {
  Write(Path("c.yml"), "endpoints: [{address: 'a:1'}]");
  DiscoveryOptions options;
  options.flags = {{.address = "f:1", .strict = true}};
  options.config_path = Path("c.yml");
  options.reload_interval = std::chrono::nanoseconds(0);
  THANOS_ASSERT_OK_AND_ASSIGN(const auto discovery, Discovery::Make(options, {}));
  EXPECT_THAT(AddressesOf(*discovery), ElementsAre("a:1", "f:1"));
  Write(Path("c.yml"), "endpoints: [{address: 'b:1'}, {address: 'c:1'}]");
  EXPECT_THAT(AddressesOf(*discovery), ElementsAre("b:1", "c:1", "f:1"));
  Write(Path("c.yml"), "endpoints: [{address: 'dns+b:1', strict: true}]");
  EXPECT_THAT(AddressesOf(*discovery), ElementsAre("b:1", "c:1", "f:1"));
  std::filesystem::remove(Path("c.yml"));
  EXPECT_THAT(AddressesOf(*discovery), ElementsAre("b:1", "c:1", "f:1"));
}

TEST_F(DiscoveryTest, ABadStartIsAnError) {
  DiscoveryOptions options;
  options.flags = {{.address = "dns+f:1", .strict = true}};
  EXPECT_THAT(Discovery::Make(options, {}).status(), StatusIs(StatusCode::kInvalidArgument));
  options.flags = {{.address = "f"}};
  EXPECT_THAT(Discovery::Make(options, {}).status(), StatusIs(StatusCode::kInvalidArgument));
  options.flags.clear();
  options.config_path = Path("none.yml");
  EXPECT_THAT(Discovery::Make(options, {}).status(), ::testing::Not(StatusIs(StatusCode::kOk)));
  options.config_path.clear();
  options.config_text = "{";
  EXPECT_THAT(Discovery::Make(options, {}).status(),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("endpoint.sd-config")));
}

}  // namespace
}  // namespace thanos::fanout
