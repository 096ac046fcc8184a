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

TEST(AnalysisJson, TellsWhatEachStoreGave) {
  promql::PlanNode scan{"scan", {}, {}};
  scan.stats.peers = {{"a:1", 2000000, 3, 400, 5, 6}, {"b:1", 0, 0, 0, 0, 0}};
  promql::PlanNode again = scan;
  again.stats.peers.pop_back();
  scan.Add(again);  // A tile more.
  std::string out;
  AppendAnalysisJson(scan, &out);
  EXPECT_EQ(out, R"({"name":"scan","fanout":[{"endpointAddr":"a:1","duration":"4ms",)"
                 R"("bytesProcessed":800,"numResponses":6,"series":10,"chunks":12},)"
                 R"({"endpointAddr":"b:1"}]})");
}

}  // namespace
}  // namespace thanos::api
