#include "objstore/filesystem.h"

#include <atomic>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "metrics/registry.h"
#include "objstore/byte_sources.h"
#include "objstore/decorators.h"
#include "objstore/factory.h"
#include "support/temporary_directory.h"
#include "thanos/testing/bucket_acceptance.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::objstore {
namespace {

using testing::StatusIs;
using testing::TemporaryDirectory;

// Buckets of a test program live in one folder that goes with it.
std::unique_ptr<Bucket> EmptyFilesystemBucket() {
  static TemporaryDirectory directory;
  static std::atomic<int> next{0};
  auto bucket = OpenFilesystemBucket(directory.path() + "/" + std::to_string(next++));
  THANOS_CHECK(bucket.ok());
  return *std::move(bucket);
}

metrics::Registry& TestRegistry() {
  static metrics::Registry registry;
  return registry;
}

}  // namespace
}  // namespace thanos::objstore

namespace thanos::testing {
INSTANTIATE_TEST_SUITE_P(Filesystem, BucketAcceptance,
                         ::testing::Values(objstore::EmptyFilesystemBucket));
INSTANTIATE_TEST_SUITE_P(FilesystemDecorated, BucketAcceptance, ::testing::Values(BucketFactory([] {
                           using namespace objstore;
                           return WithPrefix(
                               WithRetry(WithMetrics(WithFaults(EmptyFilesystemBucket(),
                                                                std::make_shared<FaultPlan>()),
                                                     &TestRegistry()),
                                         {}),
                               "some/prefix");
                         })));
}  // namespace thanos::testing

