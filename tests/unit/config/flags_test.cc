#include "config/flags.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/usable_memory.h"
#include "config/yaml.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::config {
namespace {

using testing::StatusIs;

class FlagSetTest : public ::testing::Test {
 protected:
  FlagSetTest() : flags_("cmd", "A command.") {
    flags_.String("text", "Text.", "fallback", &text_).Alias("old-text");
    flags_.Strings("many", "Many.", &many_);
    flags_.Bool("yes", "Yes.", true, &yes_);
    flags_.PromDuration("wait", "Wait.", "2m", &wait_);
    flags_.Bytes("size", "Size.", "1KB", &size_);
    flags_.Enum("kind", "Kind.", {"a", "b"}, "a", &kind_);
    flags_.PathOrContent("conf", "Conf.", false, true, &content_);
    flags_.WithoutEffect("gone", false, "It is gone.");
    flags_.NotBuilt("later", false);
  }
  FlagSet flags_;
  std::string text_, kind_, content_;
  std::vector<std::string> many_;
  bool yes_ = false;
  int64_t wait_ = 0;
  uint64_t size_ = 0;
};

TEST_F(FlagSetTest, HasItsDefaults) {
  THANOS_ASSERT_OK(flags_.Parse({}));
  EXPECT_EQ(text_, "fallback");
  EXPECT_TRUE(yes_);
  EXPECT_EQ(wait_, 120000000000);
  EXPECT_EQ(size_, 1024u);
  EXPECT_FALSE(flags_.WasSet("text"));
}

TEST_F(FlagSetTest, TakesBothFormsRepetitionNegationAndAliases) {
  THANOS_ASSERT_OK(flags_.Parse({"--old-text", "a b", "--many=1", "--many", "2", "--no-yes",
                                 "--wait=1d12h", "--size=2GB", "--kind=b", "--gone=x"}));
  EXPECT_EQ(text_, "a b");
  EXPECT_EQ(many_, (std::vector<std::string>{"1", "2"}));
  EXPECT_FALSE(yes_);
  EXPECT_EQ(wait_, 36 * 3600 * 1000000000ll);
  EXPECT_EQ(size_, uint64_t{2} << 30);
  EXPECT_THAT(flags_.NotesOnFlagsWithoutEffect(), ::testing::ElementsAre("--gone: It is gone."));
}

TEST_F(FlagSetTest, ShowsValuesInTheirUsualForm) {
  int64_t pause = 0, count = 0;
  flags_.GoDuration("pause", "Pause.", "2m", &pause).Int("count", "Count.", 20, &count);
  auto values = flags_.Values();
  EXPECT_EQ(values["pause"], "2m0s");
  EXPECT_EQ(values["wait"], "2m");
  EXPECT_EQ(values["size"], "1KiB");
  EXPECT_EQ(values["later"], "");  // Not built, and so not set.
  EXPECT_EQ(values["old-text"], "fallback");
  THANOS_ASSERT_OK(flags_.Parse({"--pause=90m", "--wait=36h", "--size=1536MB", "--count=7.9",
                                 "--many=a", "--many=b", "--conf=secret"}));
  values = flags_.Values();
  EXPECT_EQ(values["pause"], "1h30m0s");
  EXPECT_EQ(values["wait"], "1d12h");
  EXPECT_EQ(values["size"], "1GiB512MiB");
  EXPECT_EQ(values["count"], "7");
  EXPECT_EQ(values["many"], "a,b");
}

TEST(FlagSet, AMemoryBudgetIsAPartOfWhatThereIsUnlessItIsGiven) {
  const auto parse = [](const std::vector<std::string>& arguments) {
    uint64_t bytes = 1;
    FlagSet flags("test", "A test.");
    flags.MemoryBudget("budget", "Budget.", &bytes);
    THANOS_EXPECT_OK(flags.Parse(arguments));
    return bytes;
  };
  EXPECT_EQ(parse({}), base::UsableMemory() / 10 * 6);
  EXPECT_EQ(parse({"--budget=auto"}), base::UsableMemory() / 10 * 6);
  EXPECT_EQ(parse({"--budget=0"}), 0u);
  EXPECT_EQ(parse({"--budget=1GB"}), uint64_t{1} << 30);
}

TEST(FlagSet, FlagsWithoutEffectStillTellMistakes) {
  const auto error = [](ValueKind kind, const std::string& value) {
    FlagSet flags("cmd", "A command.");
    const char* fallback = kind == ValueKind::kBytes || kind == ValueKind::kText ? "0" : "0s";
    flags.WithoutEffect("gone", kind, "It is gone.", fallback);
    return std::string(flags.Parse({"--gone=" + value}).message());
  };
  EXPECT_THAT(error(ValueKind::kBytes, "10XB"), ::testing::HasSubstr("10XB"));
  EXPECT_THAT(error(ValueKind::kGoDuration, "1d"), ::testing::HasSubstr("1d"));
  EXPECT_THAT(error(ValueKind::kPromDuration, "soon"), ::testing::HasSubstr("soon"));
  EXPECT_EQ(error(ValueKind::kBytes, "10MB"), "");
  EXPECT_EQ(error(ValueKind::kText, "anything"), "");
}

TEST_F(FlagSetTest, SaysWhatIsWrongByName) {
  const auto error = [this](std::vector<std::string> arguments) {
    return std::string(flags_.Parse(arguments).message());
  };
  EXPECT_EQ(error({"--nope"}), "unknown long flag '--nope'");
  EXPECT_THAT(error({"--yes=true"}), ::testing::HasSubstr("yes"));
  EXPECT_THAT(error({"--wait=1.5h"}), ::testing::StartsWith("--wait: "));
  EXPECT_THAT(error({"--size=5"}), ::testing::HasSubstr("unknown unit"));
  EXPECT_THAT(error({"--kind=c"}), ::testing::HasSubstr("must be one of a,b"));
  EXPECT_THAT(error({"--later=1"}), ::testing::HasSubstr("--later is not built yet"));
  EXPECT_THAT(error({"--text"}), ::testing::HasSubstr("expected argument for flag '--text'"));
  EXPECT_THAT(error({"stray"}), ::testing::HasSubstr("unexpected stray"));
}

TEST_F(FlagSetTest, AnEmptyValueIsAValue) {
  THANOS_ASSERT_OK(flags_.Parse({"--text=", "--no-yes"}));
  EXPECT_EQ(text_, "");
  EXPECT_FALSE(yes_);
  EXPECT_TRUE(flags_.WasSet("text"));
}

TEST_F(FlagSetTest, AFlagThatIsNotRepeatableMayStandOnce) {
  EXPECT_THAT(flags_.Parse({"--text=a", "--text=b"}),
              StatusIs(StatusCode::kInvalidArgument, "flag 'text' cannot be repeated"));
}

TEST_F(FlagSetTest, ReadsArgumentsAndContentsFromFiles) {
  testing::TemporaryDirectory directory;
  std::ofstream(directory.path() + "/args")
      << "--many=x\n--conf-file=" << directory.path() << "/conf\n";
  std::ofstream(directory.path() + "/conf") << "key: $(THANOS_FLAGS_TEST)";
  EXPECT_THAT(flags_.Parse({"@" + directory.path() + "/args"}),
              StatusIs(StatusCode::kFailedPrecondition, ::testing::HasSubstr("THANOS_FLAGS_TEST")));
  setenv("THANOS_FLAGS_TEST", "value", 1);
  std::string content;
  FlagSet again("cmd", "");
  again.PathOrContent("conf", "", true, true, &content);
  THANOS_ASSERT_OK(again.Parse({"--conf-file=" + directory.path() + "/conf"}));
  EXPECT_EQ(content, "key: value");
  unsetenv("THANOS_FLAGS_TEST");
}

TEST(FlagSet, ContentIsRequiredWhereItSaysSo) {
  std::string content;
  FlagSet flags("cmd", "");
  flags.PathOrContent("conf", "", true, false, &content);
  EXPECT_THAT(flags.Parse({}), StatusIs(StatusCode::kFailedPrecondition));
  FlagSet both("cmd", "");
  both.PathOrContent("conf", "", true, false, &content);
  EXPECT_THAT(both.Parse({"--conf=a", "--conf-file=/none"}),
              StatusIs(StatusCode::kFailedPrecondition));
}

TEST_F(FlagSetTest, HelpNamesEveryFlagInItsClass) {
  const std::string help = flags_.Help();
  for (const char* text :
       {"--text=fallback", "--[no-]yes", "--many", "Accepted without effect:", "--gone",
        "Not built yet (refused by name):", "--later", "Also: --old-text"}) {
    EXPECT_THAT(help, ::testing::HasSubstr(text));
  }
}

TEST(TimeOrDuration, ResolvesAgainstNow) {
  THANOS_ASSERT_OK_AND_ASSIGN(const TimeOrDuration relative, ParseTimeOrDuration("-2h"));
  EXPECT_EQ(relative.ResolveMs(7200000), 0);
  THANOS_ASSERT_OK_AND_ASSIGN(const TimeOrDuration fixed,
                              ParseTimeOrDuration("1970-01-01T00:00:01Z"));
  EXPECT_EQ(fixed.ResolveMs(99), 1000);
  EXPECT_FALSE(ParseTimeOrDuration("").ok());
}

TEST(Yaml, NamesLineAndKey) {
  THANOS_ASSERT_OK_AND_ASSIGN(const YamlNode root,
                              ParseYaml("a: 1\nb:\n  c: yes\n  d: x\nlist: [p, q]\nwait: 5m\n"));
  int64_t a = 0, wait = 0;
  bool c = false;
  std::vector<std::string> list;
  YamlMap map(root, "top");
  map.Int("a", &a).Texts("list", &list).Duration("wait", &wait).Node("b", [&](const YamlNode& b) {
    YamlMap inner(b, "b");
    return inner.Bool("c", &c).Finish();
  });
  EXPECT_THAT(map.Finish(), StatusIs(StatusCode::kInvalidArgument,
                                     ::testing::HasSubstr("line 4: b: field d not found")));
  EXPECT_EQ(a, 1);
  EXPECT_TRUE(c);
  EXPECT_EQ(list.size(), 2u);
  EXPECT_EQ(wait, 300000000000);
}

TEST(Yaml, RefusesWhatIsNotWellFormed) {
  EXPECT_FALSE(ParseYaml("a: [1\n").ok());
  EXPECT_FALSE(ParseYaml("a: 1\na: 2\n").ok());
  EXPECT_FALSE(ParseYaml(std::string(200, '[')).ok());
  for (const char* unfinished : {"a: \"x", "a: \"x\n", "a: 'x\n", "- \"x\n\n"}) {
    EXPECT_FALSE(ParseYaml(unfinished).ok()) << unfinished;
  }
  for (const char* whole : {"a: |\n  \"x\n", "a: 1\n...\n", "a: 1\n---\nb: 'x\n", "# 'x\n"}) {
    EXPECT_TRUE(ParseYaml(whole).ok()) << whole;
  }
  THANOS_ASSERT_OK_AND_ASSIGN(const YamlNode empty, ParseYaml(""));
  EXPECT_EQ(empty.kind, YamlNode::Kind::kNull);
  THANOS_ASSERT_OK_AND_ASSIGN(const YamlNode quoted, ParseYaml("b: 'yes'\n"));
  bool value = false;
  EXPECT_FALSE(YamlMap(quoted, "m").Bool("b", &value).Finish().ok());
}

TEST(Yaml, ANullInAMapOfTextsIsEmpty) {
  THANOS_ASSERT_OK_AND_ASSIGN(const YamlNode root, ParseYaml("m: {a: null, b: 5}\n"));
  std::vector<std::pair<std::string, std::string>> pairs;
  THANOS_ASSERT_OK(YamlMap(root, "top").TextMap("m", &pairs).Finish());
  EXPECT_EQ(pairs, (std::vector<std::pair<std::string, std::string>>{{"a", ""}, {"b", "5"}}));
}

TEST(Yaml, AListMayBeLeftOut) {
  THANOS_ASSERT_OK_AND_ASSIGN(const YamlNode null, ParseYaml(""));
  THANOS_EXPECT_OK(ExpectList(null, "rules"));
  THANOS_ASSERT_OK_AND_ASSIGN(const YamlNode list, ParseYaml("[a, b]\n"));
  THANOS_EXPECT_OK(ExpectList(list, "rules"));
  THANOS_ASSERT_OK_AND_ASSIGN(const YamlNode map, ParseYaml("\na: b\n"));
  EXPECT_THAT(ExpectList(map, "rules"),
              StatusIs(StatusCode::kInvalidArgument, "line 2: rules are not a list"));
}

TEST(FlagSet, ListsStandInOneValueOrInMany) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(SplitCommas({"a,b", "c"}), (Texts{"a", "b", "c"}));
  EXPECT_EQ(SplitCommas({"", ",a,,b,"}), (Texts{"a", "b"}));
}

