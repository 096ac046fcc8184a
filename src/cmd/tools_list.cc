// thanos tools bucket ls, inspect: which blocks there are.
#include "base/time_text.h"
#include "cmd/tool_command.h"
#include "tools/listing.h"

namespace thanos::cmd {
namespace {

constexpr int64_t kMinuteNs = 60'000'000'000;

void AddTimeoutFlag(config::FlagSet* flags, int64_t* target_ns) {
  flags->GoDuration("timeout", "Timeout to download metadata from remote storage.", "5m",
                    target_ns);
}

CallContext WithTimeout(const CallContext& context, int64_t timeout_ns, const Process& process) {
  if (timeout_ns < kMinuteNs) {
    process.logger.Warn("Timeout less than 1m could lead to frequent failures");
  }
  return context.WithTimeout(std::chrono::nanoseconds(timeout_ns));
}

class BucketLsCommand : public ToolCommand {
 public:
  std::string name() const override { return "tools bucket ls"; }
  std::string summary() const override { return "List all blocks in the bucket."; }
  void AddFlags(config::FlagSet* flags) override {
    AddBucketFlags(flags, &bucket_);
    flags
        ->String("output",
                 "Format in which to print each block's information: 'json', 'wide', or a template "
                 "over the fields of its meta, such as '{{.ULID}} {{.Stats.NumSeries}}'.",
                 "", &output_)
        .Short('o');
    flags->Bool("exclude-delete", "Exclude blocks marked for deletion.", false, &exclude_deleted_);
    time_range_.Add(flags, "list blocks");
    AddSelectorFlag(flags, &selector_);
    AddTimeoutFlag(flags, &timeout_ns_);
  }

 protected:
  Status Run(const CallContext& context, const Process& process) override {
    THANOS_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(bucket_, "bucket", process));
    bucketblocks::FetchOptions options;
    options.drop_duplicates = false;
    if (exclude_deleted_) options.ignore_deletion_marks_delay_ms = 0;
    time_range_.Limit(&options);
    THANOS_ASSIGN_OR_RETURN(const auto view,
                            FetchView(WithTimeout(context, timeout_ns_, process), *bucket,
                                      std::move(options), selector_, process));
    std::string out;
    THANOS_RETURN_IF_ERROR(tools::WriteListing(view.metas, output_, &out));
    THANOS_RETURN_IF_ERROR(PrintOut(out));
    process.logger.Info("ls done", {{"objects", view.metas.size()}});
    return OkStatus();
  }

 private:
  BucketFlags bucket_;
  std::string output_, selector_;
  bool exclude_deleted_ = false;
  TimeRangeFlags time_range_;
  int64_t timeout_ns_ = 0;
};

class BucketInspectCommand : public ToolCommand {
 public:
  std::string name() const override { return "tools bucket inspect"; }
  std::string summary() const override {
    return "Inspect all blocks in the bucket in detailed, table-like way.";
  }
  void AddFlags(config::FlagSet* flags) override {
    AddBucketFlags(flags, &bucket_);
    flags
        ->Strings("selector",
                  "Selects blocks based on label: name=\"value\". All that are given must match.",
                  &selectors_)
        .Short('l');
    const auto columns = tools::InspectColumns();
    flags->Enums("sort-by", "Sort by columns: the first decides, then the next.",
                 {columns.begin(), columns.end()}, {"FROM", "UNTIL"}, &sort_by_);
    AddTimeoutFlag(flags, &timeout_ns_);
    flags->Enum("output", "Output format for result.", {"table", "tsv", "csv"}, "table", &output_);
  }

 protected:
  Status Check() override {
    for (const std::string& text : selectors_) {
      THANOS_ASSIGN_OR_RETURN(auto label, tools::ParseLabelFlag(text));
      matchers_.push_back(model::Matcher::Equal(label.first, label.second));
    }
    return OkStatus();
  }

  Status Run(const CallContext& context, const Process& process) override {
    THANOS_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(bucket_, "bucket", process));
    bucketblocks::FetchOptions options;
    options.drop_duplicates = false;
    THANOS_ASSIGN_OR_RETURN(const auto view, FetchView(WithTimeout(context, timeout_ns_, process),
                                                       *bucket, std::move(options), "", process));
    const auto format = output_ == "csv"   ? tools::TableFormat::kCsv
                        : output_ == "tsv" ? tools::TableFormat::kTsv
                                           : tools::TableFormat::kTable;
    std::string out;
    THANOS_RETURN_IF_ERROR(tools::WriteInspection(view.metas, matchers_, sort_by_, format, &out));
    return PrintOut(out);
  }

 private:
  BucketFlags bucket_;
  std::vector<std::string> selectors_, sort_by_;
  model::Matchers matchers_;
  std::string output_;
  int64_t timeout_ns_ = 0;
};

}  // namespace

std::unique_ptr<Command> MakeBucketLsCommand() { return std::make_unique<BucketLsCommand>(); }
std::unique_ptr<Command> MakeBucketInspectCommand() {
  return std::make_unique<BucketInspectCommand>();
}

}  // namespace thanos::cmd
