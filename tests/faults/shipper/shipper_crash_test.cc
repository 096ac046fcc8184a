// Kill the shipper at every object-store call and every piece of content, over a directory and over
// S3, and fail every request of S3 once: after a restart the bucket holds exactly the blocks, once,
// and whole; nothing is ever deleted.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bucketblocks/shipper.h"
#include "fakes/fake_s3.h"
#include "objstore/byte_sources.h"
#include "objstore/decorators.h"
#include "objstore/filesystem.h"
#include "objstore/s3.h"
#include "support/temporary_directory.h"
#include "support/tiny_block.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::bucketblocks {
namespace {

namespace fs = std::filesystem;
using objstore::FaultPlan;
using testing::FakeS3;
using PlanRef = std::shared_ptr<FaultPlan>;

// Where blocks are shipped to.
class Target {
 public:
  virtual ~Target() = default;
  virtual std::unique_ptr<Bucket> Open() = 0;
  virtual std::map<std::string, std::string> Objects() = 0;
  virtual void Clear() = 0;
};

class DirectoryTarget : public Target {
 public:
  std::unique_ptr<Bucket> Open() override { return *objstore::OpenFilesystemBucket(path()); }
  std::map<std::string, std::string> Objects() override {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(path())) {
      const std::string name = fs::relative(entry.path(), path()).native();
      // A killed upload may leave its work file, which no listing shows.
      if (!entry.is_regular_file() || name.find("/.thanos-upload-") != std::string::npos) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      out[name] = std::string(std::istreambuf_iterator<char>(file), {});
    }
    return out;
  }
  void Clear() override { fs::remove_all(path()); }

 private:
  std::string path() const { return directory_.path() + "/bucket"; }
  testing::TemporaryDirectory directory_;
};

class S3Target : public Target {
 public:
  // A kill is told from a fault that would pass by trying once.
  explicit S3Target(int attempts = 1) : attempts_(attempts) {}
  std::unique_ptr<Bucket> Open() override {
    objstore::S3Config config = server.config();
    config.max_retries = attempts_;
    config.part_size = 5 << 20;
    return *objstore::OpenS3Bucket(config, {.first_backoff = std::chrono::milliseconds(2)});
  }
  std::map<std::string, std::string> Objects() override { return server.objects(); }
  void Clear() override {
    server.Fail(nullptr);
    server.Clear();
    server.Forget();
  }
  size_t deletions() const {
    const auto requests = server.requests();
    return static_cast<size_t>(std::count_if(requests.begin(), requests.end(), [](auto& r) {
      return r.method == "DELETE" && !r.query.Has("uploadId");
    }));
  }

  FakeS3 server;

 private:
  const int attempts_;
};

class ShipperFaults {
 public:
  ShipperFaults() {
    fs::create_directories(tsdb());
    for (int i = 0; i < 2; ++i) ids_.push_back(testing::WriteTinyBlock(tsdb(), i * 7200000, 300));
  }
  std::string tsdb() const { return directory_.path() + "/tsdb"; }
  std::string state() const { return tsdb() + "/thanos.shipper.json"; }
  std::string path(const base::Ulid& id) const { return tsdb() + "/" + id.ToString(); }
  const std::vector<base::Ulid>& ids() const { return ids_; }
  // The first block then goes to S3 in two parts; what stands behind its chunks is no chunk.
  void MakeFirstBlockBig() {
    std::ofstream file(path(ids_[0]) + "/chunks/000001", std::ios::binary | std::ios::app);
    file << std::string(6 << 20, 'c');
  }

  Result<size_t> Ship(Target& target, PlanRef plan = nullptr, ShipperOptions options = {}) {
    auto bucket = target.Open();
    if (plan) bucket = objstore::WithFaults(std::move(bucket), plan);
    options.directory = tsdb();
    options.external_labels = [] { return Labels::Of({{"replica", "a"}}); };
    Shipper shipper(std::move(options), bucket.get(), base::Logger(), &registry_);
    return shipper.Sync(CallContext());
  }
  void Forget(Target& target) {
    target.Clear();
    fs::remove(state());
  }

