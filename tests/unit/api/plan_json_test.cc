#include "api/plan_json.h"

#include <gtest/gtest.h>

namespace thanos::api {
namespace {

promql::PlanNode Tree() {
  promql::PlanNode scan{"scan \"m\"", {}, {}};
  scan.stats = {1500000, 2000000, 3, 7, 4, 500, 6000, 800};
  return {"result", {}, {scan, {"other", {}, {}}}};
}

TEST(PlanJson, IsATreeOfNames) {
  std::string out;
  AppendPlanJson(Tree(), &out);
  EXPECT_EQ(out, R"({"name":"result","children":[{"name":"scan \"m\""},{"name":"other"}]})");
}

TEST(AnalysisJson, TellsWhatWasMeasuredAndLeavesZerosOut) {
  std::string out;
  AppendAnalysisJson(Tree(), &out);
  EXPECT_EQ(out, R"({"name":"result","children":[{"name":"scan \"m\"","executionTime":"1.5ms",)"
                 R"("workerTime":"2ms","peakSamples":100,"totalSamples":500,"rows":3,"series":4,)"
                 R"("chunkBytes":6000,"peakBytes":800},{"name":"other"}]})");
}

}  // namespace
}  // namespace thanos::api
