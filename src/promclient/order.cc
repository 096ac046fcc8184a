#include "promclient/order.h"

#include <algorithm>

namespace thanos::promclient {

LabelChange::LabelChange(Labels external, std::vector<std::string> without)
    : external_(std::move(external)), without_(std::move(without)) {
  LabelsBuilder added(external_.view());
  for (const std::string& name : without_) added.Remove(name);
  added_ = added.Build();
}

LabelChange::Kind LabelChange::Apply(LabelsView labels, std::string* out) {
  Kind kind = Kind::kPlain;
  builder_.Reset(labels);
  for (const Label& label : external_) {
    const std::optional<std::string_view> own = labels.Find(label.name);
    // What Prometheus put in has our value; another one is the series' own, which we replace.
    if (own && *own != label.value) kind = Kind::kReordered;
    builder_.Set(label.name, label.value);
  }
  for (const std::string& name : without_) {
    const bool is_external = external_.view().Find(name).has_value();
    if (!is_external && labels.Find(name)) kind = Kind::kReordered;
    builder_.Remove(name);
  }
  builder_.BuildTo(out);
  return kind;
}

size_t PendingSeries::bytes() const {
  size_t total = sizeof(*this) + labels.capacity() + chunks.capacity() * sizeof(ChunkView) +
                 parts.capacity() * sizeof(ChunkPart);
  for (const base::PinnedBytes& payload : payloads) total += payload.size() + sizeof(payload);
  return total;
}

void PendingSeries::AppendTo(series::BatchBuilder* builder) const {
  for (const base::PinnedBytes& payload : payloads) builder->Pin(payload.owner(), payload.size());
  builder->BeginSeries(LabelsView(labels));
  for (size_t i = 0; i < chunks.size(); ++i) {
    builder->AddChunk(chunks[i].min_ms, chunks[i].max_ms, 0, {&parts[i], 1});
  }
  builder->EndSeries();
}

void OrderStack::Push(PendingSeries series, std::vector<PendingSeries>* ready) {
  while (!stack_.empty() && LabelsView(stack_.back().labels) < LabelsView(series.labels)) {
    ready->push_back(std::move(stack_.back()));
    stack_.pop_back();
  }
  stack_.push_back(std::move(series));
}

void OrderStack::Flush(std::vector<PendingSeries>* ready) {
  while (!stack_.empty()) {
    ready->push_back(std::move(stack_.back()));
    stack_.pop_back();
  }
}

}  // namespace thanos::promclient