  // Every object of the bucket, and that each block is whole: what meta.json lists is there.
  void ExpectExactlyTheBlocks(Target& target, const std::string& where) {
    const auto objects = target.Objects();
    EXPECT_EQ(objects.size(), 3 * ids_.size()) << where;
    for (const base::Ulid& id : ids_) {
      const auto meta_text = objects.find(id.ToString() + "/meta.json");
      ASSERT_NE(meta_text, objects.end()) << where;
      THANOS_ASSERT_OK_AND_ASSIGN(const block::BlockMeta meta, block::ParseMeta(meta_text->second));
      EXPECT_EQ(meta.thanos.labels.at("replica"), "a");
      EXPECT_EQ(meta.thanos.files.size(), 3u);
      for (const block::FileMeta& file : meta.thanos.files) {
        const auto content = objects.find(id.ToString() + "/" + file.path);
        ASSERT_NE(content, objects.end()) << where;
        if (file.path == "meta.json") continue;
        EXPECT_EQ(std::ssize(content->second), file.size_bytes) << where;
        std::ifstream local(path(id) + "/" + file.path, std::ios::binary);
        EXPECT_TRUE(content->second == std::string(std::istreambuf_iterator<char>(local), {}))
            << where << ": " << file.path;
      }
    }
  }
  // A block whose meta.json is there has all else.
  void ExpectMetasLast(Target& target, const std::string& where) {
    const auto objects = target.Objects();
    for (const base::Ulid& id : ids_) {
      if (!objects.contains(id.ToString() + "/meta.json")) continue;
      EXPECT_TRUE(objects.contains(id.ToString() + "/index")) << where;
      EXPECT_TRUE(objects.contains(id.ToString() + "/chunks/000001")) << where;
    }
  }
  void ExpectRestartConverges(Target& target, const std::string& where) {
    ExpectMetasLast(target, where);
    THANOS_EXPECT_OK(Ship(target));
    ExpectExactlyTheBlocks(target, where);
    // And nothing more to do after that.
    const auto again = Ship(target);
    THANOS_ASSERT_OK(again);
    EXPECT_EQ(*again, 0u) << where;
    EXPECT_FALSE(fs::exists(tsdb() + "/thanos/upload/" + ids_[0].ToString())) << where;
  }

  metrics::Registry& registry() { return registry_; }

 private:
  testing::TemporaryDirectory directory_;
  metrics::Registry registry_;
  std::vector<base::Ulid> ids_;
};

class ShipperCrash : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Target> MakeTarget() {
    if (GetParam() == std::string("S3")) return std::make_unique<S3Target>();
    return std::make_unique<DirectoryTarget>();
  }
  ShipperFaults shipper_;
};

