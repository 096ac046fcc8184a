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

// What is zero is left out.
void AppendDuration(std::string_view key, int64_t ns, std::string* out) {
  if (ns == 0) return;
  out->append(",\"").append(key).append("\":\"").append(base::FormatGoDuration(ns)).append("\"");
}

void AppendNumber(std::string_view key, uint64_t value, std::string* out) {
  if (value == 0) return;
  out->append(",\"").append(key).append("\":").append(std::to_string(value));
}

void AppendFanout(const std::vector<PeerShare>& peers, std::string* out) {
  if (peers.empty()) return;
  *out += ",\"fanout\":[";
  for (const PeerShare& peer : peers) {
    if (&peer != &peers.front()) *out += ',';
    *out += "{\"endpointAddr\":";
    base::AppendJsonString(peer.address, out, true);
    AppendDuration("duration", peer.duration_ns, out);
    AppendNumber("bytesProcessed", peer.bytes, out);
    AppendNumber("numResponses", peer.responses, out);
    AppendNumber("series", peer.series, out);
    AppendNumber("chunks", peer.chunks, out);
    *out += '}';
  }
  *out += ']';
}

}  // namespace

void AppendPlanJson(const promql::PlanNode& node, std::string* out) {
  AppendName(node, out);
  AppendChildren(node, out, AppendPlanJson);
}

void AppendAnalysisJson(const promql::PlanNode& node, std::string* out) {
  const promql::OperatorStats& stats = node.stats;
  AppendName(node, out);
  AppendDuration("executionTime", stats.pull_ns, out);
  AppendDuration("workerTime", stats.worker_ns, out);
  // A point is held as a value of eight bytes.
  AppendNumber("peakSamples", stats.peak_bytes / 8, out);
  AppendNumber("totalSamples", stats.samples != 0 ? stats.samples : stats.points, out);
  AppendNumber("rows", stats.rows, out);
  AppendNumber("series", stats.series, out);
  AppendNumber("chunkBytes", stats.bytes, out);
  AppendNumber("peakBytes", stats.peak_bytes, out);
  AppendFanout(stats.peers, out);
  AppendChildren(node, out, AppendAnalysisJson);
}

}  // namespace thanos::api
