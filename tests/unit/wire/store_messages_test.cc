#include "wire/store_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::wire {
namespace {

using ::testing::ElementsAre;
using thanos::testing::FromHex;
using thanos::testing::StatusIs;
using thanos::testing::TextOf;
using thanos::testing::ToHex;

Labels LabelsOf(const nlohmann::json& object) {
  std::vector<std::pair<std::string, std::string>> labels;
  for (const auto& [name, value] : object.items()) labels.emplace_back(name, TextOf(value));
  return Labels::Of(labels);
}

std::vector<std::string> TextsOf(const nlohmann::json& object, const char* key) {
  std::vector<std::string> out;
  if (!object.contains(key) || object.at(key).is_null()) return out;
  for (const auto& text : object.at(key)) out.push_back(TextOf(text));
  return out;
}

void ExpectInfo(const nlohmann::json& row) {
  const nlohmann::json& wanted = row.at("response");
  const std::string bytes = FromHex(row.at("response_hex").get<std::string>());
  auto info = DecodeInfoResponse(bytes);
  THANOS_ASSERT_OK(info);
  EXPECT_EQ(info->component, wanted.at("ComponentType").get<std::string>());
  ASSERT_EQ(info->label_sets.size(), wanted.value("label_sets", nlohmann::json::array()).size());
  for (size_t i = 0; i < info->label_sets.size(); ++i) {
    EXPECT_EQ(info->label_sets[i], LabelsOf(wanted.at("label_sets").at(i)));
  }
  EXPECT_EQ(info->store.has_value(), wanted.contains("store"));
  EXPECT_EQ(info->rules, wanted.contains("rules"));
  EXPECT_EQ(info->targets, wanted.contains("targets"));
  EXPECT_EQ(info->exemplars, wanted.contains("exemplars"));
  EXPECT_EQ(info->metric_metadata, wanted.contains("metric_metadata"));
  EXPECT_EQ(info->query, wanted.contains("query"));
  EXPECT_EQ(info->status, wanted.contains("status"));
  if (info->store) {
    const nlohmann::json& store = wanted.at("store");
    EXPECT_EQ(info->store->min_ms, store.value("min_time", int64_t{0}));
    EXPECT_EQ(info->store->max_ms, store.value("max_time", int64_t{0}));
    EXPECT_EQ(info->store->supports_sharding, store.value("supports_sharding", false));
    EXPECT_EQ(info->store->tsdbs.size(), store.value("tsdb_infos", nlohmann::json::array()).size());
  }
  EXPECT_EQ(ToHex(EncodeInfoResponse(*info)), ToHex(bytes));
}

void ExpectLabels(const nlohmann::json& row, bool names) {
  const nlohmann::json& wanted = row.at("request");
  const std::string bytes = FromHex(row.at("request_hex").get<std::string>());
  LabelsRequest request;
  if (names) {
    THANOS_ASSERT_OK_AND_ASSIGN(request, DecodeLabelNamesRequest(bytes));
    EXPECT_EQ(ToHex(EncodeLabelNamesRequest(request)), ToHex(bytes));
  } else {
    THANOS_ASSERT_OK_AND_ASSIGN(LabelValuesRequest whole, DecodeLabelValuesRequest(bytes));
    EXPECT_EQ(whole.label, wanted.contains("label") ? TextOf(wanted.at("label")) : "");
    request = whole.request;
    EXPECT_EQ(ToHex(EncodeLabelValuesRequest(whole.label, request)), ToHex(bytes));
  }
  EXPECT_EQ(request.min_ms, wanted.value("start", int64_t{0}));
  EXPECT_EQ(request.max_ms, wanted.value("end", int64_t{0}));
  if (!row.contains("response_hex")) return;
  const std::string answer = FromHex(row.at("response_hex").get<std::string>());
  auto result = names ? DecodeLabelNamesResponse(answer) : DecodeLabelValuesResponse(answer);
  THANOS_ASSERT_OK(result);
  EXPECT_EQ(result->values, TextsOf(row.at("response"), names ? "names" : "values"));
  EXPECT_EQ(result->warnings, TextsOf(row.at("response"), "warnings"));
  if (!row.at("response").contains("hints")) {
    EXPECT_EQ(ToHex(names ? EncodeLabelNamesResponse(*result) : EncodeLabelValuesResponse(*result)),
              ToHex(answer));
  }
}

TEST(StoreMessageVectors, EveryUnaryCallOfGo) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/wire_unary.jsonl");
  for (const nlohmann::json& row : thanos::testing::ReadJsonLines(
           thanos::testing::SharedPath("conformance/vectors/wire_unary.jsonl"))) {
    SCOPED_TRACE(row.at("id").get<std::string>());
    const std::string rpc = row.at("rpc").get<std::string>();
    if (rpc == "/thanos.info.Info/Info") {
      if (row.contains("response_hex")) ExpectInfo(row);
    } else {
      ExpectLabels(row, rpc == "/thanos.Store/LabelNames");
    }
  }
}

