// thanos tools bucket mark, upload-blocks: small changes to a bucket.
#include "base/time_text.h"
#include "bucketblocks/marks.h"
#include "bucketblocks/shipper.h"
#include "cmd/tool_command.h"
#include "tools/listing.h"

namespace thanos::cmd {
namespace {

constexpr std::chrono::minutes kMarkTimeout{2};

class BucketMarkCommand : public ToolCommand {
 public:
  std::string name() const override { return "tools bucket mark"; }
  std::string summary() const override {
    return "Mark block for deletion or no-compact in a safe way. NOTE: if a compactor is running, "
           "it may act before it sees the mark.";
  }
  void AddFlags(config::FlagSet* flags) override {
    AddBucketFlags(flags, &bucket_);
    flags->Strings("id", "ID (ULID) of the blocks to be marked.", &ids_).Required();
    flags
        ->Enum("marker", "Marker to be put.",
               {std::string(bucketblocks::kDeletionMarkFile),
                std::string(bucketblocks::kNoCompactMarkFile),
                std::string(bucketblocks::kNoDownsampleMarkFile)},
               std::string(bucketblocks::kDeletionMarkFile), &marker_)
        .Required();
    flags->String("details", "Human readable details to be put into marker.", "", &details_);
    flags->Bool("remove", "Remove the marker.", false, &remove_);
  }

 protected:
  Status Check() override {
    THANOS_ASSIGN_OR_RETURN(ulids_, ParseIds(ids_));
    if (!remove_ && details_.empty()) {
      return InvalidArgumentError("required flag --details or --remove not provided");
    }
    return OkStatus();
  }

  Status Run(const CallContext& context, const Process& process) override {
    THANOS_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(bucket_, "bucket", process));
    const CallContext limited = context.WithTimeout(kMarkTimeout);
    for (const base::Ulid& ulid : ulids_) {
      THANOS_RETURN_IF_ERROR(Mark(limited, *bucket, ulid, process.logger));
    }
    process.logger.Info("marking done", {{"marker", marker_}, {"blocks", ulids_.size()}});
    return OkStatus();
  }

 private:
  Status Mark(const CallContext& context, Bucket& bucket, const base::Ulid& ulid,
              const base::Logger& logger) {
    const auto kind = *bucketblocks::MarkKindOf(marker_);
    if (remove_) {
      THANOS_ASSIGN_OR_RETURN(const bool removed,
                              bucketblocks::RemoveMark(context, bucket, ulid, kind));
      if (!removed) {
        logger.Warn("requested to remove the mark, but there is none",
                    {{"block", ulid.ToString()}, {"marker", marker_}});
      }
      return OkStatus();
    }
    bucketblocks::Mark mark{kind, ulid, base::NowMs() / 1000, details_, ""};
    if (kind != bucketblocks::MarkKind::kDeletion) mark.reason = bucketblocks::kManualReason;
    THANOS_ASSIGN_OR_RETURN(const bool written, bucketblocks::PutMark(context, bucket, mark));
    if (!written) {
      logger.Warn("requested to mark the block, but it has such a mark, which stays",
                  {{"block", ulid.ToString()}, {"marker", marker_}});
    }
    return OkStatus();
  }

  BucketFlags bucket_;
  std::vector<std::string> ids_;
  std::vector<base::Ulid> ulids_;
  std::string marker_, details_;
  bool remove_ = false;
};

class BucketUploadCommand : public ToolCommand {
 public:
  std::string name() const override { return "tools bucket upload-blocks"; }
  std::string summary() const override {
    return "Upload blocks push blocks from the provided path to the object storage.";
  }
  void AddFlags(config::FlagSet* flags) override {
    AddBucketFlags(flags, &bucket_);
    flags->String("path", "Path to the directory containing blocks to upload.", "./data", &path_);
    flags
        ->Strings("label", "External labels to add to the uploaded blocks: name=\"value\".",
                  &labels_)
        .Required();
    flags->Bool("shipper.upload-compacted",
                "If true shipper will try to upload compacted blocks as well.", false, &compacted_);
    flags->WithoutEffect("shipper.upload-concurrency", config::ValueKind::kInt,
                         "Segments of a block are uploaded one after the other.", "5");
  }

 protected:
  Status Check() override {
    std::vector<std::pair<std::string, std::string>> labels;
    for (const std::string& text : labels_) {
      THANOS_ASSIGN_OR_RETURN(auto label, tools::ParseLabelFlag(text));
      labels.push_back(std::move(label));
    }
    external_ = Labels::Of(std::move(labels));
    return OkStatus();
  }

  Status Run(const CallContext& context, const Process& process) override {
    THANOS_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(bucket_, "bucket", process));
    bucketblocks::ShipperOptions options;
    options.directory = path_;
    options.source = "bucket.upload";
    options.external_labels = [this] { return external_; };
    options.upload_compacted = compacted_;
    bucketblocks::Shipper shipper(std::move(options), bucket.get(), process.logger,
                                  process.registry);
    THANOS_ASSIGN_OR_RETURN(const size_t shipped, shipper.Sync(context));
    process.logger.Info("uploading blocks done", {{"uploaded", shipped}});
    return OkStatus();
  }

 private:
  BucketFlags bucket_;
  std::string path_;
  std::vector<std::string> labels_;
  Labels external_;
  bool compacted_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeBucketMarkCommand() { return std::make_unique<BucketMarkCommand>(); }
std::unique_ptr<Command> MakeBucketUploadCommand() {
  return std::make_unique<BucketUploadCommand>();
}

}  // namespace thanos::cmd
