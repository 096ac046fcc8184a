#include "bucketstore/gateway.h"

#include "thanos/trace.h"
#include "wire/store_messages.h"

namespace thanos::bucketstore {
namespace {

class GatedCursor : public SeriesCursor {
 public:
  GatedCursor(const CallContext& context, std::unique_ptr<SeriesCursor> inner, metrics::Gate* gate)
      : context_(context), inner_(std::move(inner)), gate_(gate) {}

  // The inner cursor begins to read only at a place in the gate.
  void Start() override {}
  Result<SeriesBatchRef> Next() override {
    auto pass = EnterGate();
    if (!pass.ok()) return pass.status();
    if (!started_) inner_->Start();
    started_ = true;
    return inner_->Next();
  }
  Warnings TakeWarnings() override { return inner_->TakeWarnings(); }
  const SelectEnd& end() const override { return inner_->end(); }

 private:
  // Traced at the first place only: a long stream has thousands.
  Result<metrics::Gate::Pass> EnterGate() {
    if (started_) return gate_->Enter(context_);
    const Span span(context_, "store_query_gate_ismyturn");
    return gate_->Enter(context_);
  }

  CallContext context_;
  std::unique_ptr<SeriesCursor> inner_;
  metrics::Gate* gate_;
  bool started_ = false;
};

Result<StoreSelect> ReadHints(const std::string& any, std::string_view message) {
  THANOS_ASSIGN_OR_RETURN(wire::SeriesRequestHints hints, wire::DecodeRequestHints(any, message));
  return StoreSelect{.block_matchers = std::move(hints.block_matchers)};
}

}  // namespace

Gateway::Gateway(BucketStore* store, size_t concurrent_max, std::shared_ptr<Budget> budget,
                 metrics::Registry* registry)
    : store_(store),
      budget_(std::move(budget)),
      gate_(concurrent_max, registry, "thanos_bucket_store_series_gate_queries") {}

CallContext Gateway::WithBudget(const CallContext& context) const {
  return context.WithBudget(Budget::Make("call", 0, "", budget_));
}

Result<std::unique_ptr<SeriesCursor>> Gateway::Select(const CallContext& context,
                                                      const SelectRequest& request) {
  THANOS_ASSIGN_OR_RETURN(const StoreSelect more,
                          ReadHints(request.hints_any, "SeriesRequestHints"));
  const CallContext call = WithBudget(context);
  THANOS_ASSIGN_OR_RETURN(std::unique_ptr<SeriesCursor> cursor,
                          store_->SelectBlocks(call, request, more));
  return std::unique_ptr<SeriesCursor>(
      std::make_unique<GatedCursor>(call, std::move(cursor), &gate_));
}

Result<LabelsResult> Gateway::LabelNames(const CallContext& context, const LabelsRequest& request) {
  THANOS_ASSIGN_OR_RETURN(const StoreSelect more,
                          ReadHints(request.hints_any, "LabelNamesRequestHints"));
  return store_->LabelNamesOf(WithBudget(context), request, more);
}

Result<LabelsResult> Gateway::LabelValues(const CallContext& context, const std::string& name,
                                          const LabelsRequest& request) {
  THANOS_ASSIGN_OR_RETURN(const StoreSelect more,
                          ReadHints(request.hints_any, "LabelValuesRequestHints"));
  return store_->LabelValuesOf(WithBudget(context), name, request, more);
}

}  // namespace thanos::bucketstore
