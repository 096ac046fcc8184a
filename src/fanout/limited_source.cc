#include "fanout/limited_source.h"

namespace thanos::fanout {
namespace {

constexpr uint64_t kSamplesPerChunk = 120;

struct DroppedCounters {
  metrics::Counter series, chunks;
};

class LimitedCursor : public SeriesCursor {
 public:
  LimitedCursor(std::unique_ptr<SeriesCursor> inner, const SelectLimits& limits,
                const DroppedCounters& dropped)
      : inner_(std::move(inner)), limits_(limits), dropped_(dropped) {}

  void Start() override { inner_->Start(); }
  Result<SeriesBatchRef> Next() override {
    THANOS_RETURN_IF_ERROR(violated_);
    THANOS_ASSIGN_OR_RETURN(SeriesBatchRef batch, inner_->Next());
    if (batch) violated_ = Count(*batch);
    THANOS_RETURN_IF_ERROR(violated_);
    return batch;
  }
  Warnings TakeWarnings() override { return inner_->TakeWarnings(); }
  const SelectEnd& end() const override { return inner_->end(); }

 private:
  Status Count(const SeriesBatch& batch) {
    series_ += batch.series().size();
    for (const SeriesView& series : batch.series()) {
      samples_ += series.chunks.size() * kSamplesPerChunk;
    }
    THANOS_RETURN_IF_ERROR(Check("series", series_, limits_.series_max, dropped_.series));
    return Check("samples", samples_, limits_.samples_max, dropped_.chunks);
  }
  Status Check(const char* what, uint64_t got, uint64_t max, const metrics::Counter& dropped) {
    if (max == 0 || got <= max) return OkStatus();
    dropped.Add();
    return UnknownError(limits_.text_prefix + "failed to send " + what + ": limit " +
                        std::to_string(max) + " violated (got " + std::to_string(got) + ")");
  }

  const std::unique_ptr<SeriesCursor> inner_;
  const SelectLimits& limits_;  // Of the source, which outlives its cursors.
  const DroppedCounters& dropped_;
  uint64_t series_ = 0, samples_ = 0;
  Status violated_;
};

class LimitedSource : public SeriesSource {
 public:
  LimitedSource(std::shared_ptr<SeriesSource> source, SelectLimits limits,
                metrics::Registry* registry)
      : source_(std::move(source)), limits_(std::move(limits)) {
    const auto family = registry->AddCounterFamily(
        "thanos_store_selects_dropped_total",
        "Number of select queries that were dropped due to configured limits.");
    dropped_ = {family.With({{"reason", "series"}}), family.With({{"reason", "chunks"}})};
  }

  SourceInfo Info() const override { return source_->Info(); }
  Result<std::unique_ptr<SeriesCursor>> Select(const CallContext& context,
                                               const SelectRequest& request) override {
    auto cursor = source_->Select(context, request);
    if (!cursor.ok() || (limits_.series_max == 0 && limits_.samples_max == 0)) return cursor;
    return std::unique_ptr<SeriesCursor>(
        std::make_unique<LimitedCursor>(*std::move(cursor), limits_, dropped_));
  }
  Result<LabelsResult> LabelNames(const CallContext& context,
                                  const LabelsRequest& request) override {
    return source_->LabelNames(context, request);
  }
  Result<LabelsResult> LabelValues(const CallContext& context, const std::string& name,
                                   const LabelsRequest& request) override {
    return source_->LabelValues(context, name, request);
  }

 private:
  const std::shared_ptr<SeriesSource> source_;
  const SelectLimits limits_;
  DroppedCounters dropped_;
};

}  // namespace

std::shared_ptr<SeriesSource> LimitSource(std::shared_ptr<SeriesSource> source, SelectLimits limits,
                                          metrics::Registry* registry) {
  return std::make_shared<LimitedSource>(std::move(source), std::move(limits), registry);
}

}  // namespace thanos::fanout