namespace thanos::objstore {
namespace {

TEST(FilesystemLink, IsTheObjectItself) {
  const TemporaryDirectory directory;
  const auto bucket = *OpenFilesystemBucket(directory.path() + "/bucket");
  const auto prefixed = WithPrefix(
      WithRetry(WithMetrics(*OpenFilesystemBucket(directory.path() + "/bucket"), &TestRegistry()),
                {}),
      "a");
  const auto content = MemorySource("bytes");
  THANOS_ASSERT_OK(bucket->Upload(CallContext(), "a/b", *content, {}));
  const std::string path = directory.path() + "/linked";
  THANOS_ASSERT_OK(prefixed->Link(CallContext(), "b", path));
  EXPECT_TRUE(std::filesystem::equivalent(path, directory.path() + "/bucket/a/b"));
  // A new object takes the name; what was linked stays.
  const auto other = MemorySource("other");
  THANOS_ASSERT_OK(bucket->Upload(CallContext(), "a/b", *other, {}));
  EXPECT_EQ(std::filesystem::file_size(path), 5u);
  EXPECT_FALSE(std::filesystem::equivalent(path, directory.path() + "/bucket/a/b"));
  EXPECT_THAT(bucket->Link(CallContext(), "a/none", path + "2"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(bucket->Link(CallContext(), "a", path + "2"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(bucket->Link(CallContext(), "../linked", path + "2"),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST(FilesystemLink, IsNotToBeHadOnAnotherFileSystem) {
  const TemporaryDirectory directory;
  const TemporaryDirectory other("/dev/shm");
  struct stat here{}, there{};
  ASSERT_EQ(stat(directory.path().c_str(), &here), 0);
  if (stat(other.path().c_str(), &there) != 0 || here.st_dev == there.st_dev) {
    GTEST_SKIP() << "/dev/shm is no other file system here: skipped";
  }
  const auto bucket = *OpenFilesystemBucket(directory.path());
  const auto content = MemorySource("bytes");
  THANOS_ASSERT_OK(bucket->Upload(CallContext(), "a", *content, {}));
  EXPECT_THAT(bucket->Link(CallContext(), "a", other.path() + "/a"),
              StatusIs(StatusCode::kUnimplemented));
}

std::vector<std::string> NamesIn(Bucket& bucket, const ListOptions& options) {
  std::vector<std::string> names;
  THANOS_EXPECT_OK(bucket.Iterate(CallContext(), options, [&](const ListedObject& object) {
    names.emplace_back(object.name);
    return OkStatus();
  }));
  return names;
}

TEST(FilesystemBucket, NoNameLeadsOutOfItsDirectory) {
  TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path() + "/bucket");
  std::ofstream(directory.path() + "/secret") << "s";
  std::filesystem::create_symlink(directory.path(), directory.path() + "/bucket/link");
  THANOS_ASSERT_OK_AND_ASSIGN(auto bucket, OpenFilesystemBucket(directory.path() + "/bucket"));
  const CallContext context;
  for (const char* name :
       {"../secret", "a/../../secret", "/etc/passwd", "", "a//b", "./a", "a/.", "link/secret"}) {
    EXPECT_FALSE(bucket->Open(context, name, {}).ok()) << name;
    auto content = MemorySource("x");
    EXPECT_FALSE(bucket->Upload(context, name, *content, {}).ok()) << name;
    EXPECT_FALSE(bucket->Delete(context, name).ok()) << name;
  }
  EXPECT_TRUE(std::filesystem::exists(directory.path() + "/secret"));
}

// Links that stay inside are followed, by reads and by listings.
TEST(FilesystemBucket, ALinkInsideIsAsGoodAsWhatItLeadsTo) {
  TemporaryDirectory directory;
  std::filesystem::create_directories(directory.path() + "/real/deep");
  std::ofstream(directory.path() + "/real/deep/file") << "text";
  std::filesystem::create_symlink("real", directory.path() + "/link");
  std::filesystem::create_symlink("file", directory.path() + "/real/deep/other");
  THANOS_ASSERT_OK_AND_ASSIGN(auto bucket, OpenFilesystemBucket(directory.path()));
  for (const char* name : {"real/deep/file", "link/deep/file", "link/deep/other"}) {
    EXPECT_THAT(ReadObject(CallContext(), *bucket, name, 100), testing::IsOkAndHolds("text"));
  }
  EXPECT_THAT(NamesIn(*bucket, {.recursive = true}),
              ::testing::ElementsAre("link/deep/file", "link/deep/other", "real/deep/file",
                                     "real/deep/other"));
}

// More directories than are read at once, each with directories of its own.
TEST(FilesystemBucket, ManyDirectoriesAreListedInOrder) {
  TemporaryDirectory directory;
  std::vector<std::string> all, without;
  for (int i = 0; i < 600; ++i) {
    const std::string block = "b" + std::to_string(1000 + i);
    std::filesystem::create_directories(directory.path() + "/" + block + "/chunks");
    const bool lone = i % 50 == 0;  // Nothing beside its chunks.
    for (const std::string name : {"/chunks/000001", "/chunks/000002", "/index", "/meta.json"}) {
      const bool chunks = name.starts_with("/chunks");
      if (lone && !chunks) continue;
      std::ofstream(directory.path() + "/" + block + name) << "x";
      all.push_back(block + name);
      if (!chunks || lone) without.push_back(block + name);
    }
  }
  THANOS_ASSERT_OK_AND_ASSIGN(auto bucket, OpenFilesystemBucket(directory.path()));
  EXPECT_EQ(NamesIn(*bucket, {.recursive = true}), all);
  EXPECT_EQ(NamesIn(*bucket, {.recursive = true, .uninteresting = "chunks"}), without);
  const std::vector<std::string> rest(std::upper_bound(all.begin(), all.end(), "b1300/index"),
                                      all.end());
  EXPECT_EQ(NamesIn(*bucket, {.recursive = true, .start_after = "b1300/index"}), rest);
  // The visitor's error ends it at once; a call that is cancelled is not begun.
  int seen = 0;
  EXPECT_THAT(bucket->Iterate(CallContext(), {.recursive = true},
                              [&](const ListedObject&) {
                                return ++seen == 3 ? UnavailableError("enough") : OkStatus();
                              }),
              StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(seen, 3);
  const CallContext cancelled = CallContext().WithCancel();
  seen = 0;
  EXPECT_THAT(bucket->Iterate(cancelled, {.recursive = true},
                              [&](const ListedObject&) {
                                if (++seen == 3) cancelled.Cancel();
                                return OkStatus();
                              }),
              StatusIs(StatusCode::kCancelled));
  EXPECT_LT(seen, 1500);
}

TEST(FilesystemBucket, AFileThatShrinksIsAnErrorNotAShortRead) {
  TemporaryDirectory directory;
  THANOS_ASSERT_OK_AND_ASSIGN(auto bucket, OpenFilesystemBucket(directory.path()));
  auto content = MemorySource(std::string(100, 'x'));
  THANOS_ASSERT_OK(bucket->Upload(CallContext(), "a", *content, {}));
  THANOS_ASSERT_OK_AND_ASSIGN(auto source, bucket->Open(CallContext(), "a", {}));
  std::filesystem::resize_file(directory.path() + "/a", 10);
  std::byte buffer[200];
  THANOS_ASSERT_OK(source->Read(buffer));
  EXPECT_THAT(source->Read(buffer), StatusIs(StatusCode::kDataLoss));
}

TEST(FilesystemBucket, ABucketThatIsGoneIsNotAnEmptyOne) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/bucket";
  THANOS_ASSERT_OK_AND_ASSIGN(auto bucket, OpenFilesystemBucket(path));
  std::filesystem::remove_all(path);
  const auto visit = [](const ListedObject&) { return OkStatus(); };
  EXPECT_THAT(bucket->Iterate(CallContext(), {}, visit), StatusIs(StatusCode::kUnavailable));
  std::ofstream(path) << "a file where the bucket should be";
  THANOS_ASSERT_OK_AND_ASSIGN(auto blocked, OpenFilesystemBucket(path));
  auto content = MemorySource("x");
  EXPECT_FALSE(blocked->Upload(CallContext(), "a/b", *content, {}).ok());
  std::filesystem::remove(path);
  auto again = MemorySource("x");
  THANOS_EXPECT_OK(blocked->Upload(CallContext(), "a/b", *again, {}));
}

TEST(Faults, EnumerateEveryCallAndLeaveTheOldObjectWhole) {
  TemporaryDirectory directory;
  auto plan = std::make_shared<FaultPlan>();
  auto open = [&](std::shared_ptr<FaultPlan> faults) {
    return WithFaults(*OpenFilesystemBucket(directory.path()), std::move(faults));
  };
  auto content = MemorySource("new");
  THANOS_ASSERT_OK(open(plan)->Upload(CallContext(), "a", *content, {}));
  const uint64_t points = plan->points();
  EXPECT_GE(points, 3u);
  for (uint64_t n = 0; n < points; ++n) {
    auto old = MemorySource("old");
    THANOS_ASSERT_OK(open(std::make_shared<FaultPlan>())->Upload(CallContext(), "a", *old, {}));
    auto again = MemorySource("new");
    EXPECT_FALSE(open(FaultPlan::CrashAt(n))->Upload(CallContext(), "a", *again, {}).ok());
    auto after = open(std::make_shared<FaultPlan>());
    THANOS_ASSERT_OK_AND_ASSIGN(const std::string text,
                                ReadObject(CallContext(), *after, "a", 100));
    EXPECT_EQ(text, n + 1 == points ? "new" : "old") << plan->calls()[n];
  }
}

TEST(Retry, TriesAgainWhatMayWorkAndGivesUpOnWhatCannot) {
  TemporaryDirectory directory;
  int calls = 0, failures = 2;
  StatusCode code = StatusCode::kUnavailable;
  auto plan = std::make_shared<FaultPlan>([&](uint64_t, std::string_view) {
    ++calls;
    return failures-- > 0 ? Status(code, "not now") : OkStatus();
  });
  auto bucket = WithRetry(WithFaults(*OpenFilesystemBucket(directory.path()), plan),
                          {.attempts = 4, .first_backoff_ms = 1, .backoff_max_ms = 1});
  EXPECT_THAT(bucket->Attributes(CallContext(), "a"), StatusIs(StatusCode::kNotFound));
  EXPECT_EQ(calls, 3);
  calls = 0;
  failures = 100;
  EXPECT_THAT(bucket->Attributes(CallContext(), "a"), StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(calls, 4);
  calls = 0;
  code = StatusCode::kPermissionDenied;
  EXPECT_THAT(bucket->Attributes(CallContext(), "a"), StatusIs(StatusCode::kPermissionDenied));
  EXPECT_EQ(calls, 1);
}

TEST(MakeBucket, ReadsYamlStrictly) {
  TemporaryDirectory directory;
  const std::string good = "type: filesystem\nconfig:\n  directory: " + directory.path() + "\n";
  EXPECT_THAT(MakeBucket(good, nullptr), testing::IsOk());
  EXPECT_THAT(MakeBucket(good + "prefix: /a/b/\n", nullptr), testing::IsOk());
  EXPECT_THAT(
      MakeBucket(good + "extra: 1\n", nullptr),
      StatusIs(StatusCode::kInvalidArgument, ::testing::HasSubstr("field extra not found")));
  EXPECT_THAT(MakeBucket(good + "type: S3\n", nullptr),
              StatusIs(StatusCode::kInvalidArgument, ::testing::HasSubstr("already set")));
  EXPECT_THAT(MakeBucket("type: FOO\nconfig: {}\n", nullptr),
              StatusIs(StatusCode::kInvalidArgument,
                       ::testing::HasSubstr("bucket with type FOO is not supported")));
  EXPECT_THAT(MakeBucket("type: GCS\nconfig: {}\n", nullptr), StatusIs(StatusCode::kUnimplemented));
  EXPECT_THAT(MakeBucket("type: [\n", nullptr), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(MakeBucket("", nullptr), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace thanos::objstore
