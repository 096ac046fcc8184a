#include "query/bound_source.h"

#include "query/selectors.h"

namespace thanos::query {
namespace {

class BoundSource : public SeriesSource {
 public:
  BoundSource(SeriesSource* source, LabelBinding binding)
      : source_(source), binding_(std::move(binding)) {}

  SourceInfo Info() const override { return source_->Info(); }
  Result<std::unique_ptr<SeriesCursor>> Select(const CallContext& context,
                                               const SelectRequest& request) override {
    return source_->Select(context, Bound(request));
  }
  Result<LabelsResult> LabelNames(const CallContext& context,
                                  const LabelsRequest& request) override {
    return source_->LabelNames(context, Bound(request));
  }
  Result<LabelsResult> LabelValues(const CallContext& context, const std::string& name,
                                   const LabelsRequest& request) override {
    return source_->LabelValues(context, name, Bound(request));
  }

 private:
  template <typename Request>
  Request Bound(Request request) const {
    BindMatchers(binding_.label, binding_.value, &request.matchers);
    return request;
  }

  SeriesSource* const source_;
  const LabelBinding binding_;
};

}  // namespace

std::unique_ptr<SeriesSource> BindSource(SeriesSource* source, LabelBinding binding) {
  return std::make_unique<BoundSource>(source, std::move(binding));
}

}  // namespace thanos::query