TEST(StoreMessages, GoldenInfoOfASidecar) {
  InfoResponse info;
  info.label_sets = {Labels::Of({{"cluster", "c1"}, {"replica", "a"}})};
  info.component = "sidecar";
  info.store =
      StoreInfo{1795454405000, INT64_MAX, true,
                true,          false,     {{info.label_sets[0], 1795454405000, INT64_MAX}}};
  info.rules = info.metric_metadata = info.targets = info.exemplars = info.status = true;
  EXPECT_EQ(ToHex(EncodeInfoResponse(info)),
            "0a1d0a0d0a07636c7573746572120263310a0c0a077265706c6963611201"
            "611207736964656361721a47088893b0cba03410ffffffffffffffff7f18"
            "01280132300a1d0a0d0a07636c7573746572120263310a0c0a077265706c"
            "696361120161108893b0cba03418ffffffffffffffff7f22002a0032003a"
            "004a00");
}

TEST(StoreMessages, ASeriesRequestComesBackAsItWas) {
  SelectRequest request;
  request.matchers = {model::Matcher::Equal("a", "1"), model::Matcher::NotEqual("b", "\xff")};
  request.min_ms = -5;
  request.max_ms = INT64_MAX;
  request.hints = {15'000, 300'000, "rate", {"job"}, true};
  request.max_resolution_ms = 300'000;
  request.aggregates.Add(Aggr::kCount);
  request.aggregates.Add(Aggr::kCounter);
  request.skip_chunks = true;
  request.limit = 9;
  request.shard = Shard{1, 3, true, {"pod"}};
  request.without_labels = {"replica"};
  request.partial = PartialStrategy::kAbort;
  request.batch_series = 64;
  request.hints_any =
      EncodeRequestHints({{model::Matcher::Equal("__block_id", "x")}, true}, "SeriesRequestHints");
  THANOS_ASSERT_OK_AND_ASSIGN(SelectRequest back,
                              DecodeSeriesRequest(EncodeSeriesRequest(request)));
  EXPECT_EQ(back.matchers, request.matchers);
  EXPECT_EQ(back.min_ms, request.min_ms);
  EXPECT_EQ(back.max_ms, request.max_ms);
  EXPECT_EQ(back.hints.function, "rate");
  EXPECT_EQ(back.hints.range_ms, 300'000);
  EXPECT_THAT(back.hints.grouping, ElementsAre("job"));
  EXPECT_EQ(back.aggregates, request.aggregates);
  EXPECT_TRUE(back.skip_chunks);
  EXPECT_EQ(back.limit, 9u);
  ASSERT_TRUE(back.shard.has_value());
  EXPECT_EQ(back.shard->total, 3);
  EXPECT_THAT(back.without_labels, ElementsAre("replica"));
  EXPECT_EQ(back.partial, PartialStrategy::kAbort);
  EXPECT_EQ(back.batch_series, 64u);
  THANOS_ASSERT_OK_AND_ASSIGN(SeriesRequestHints hints,
                              DecodeRequestHints(back.hints_any, "SeriesRequestHints"));
  EXPECT_TRUE(hints.enable_query_stats);
  EXPECT_EQ(hints.block_matchers.size(), 1u);
}

TEST(StoreMessages, TheDeprecatedFieldMeansAbort) {
  THANOS_ASSERT_OK_AND_ASSIGN(SelectRequest request, DecodeSeriesRequest(FromHex("3001")));
  EXPECT_EQ(request.partial, PartialStrategy::kAbort);
  EXPECT_EQ(request.batch_series, 1u);
}

TEST(StoreMessages, BadInputIsRefused) {
  // A matcher of type RE with the value "(".
  EXPECT_THAT(DecodeSeriesRequest(FromHex("1a0808021201611a0128")),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(DecodeSeriesRequest("\xff"), StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(DecodeRequestHints(EncodeLabelResponseHints(LabelCall::kNames, {"x"}),
                                 "LabelNamesRequestHints"),
              StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace thanos::wire