TEST(FlagSet, LettersStandForNames) {
  FlagSet flags("cmd", "A command.");
  std::string output, other;
  bool repair = false;
  flags.String("output", "Output.", "", &output).Short('o');
  flags.Bool("repair", "Repair.", false, &repair).Short('r');
  flags.String("other", "Other.", "", &other);
  THANOS_ASSERT_OK(flags.Parse({"-o", "wide", "-r", "--other", "-o"}));
  EXPECT_EQ(output, "wide");
  EXPECT_TRUE(repair);
  EXPECT_EQ(other, "-o");
  EXPECT_NE(flags.Help().find("-o, --output"), std::string::npos);
}

TEST(FlagSet, AttachedLettersAndUnknownOnes) {
  FlagSet flags("cmd", "A command.");
  std::string output;
  flags.String("output", "Output.", "", &output).Short('o');
  THANOS_ASSERT_OK(flags.Parse({"-ojson"}));
  EXPECT_EQ(output, "json");
  FlagSet again("cmd", "A command.");
  EXPECT_FALSE(again.Parse({"-x"}).ok());
}

TEST(FlagSet, RepeatedChoicesAndDurationsReplaceTheFallback) {
  FlagSet flags("cmd", "A command.");
  std::vector<std::string> columns;
  std::vector<int64_t> resolutions;
  flags.Enums("sort-by", "Columns.", {"A", "B", "C"}, {"A", "B"}, &columns);
  flags.GoDurations("resolution", "Resolutions.", {"0s", "5m"}, &resolutions);
  EXPECT_EQ(columns, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(resolutions, (std::vector<int64_t>{0, 300'000'000'000}));
  THANOS_ASSERT_OK(flags.Parse({"--sort-by=C", "--sort-by=A", "--resolution=1h"}));
  EXPECT_EQ(columns, (std::vector<std::string>{"C", "A"}));
  EXPECT_EQ(resolutions, (std::vector<int64_t>{3'600'000'000'000}));
  FlagSet wrong("cmd", "A command.");
  wrong.Enums("sort-by", "Columns.", {"A"}, {"A"}, &columns);
  EXPECT_FALSE(wrong.Parse({"--sort-by=D"}).ok());
}

}  // namespace
}  // namespace thanos::config
