#include <nlohmann/json.hpp>

#include "tools/doctor.h"

namespace thanos::tools {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::string_view RepairName(RepairKind kind) {
  switch (kind) {
    case RepairKind::kMarkDuplicate:
      return "mark duplicate for deletion";
    case RepairKind::kMarkExpired:
      return "mark expired for deletion";
    case RepairKind::kDeleteMarked:
      return "delete marked";
    case RepairKind::kDeletePartial:
      return "delete given-up upload";
  }
  return "";
}

std::string DiagnosisText(const BucketDiagnosis& diagnosis) {
  std::string out;
  for (const BlockDiagnosis& block : diagnosis.blocks) {
    out += block.ulid.ToString() + (block.group.empty() ? "" : "  group " + block.group) + "\n";
    out += "  compaction:   " + block.compaction + "\n";
    out += "  downsampling: " + block.downsampling + "\n";
    out += "  deletion:     " + block.deletion + "\n";
    for (const std::string& problem : block.problems) out += "  problem:      " + problem + "\n";
  }
  out += diagnosis.plan.empty() ? "Nothing to repair.\n" : "Repair plan:\n";
  for (const RepairStep& step : diagnosis.plan) {
    out += "  " + step.ulid.ToString() + "  " + std::string(RepairName(step.kind)) +
           (step.details.empty() ? "" : ": " + step.details) + "\n";
  }
  return out;
}

std::string DiagnosisJson(const BucketDiagnosis& diagnosis) {
  Json blocks = Json::array();
  for (const BlockDiagnosis& block : diagnosis.blocks) {
    blocks.push_back({{"ulid", block.ulid.ToString()},
                      {"group", block.group},
                      {"compaction", block.compaction},
                      {"downsampling", block.downsampling},
                      {"deletion", block.deletion},
                      {"problems", block.problems}});
  }
  Json plan = Json::array();
  for (const RepairStep& step : diagnosis.plan) {
    plan.push_back({{"ulid", step.ulid.ToString()},
                    {"step", RepairName(step.kind)},
                    {"details", step.details}});
  }
  const Json all = {{"blocks", std::move(blocks)}, {"plan", std::move(plan)}};
  return all.dump(1, '\t', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace thanos::tools
