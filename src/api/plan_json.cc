#include "api/plan_json.h"

#include "base/json_text.h"
#include "base/time_text.h"

namespace thanos::api {
namespace {

void AppendName(const promql::PlanNode& node, std::string* out) {
  *out += "{\"name\":";
  base::AppendJsonString(node.name, out, true);
}

void AppendChildren(const promql::PlanNode& node, std::string* out,
                    void (*append)(const promql::PlanNode&, std::string*)) {
  if (!node.children.empty()) {
    *out += ",\"children\":[";
    for (const promql::PlanNode& child : node.children) {
      if (&child != &node.children.front()) *out += ',';
      append(child, out);
    }
    *out += ']';
  }
  *out += '}';
}

}  // namespace

void AppendPlanJson(const promql::PlanNode& node, std::string* out) {
  AppendName(node, out);
  AppendChildren(node, out, AppendPlanJson);
}

void AppendAnalysisJson(const promql::PlanNode& node, std::string* out) {
  const promql::OperatorStats& stats = node.stats;
  AppendName(node, out);
  const auto duration = [out](std::string_view key, int64_t ns) {
    if (ns == 0) return;
    out->append(",\"").append(key).append("\":\"").append(base::FormatGoDuration(ns)).append("\"");
  };
  const auto number = [out](std::string_view key, uint64_t value) {
    if (value == 0) return;
    out->append(",\"").append(key).append("\":").append(std::to_string(value));
  };
  duration("executionTime", stats.pull_ns);
  duration("workerTime", stats.worker_ns);
  // A point is held as a value of eight bytes.
  number("peakSamples", stats.peak_bytes / 8);
  number("totalSamples", stats.samples != 0 ? stats.samples : stats.points);
  number("rows", stats.rows);
  number("series", stats.series);
  number("chunkBytes", stats.bytes);
  number("peakBytes", stats.peak_bytes);
  AppendChildren(node, out, AppendAnalysisJson);
}

}  // namespace thanos::api
