#include "promql/operator.h"

#include <algorithm>
#include <cstdio>

namespace thanos::promql {
namespace {

constexpr std::string_view kNamed = "operator ";

std::string_view HoldsText(Holds holds) {
  switch (holds) {
    case Holds::kNothing:
      return "streams";
    case Holds::kGroups:
      return "holds groups";
    case Holds::kOneSide:
      return "holds one side";
    case Holds::kInput:
      return "holds its input";
  }
  return "";
}

std::string_view OrderText(RowOrder order) {
  switch (order) {
    case RowOrder::kLabels:
      return "by labels";
    case RowOrder::kInput:
      return "as its input";
    case RowOrder::kGroups:
      return "by first appearance of the group";
    case RowOrder::kValues:
      return "by value";
  }
  return "";
}

std::string Declared(const Operator& op) {
  const OperatorTraits& traits = op.traits();
  std::string out = traits.name;
  out.append(": ").append(HoldsText(traits.holds));
  if (traits.bytes_per_row_step > 0) {
    char text[60];
    std::snprintf(text, sizeof(text), " (%g bytes a row and step)", traits.bytes_per_row_step);
    out += text;
  }
  out.append(", rows ").append(OrderText(traits.order));
  if (traits.fragments) out += ", in fragments";
  return out.append(", ").append(std::to_string(op.grid().count)).append(" steps");
}

}  // namespace

bool IsMemoryRefusal(const Status& status) {
  return status.code() == StatusCode::kResourceExhausted &&
         status.message().find("memory budget of ") != std::string_view::npos;
}

OperatorStats* Profiler::Switch(OperatorStats* next) {
  const auto now = std::chrono::steady_clock::now();
  if (current_ != nullptr) {
    current_->pull_ns += std::chrono::duration_cast<std::chrono::nanoseconds>(now - since_).count();
  }
  since_ = now;
  return std::exchange(current_, next);
}

Result<RowBatchRef> Operator::Next() {
  Result<RowBatchRef> batch = profiler_ == nullptr ? Produce() : MeasuredProduce();
  if (!batch.ok()) return WithName(batch.status());
  return batch;
}

Status Operator::ForEachRow(const RowSink& sink) {
  // What the sink says is the affair of who drains.
  bool of_sink = false;
  const RowSink watched = [&](const Row& row) {
    Status status = sink(row);
    of_sink = !status.ok();
    return status;
  };
  Status status = profiler_ == nullptr ? Drain(watched) : MeasuredDrain(watched);
  return status.ok() || of_sink ? status : WithName(status);
}

Status Operator::Drain(const RowSink& sink) {
  while (true) {
    THANOS_ASSIGN_OR_RETURN(const RowBatchRef batch, Produce());
    if (batch == nullptr) return OkStatus();
    for (const Row& row : batch->rows()) THANOS_RETURN_IF_ERROR(sink(row));
  }
}

Result<RowBatchRef> Operator::MeasuredProduce() {
  OperatorStats* const above = profiler_->Switch(&stats_);
  Result<RowBatchRef> batch = Produce();
  stats_.peak_bytes = std::max(stats_.peak_bytes, held_bytes());
  profiler_->Switch(above);
  if (batch.ok() && *batch != nullptr) {
    for (const Row& row : (*batch)->rows()) Count(row);
  }
  return batch;
}

Status Operator::MeasuredDrain(const RowSink& sink) {
  OperatorStats* const above = profiler_->Switch(&stats_);
  Status status = Drain([&](const Row& row) {
    Count(row);
    profiler_->Switch(above);
    Status taken = sink(row);
    profiler_->Switch(&stats_);
    return taken;
  });
  stats_.peak_bytes = std::max(stats_.peak_bytes, held_bytes());
  profiler_->Switch(above);
  return status;
}

// A refusal of memory tells where it was met; operators above leave it as it is.
Status Operator::WithName(const Status& status) const {
  if (!IsMemoryRefusal(status) || status.message().starts_with(kNamed)) return status;
  return status.WithContext(std::string(kNamed) + traits_.name);
}

void Operator::Count(const Row& row) {
  ++stats_.rows;
  for (size_t w = 0; w < grid_.words(); ++w) {
    stats_.points += static_cast<uint64_t>(std::popcount(row.PointsWord(w)));
  }
}

void Operator::Profile(Profiler* profiler) {
  profiler_ = profiler;
  for (Operator* child : children()) child->Profile(profiler);
}

PlanNode Operator::Plan() const {
  PlanNode node{Declared(*this), stats_, {}};
  AddOwnStats(&node.stats);
  for (const Operator* child : children()) node.children.push_back(child->Plan());
  return node;
}

}  // namespace thanos::promql
