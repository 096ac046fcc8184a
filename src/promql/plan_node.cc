#include "promql/plan_node.h"

#include <algorithm>

namespace thanos::promql {
namespace {

void AppendNode(const PlanNode& node, size_t level, std::string* out) {
  out->append(2 * level, ' ').append(node.name).append("\n");
  for (const PlanNode& child : node.children) AppendNode(child, level + 1, out);
}

void AddPeer(const PeerShare& peer, std::vector<PeerShare>* peers) {
  const auto known = std::find_if(peers->begin(), peers->end(), [&](const PeerShare& one) {
    return one.address == peer.address;
  });
  if (known == peers->end()) return peers->push_back(peer);
  known->duration_ns += peer.duration_ns;
  known->responses += peer.responses;
  known->bytes += peer.bytes;
  known->series += peer.series;
  known->chunks += peer.chunks;
}

}  // namespace

void OperatorStats::Add(const OperatorStats& other) {
  pull_ns += other.pull_ns;
  worker_ns += other.worker_ns;
  rows += other.rows;
  points += other.points;
  series += other.series;
  samples += other.samples;
  bytes += other.bytes;
  peak_bytes = std::max(peak_bytes, other.peak_bytes);
  for (const PeerShare& peer : other.peers) AddPeer(peer, &peers);
}

void PlanNode::Add(const PlanNode& other) {
  stats.Add(other.stats);
  const size_t n = std::min(children.size(), other.children.size());
  for (size_t i = 0; i < n; ++i) children[i].Add(other.children[i]);
}

std::string PlanText(const PlanNode& root) {
  std::string out;
  AppendNode(root, 0, &out);
  return out;
}

}  // namespace thanos::promql