TEST_P(ShipperCrash, AnyKillConverges) {
  const auto target = MakeTarget();
  const auto counting = std::make_shared<FaultPlan>();
  THANOS_ASSERT_OK(shipper_.Ship(*target, counting));
  const std::vector<std::string> calls = counting->calls();
  ASSERT_GE(calls.size(), 12u);
  for (uint64_t n = 0; n < calls.size(); ++n) {
    EXPECT_FALSE(calls[n].starts_with("delete")) << calls[n];
    shipper_.Forget(*target);
    const auto crash = FaultPlan::CrashAt(n);
    const bool finished = shipper_.Ship(*target, crash).ok();
    // S3 may answer before the end of a body was seen: one point less then.
    EXPECT_TRUE(!finished || crash->points() <= n) << calls[n];
    shipper_.ExpectRestartConverges(*target, "killed at " + calls[n]);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, ShipperCrash, ::testing::Values("FILESYSTEM", "S3"));

// A process that is gone runs no destructors: links, work files and half an object stay behind.
TEST(ShipperKill, AProcessThatIsGoneConverges) {
  ShipperFaults shipper;
  DirectoryTarget target;
  const auto counting = std::make_shared<FaultPlan>();
  THANOS_ASSERT_OK(shipper.Ship(target, counting));
  for (uint64_t n = 0; n < counting->points(); ++n) {
    shipper.Forget(target);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto plan = std::make_shared<FaultPlan>([n](uint64_t point, std::string_view) {
        if (point == n) _exit(7);
        return OkStatus();
      });
      (void)shipper.Ship(target, plan);
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(WEXITSTATUS(status), 7) << n;
    shipper.ExpectRestartConverges(target, "gone at " + counting->calls()[n]);
  }
}

TEST(ShipperKill, LinksOfADeletedBlockAreRemoved) {
  ShipperFaults shipper;
  DirectoryTarget target;
  const std::string stale = shipper.tsdb() + "/thanos/upload/01ARZ3NDEKTSV4RRFFQ69G5FAV";
  const std::string foreign = shipper.tsdb() + "/thanos/upload/notes";
  fs::create_directories(stale + "/chunks");
  fs::create_directories(foreign);
  THANOS_ASSERT_OK(shipper.Ship(target));
  EXPECT_FALSE(fs::exists(stale));
  EXPECT_TRUE(fs::exists(foreign));
}

// From request `n` on the server is out of reach; request `n` itself may still have been obeyed.
TEST(ShipperS3, AServerLostAtAnyRequestConverges) {
  ShipperFaults shipper;
  shipper.MakeFirstBlockBig();
  S3Target target;
  THANOS_ASSERT_OK(shipper.Ship(target));
  const size_t requests = target.server.requests().size();
  ASSERT_GE(requests, 11u);  // Two looks, six objects of which one is begun, in parts, completed.
  ASSERT_EQ(target.server.Count("PUT", "partNumber="), 2u);
  for (size_t n = 0; n < requests; ++n) {
    for (const bool obeyed : {false, true}) {
      shipper.Forget(target);
      auto seen = std::make_shared<size_t>(0);
      target.server.Fail([=](const FakeS3::Request&) -> std::optional<FakeS3::Fault> {
        const size_t at = (*seen)++;
        if (at < n) return std::nullopt;
        return FakeS3::Fault{.reply = FakeS3::Error(503, "ServiceUnavailable"),
                             .after = at == n && obeyed};
      });
      const std::string where =
          "request " + std::to_string(n) + (obeyed ? ", obeyed" : ", refused");
      EXPECT_FALSE(shipper.Ship(target).ok()) << where;
      target.server.Fail(nullptr);
      shipper.ExpectRestartConverges(target, where);
      EXPECT_EQ(target.deletions(), 0u) << where;
    }
  }
}

TEST(ShipperS3, AnyRequestThatFailsOnceIsMadeGood) {
  ShipperFaults shipper;
  shipper.MakeFirstBlockBig();
  S3Target target(4);
  THANOS_ASSERT_OK(shipper.Ship(target));
  const size_t requests = target.server.requests().size();
  const std::vector<FakeS3::Fault> faults = {
      {.reply = FakeS3::Error(503, "SlowDown")},
      {.reply = FakeS3::Error(429, "TooManyRequests")},
      {.reply = FakeS3::Error(500, "InternalError"), .after = true},
      {.body_bytes = 0}};  // Cut off behind the head of the answer.
  for (size_t n = 0; n < requests; ++n) {
    for (const FakeS3::Fault& fault : faults) {
      shipper.Forget(target);
      auto seen = std::make_shared<size_t>(0);
      target.server.Fail([=](const FakeS3::Request&) -> std::optional<FakeS3::Fault> {
        return (*seen)++ == n ? std::optional(fault) : std::nullopt;
      });
      const auto shipped = shipper.Ship(target);
      THANOS_EXPECT_OK(shipped);
      shipper.ExpectExactlyTheBlocks(target, "request " + std::to_string(n));
      // Only a multipart upload whose id was lost on its way stays behind.
      const bool id_lost = n == 1 && (fault.after || fault.body_bytes == 0);
      EXPECT_EQ(target.server.open_uploads(), id_lost ? 1u : 0u) << n;
      EXPECT_EQ(target.deletions(), 0u);
    }
  }
}

TEST(ShipperS3, AListingThatFailsHalfWayUploadsNothing) {
  ShipperFaults shipper;
  S3Target target;
  const base::Ulid compacted = testing::WriteTinyBlock(shipper.tsdb(), -9000000, 30, /*level=*/2);
  target.server.page_max = 1;
  target.server.Put("01ARZ3NDEKTSV4RRFFQ69G5FAV/index", "x");
  target.server.Put("01ARZ3NDEKTSV4RRFFQ69G5FAW/index", "x");
  target.server.Fail([](const FakeS3::Request& request) -> std::optional<FakeS3::Fault> {
    if (!request.query.Has("continuation-token")) return std::nullopt;
    return FakeS3::Fault{.reply = FakeS3::Error(403, "AccessDenied")};
  });
  const auto refused = shipper.Ship(target, nullptr, {.upload_compacted = true});
  EXPECT_EQ(refused.status().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(target.server.Count("PUT"), 0u);
  target.server.Fail(nullptr);
  THANOS_ASSERT_OK(shipper.Ship(target, nullptr, {.upload_compacted = true}));
  EXPECT_TRUE(target.Objects().contains(compacted.ToString() + "/meta.json"));
}

// -- What is broken on disk does not reach the bucket.

void Overwrite(const std::string& path, int64_t at, const std::string& bytes) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(at, at < 0 ? std::ios::end : std::ios::beg);
  file << bytes;
}

TEST(ShipperCheck, ABrokenBlockIsNamedAndNotUploaded) {
  using Break = std::function<void(const std::string&)>;
  const std::vector<std::pair<std::string, Break>> breaks = {
      {"/index", [](const std::string& b) { fs::resize_file(b + "/index", 30); }},
      {"/index", [](const std::string& b) { Overwrite(b + "/index", 0, "x"); }},
      {"/index", [](const std::string& b) { Overwrite(b + "/index", 4, "\x09"); }},
      {"/index", [](const std::string& b) { Overwrite(b + "/index", -10, "xx"); }},
      {"/index", [](const std::string& b) { Overwrite(b + "/index", 14, "x"); }},
      {"/index", [](const std::string& b) { Overwrite(b + "/index", -60, "x"); }},
      {"/index", [](const std::string& b) { fs::resize_file(b + "/chunks/000001", 12); }},
      {"/chunks/000001", [](const std::string& b) { fs::resize_file(b + "/chunks/000001", 100); }},
      {"/chunks/000001", [](const std::string& b) { Overwrite(b + "/chunks/000001", -2, "xx"); }},
      {"/index", [](const std::string& b) { fs::remove(b + "/chunks/000001"); }},
      {"/chunks/000001", [](const std::string& b) { fs::resize_file(b + "/chunks/000001", 7); }},
      {"/chunks/000001", [](const std::string& b) { Overwrite(b + "/chunks/000001", 1, "x"); }},
      {"/chunks/000002",
       [](const std::string& b) { fs::rename(b + "/chunks/000001", b + "/chunks/000002"); }},
      {"/chunks/000003",
       [](const std::string& b) { fs::copy_file(b + "/chunks/000001", b + "/chunks/000003"); }}};
  for (const auto& [file, broken] : breaks) {
    for (const bool skip : {false, true}) {
      ShipperFaults shipper;
      DirectoryTarget target;
      const std::string bad = shipper.ids()[0].ToString(), good = shipper.ids()[1].ToString();
      broken(shipper.path(shipper.ids()[0]));
      const auto refused = shipper.Ship(target, nullptr, {.skip_corrupted = skip});
      ASSERT_FALSE(refused.ok()) << file;
      if (!skip) {
        EXPECT_NE(refused.status().message().find(bad), std::string::npos)
            << refused.status().ToString();
        EXPECT_NE(refused.status().message().find(file), std::string::npos)
            << refused.status().ToString();
      }
      EXPECT_EQ(shipper.registry()
                    .AddCounter("thanos_shipper_corrupted_blocks_total",
                                "Total number of corrupted blocks")
                    .value(),
                1)
          << file;
      const auto objects = skip ? target.Objects() : std::map<std::string, std::string>();
      EXPECT_FALSE(objects.contains(bad + "/meta.json"));
      EXPECT_EQ(objects.contains(good + "/meta.json"), skip);
    }
  }
}

}  // namespace
}  // namespace thanos::bucketblocks
