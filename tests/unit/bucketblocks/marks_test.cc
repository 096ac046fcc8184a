#include "bucketblocks/marks.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "objstore/filesystem.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::bucketblocks {
namespace {

using testing::StatusIs;

const char kId[] = "01AR0000000000000000000000";

Mark MarkOf(MarkKind kind) {
  return {kind, *base::Ulid::Parse(kId), 1700000000, "because <x>",
          kind == MarkKind::kDeletion ? "" : std::string(kManualReason)};
}

class MarksTest : public ::testing::Test {
 protected:
  MarksTest() : bucket_(*objstore::OpenFilesystemBucket(directory_.path() + "/bucket")) {}
  std::string FileText(std::string_view file) {
    std::ifstream in(directory_.path() + "/bucket/" + kId + "/" + std::string(file));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void WriteFile(std::string_view file, const std::string& text) {
    std::filesystem::create_directories(directory_.path() + "/bucket/" + kId);
    std::ofstream(directory_.path() + "/bucket/" + kId + "/" + std::string(file)) << text;
  }
  testing::TemporaryDirectory directory_;
  std::unique_ptr<Bucket> bucket_;
  CallContext context_;
  const base::Ulid id_ = *base::Ulid::Parse(kId);
};

TEST_F(MarksTest, AreWrittenAsGoWritesThem) {
  EXPECT_EQ(WriteMark(MarkOf(MarkKind::kDeletion)),
            R"({"id":"01AR0000000000000000000000","version":1,"details":"because \u003cx\u003e",)"
            R"("deletion_time":1700000000})");
  EXPECT_EQ(WriteMark(MarkOf(MarkKind::kNoCompact)),
            R"({"id":"01AR0000000000000000000000","version":1,"details":"because \u003cx\u003e",)"
            R"("no_compact_time":1700000000,"reason":"manual"})");
  Mark mark = MarkOf(MarkKind::kNoDownsample);
  mark.details.clear();
  EXPECT_EQ(WriteMark(mark), R"({"id":"01AR0000000000000000000000","version":1,)"
                             R"("no_downsample_time":1700000000,"reason":"manual"})");
}

TEST_F(MarksTest, OfAllKindsAreReadBack) {
  for (const MarkKind kind : kMarkKinds) {
    const Mark mark = MarkOf(kind);
    THANOS_ASSERT_OK_AND_ASSIGN(const bool written, PutMark(context_, *bucket_, mark));
    EXPECT_TRUE(written);
    EXPECT_EQ(FileText(MarkFile(kind)), WriteMark(mark));
    THANOS_ASSERT_OK_AND_ASSIGN(const auto read, ReadMark(context_, *bucket_, id_, kind));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(WriteMark(*read), WriteMark(mark));
  }
}

TEST_F(MarksTest, AnExistingMarkStays) {
  THANOS_ASSERT_OK_AND_ASSIGN(bool done, PutMark(context_, *bucket_, MarkOf(MarkKind::kNoCompact)));
  Mark second = MarkOf(MarkKind::kNoCompact);
  second.details = "second";
  THANOS_ASSERT_OK_AND_ASSIGN(done, PutMark(context_, *bucket_, second));
  EXPECT_FALSE(done);
  THANOS_ASSERT_OK_AND_ASSIGN(const auto read,
                              ReadMark(context_, *bucket_, id_, MarkKind::kNoCompact));
  EXPECT_EQ(read->details, "because <x>");
}

TEST_F(MarksTest, RemovingSaysWhetherThereWasOne) {
  THANOS_ASSERT_OK_AND_ASSIGN(bool done, PutMark(context_, *bucket_, MarkOf(MarkKind::kDeletion)));
  THANOS_ASSERT_OK_AND_ASSIGN(done, RemoveMark(context_, *bucket_, id_, MarkKind::kDeletion));
  EXPECT_TRUE(done);
  THANOS_ASSERT_OK_AND_ASSIGN(done, RemoveMark(context_, *bucket_, id_, MarkKind::kDeletion));
  EXPECT_FALSE(done);
  THANOS_ASSERT_OK_AND_ASSIGN(const auto read,
                              ReadMark(context_, *bucket_, id_, MarkKind::kDeletion));
  EXPECT_FALSE(read.has_value());
}

TEST_F(MarksTest, WhatIsNoMarkIsRefusedNamingTheObject) {
  const auto read = [&] { return ReadMark(context_, *bucket_, id_, MarkKind::kDeletion); };
  for (const char* text : {"", "[]", "{\"id\":\"x\",\"version\":1}", "{\"version\":1}"}) {
    WriteFile(kDeletionMarkFile, text);
    EXPECT_THAT(read(), StatusIs(StatusCode::kDataLoss)) << text;
  }
  WriteFile(kDeletionMarkFile, "{\"id\":\"01AR0000000000000000000000\",\"version\":2}");
  EXPECT_THAT(read(), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_NE(read().status().message().find("01AR0000000000000000000000/deletion-mark.json"),
            std::string::npos);
}

TEST(MarkKindTest, IsKnownByItsFile) {
  for (const MarkKind kind : kMarkKinds) EXPECT_EQ(MarkKindOf(MarkFile(kind)), kind);
  EXPECT_EQ(MarkKindOf("meta.json"), std::nullopt);
}

}  // namespace
}  // namespace thanos::bucketblocks
