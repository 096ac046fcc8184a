#include "series/replica_source.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "model/matcher.h"
#include "series/merge.h"

namespace thanos::series {
namespace {

using Matchers = std::vector<model::Matcher>;

// Looks for the replicas at the first Next(), for that asks the stores.
class ReplicaCursor : public SeriesCursor {
 public:
  ReplicaCursor(const CallContext& context, SelectRequest request,
                std::shared_ptr<SeriesSource> inner, const ReplicaSourceOptions& options)
      : context_(context),
        request_(std::move(request)),
        inner_(std::move(inner)),
        options_(options) {}

  void Start() override {}
  Result<SeriesBatchRef> Next() override {
    if (!status_.ok()) return status_;
    if (!merge_) {
      status_ = Open();
      if (!status_.ok()) return status_;
    }
    auto batch = merge_->Next();
    if (batch.ok() && !*batch) {
      end_ = merge_->end();
      end_.partial |= partial_;
    }
    return batch;
  }
  Warnings TakeWarnings() override {
    Warnings out = std::exchange(warnings_, {});
    if (!merge_) return out;
    for (std::string& warning : merge_->TakeWarnings()) out.push_back(std::move(warning));
    return out;
  }
  const SelectEnd& end() const override { return end_; }

 private:
  Status Open() {
    Matchers chosen;
    THANOS_RETURN_IF_ERROR(FindReplicas(0, &chosen));
    std::vector<std::unique_ptr<SeriesCursor>> cursors;
    for (const Matchers& replica : replicas_) {
      SelectRequest own = request_;
      own.matchers.insert(own.matchers.end(), replica.begin(), replica.end());
      THANOS_ASSIGN_OR_RETURN(auto cursor, inner_->Select(context_, own));
      cursors.push_back(std::move(cursor));
    }
    merge_ = MergeCursors(context_, std::move(cursors),
                          {.batch_series = std::max<uint32_t>(request_.batch_series, 1),
                           .limit = request_.limit,
                           .tag_sources = true});
    merge_->Start();
    return OkStatus();
  }

  // Of each label in turn the values it has beside those chosen before, and its absence.
  Status FindReplicas(size_t label, Matchers* chosen) {
    if (label == request_.without_labels.size()) {
      if (replicas_.size() >= options_.replicas_max) {
        return ResourceExhaustedError(
            "deduplication by steady replicas: more than " + std::to_string(options_.replicas_max) +
            " replicas; name fewer replica labels or use --deduplication.func=penalty");
      }
      replicas_.push_back(*chosen);
      return OkStatus();
    }
    const std::string& name = request_.without_labels[label];
    LabelsRequest values;
    values.matchers = request_.matchers;
    values.matchers.insert(values.matchers.end(), chosen->begin(), chosen->end());
    values.min_ms = request_.min_ms;
    values.max_ms = request_.max_ms;
    values.partial = request_.partial;
    values.store_match = request_.store_match;
    THANOS_ASSIGN_OR_RETURN(LabelsResult have, inner_->LabelValues(context_, name, values));
    for (std::string& warning : have.warnings) warnings_.push_back(std::move(warning));
    partial_ |= have.partial;
    have.values.emplace_back();
    for (const std::string& value : have.values) {
      THANOS_ASSIGN_OR_RETURN(auto matcher,
                              model::Matcher::Make(model::MatchType::kEqual, name, value));
      chosen->push_back(std::move(matcher));
      const Status status = FindReplicas(label + 1, chosen);
      chosen->pop_back();
      THANOS_RETURN_IF_ERROR(status);
    }
    return OkStatus();
  }

  const CallContext context_;
  const SelectRequest request_;
  const std::shared_ptr<SeriesSource> inner_;
  const ReplicaSourceOptions options_;
  std::vector<Matchers> replicas_;
  std::unique_ptr<SeriesCursor> merge_;
  Warnings warnings_;
  bool partial_ = false;
  Status status_;
  SelectEnd end_;
};

class ReplicaSource : public SeriesSource {
 public:
  ReplicaSource(std::shared_ptr<SeriesSource> inner, const ReplicaSourceOptions& options)
      : inner_(std::move(inner)), options_(options) {}

  SourceInfo Info() const override { return inner_->Info(); }
  Result<LabelsResult> LabelNames(const CallContext& context,
                                  const LabelsRequest& request) override {
    return inner_->LabelNames(context, request);
  }
  Result<LabelsResult> LabelValues(const CallContext& context, const std::string& name,
                                   const LabelsRequest& request) override {
    return inner_->LabelValues(context, name, request);
  }

  Result<std::unique_ptr<SeriesCursor>> Select(const CallContext& context,
                                               const SelectRequest& request) override {
    if (request.without_labels.empty()) return inner_->Select(context, request);
    return std::unique_ptr<SeriesCursor>(
        std::make_unique<ReplicaCursor>(context, request, inner_, options_));
  }

 private:
  const std::shared_ptr<SeriesSource> inner_;
  const ReplicaSourceOptions options_;
};

}  // namespace

std::shared_ptr<SeriesSource> SeparateReplicas(std::shared_ptr<SeriesSource> inner,
                                               const ReplicaSourceOptions& options) {
  return std::make_shared<ReplicaSource>(std::move(inner), options);
}

}  // namespace thanos::series
