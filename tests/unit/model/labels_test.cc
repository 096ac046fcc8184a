#include "thanos/labels.h"

#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "base/json_text.h"
#include "codec/hash.h"
#include "model/go_quote.h"
#include "model/label_names.h"
#include "series/filter.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos {
namespace {

using nlohmann::json;
using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs PairsOf(const json& list) {
  Pairs pairs;
  for (const auto& pair : list) {
    pairs.emplace_back(testing::TextOf(pair[0]), testing::TextOf(pair[1]));
  }
  return pairs;
}

uint64_t U64(const json& value) { return std::stoull(value.get<std::string>()); }

void CheckSet(const json& row) {
  const std::string id = row["id"];
  const Labels labels = Labels::Of(PairsOf(row["labels"]));
  EXPECT_EQ(labels.view().Hash(), U64(row["hash"])) << id;
  EXPECT_EQ(labels.view().Hash(), U64(row["stable_hash"])) << id;
  std::vector<std::string> group;
  if (row.contains("group")) {
    for (const auto& name : row["group"]) group.push_back(testing::TextOf(name));
    EXPECT_EQ(model::HashFor(labels, group), U64(row["hash_for"])) << id;
    EXPECT_EQ(model::HashWithout(labels, group), U64(row["hash_without"])) << id;
  }
  if (row.contains("with")) {
    EXPECT_EQ(model::KeepLabels(labels, group), Labels::Of(PairsOf(row["with"]))) << id;
    EXPECT_EQ(model::DropLabels(labels, group), Labels::Of(PairsOf(row["without"]))) << id;
  }
  if (row.contains("string")) {
    EXPECT_EQ(labels.ToString(), testing::TextOf(row["string"])) << id;
  }
  if (row.contains("utf8_valid")) {
    bool valid = true;
    for (const Label& label : labels) {
      valid &=
          base::IsValidUtf8(label.name) && base::IsValidUtf8(label.value) && !label.name.empty();
    }
    EXPECT_EQ(valid, row["utf8_valid"].get<bool>()) << id;
  }
}

void CheckOrder(const json& row) {
  std::vector<Labels> sets;
  for (const auto& set : row["sets"]) sets.push_back(Labels::Of(PairsOf(set)));
  for (size_t i = 0; i < sets.size(); ++i) {
    for (size_t j = 0; j < sets.size(); ++j) {
      EXPECT_EQ(Compare(sets[i], sets[j]), row["compare_sign"][i][j].get<int>())
          << row["id"] << " " << i << " " << j;
    }
  }
}

void CheckName(const json& row) {
  const std::string id = row["id"], name = testing::TextOf(row["name"]);
  EXPECT_EQ(model::IsPlainLabelName(name), row["legacy_label"].get<bool>()) << id;
  EXPECT_EQ(model::IsPlainMetricName(name), row["legacy_metric"].get<bool>()) << id;
  EXPECT_EQ(base::IsValidUtf8(name) && !name.empty(), row["utf8_label"].get<bool>()) << id;
  EXPECT_EQ(model::EscapeNameAsValues(name), row["escape_values"].get<std::string>()) << id;
  EXPECT_EQ(model::EscapeNameAsUnderscores(name), row["escape_underscores"].get<std::string>())
      << id;
  EXPECT_EQ(model::EscapeNameAsDots(name), row["escape_dots"].get<std::string>()) << id;
  EXPECT_EQ(model::UnescapeName(name), testing::TextOf(row["unescape_values"])) << id;
}

void CheckThanos(const json& row) {
  const std::string id = row["id"];
  const Pairs pairs = PairsOf(row["labels"]);
  const Labels labels = Labels::Of(pairs);
  EXPECT_EQ(model::GroupKey(row["resolution_ms"], labels), row["group_key"].get<std::string>())
      << id;
  std::string bytes = testing::TextOf(row["hash_prefix"]) + "\xff";
  for (const Label& label : labels) {
    bytes.append(label.name).append("\xff").append(label.value).append("\xff");
  }
  EXPECT_EQ(codec::Xxh64(bytes), U64(row["hash_with_prefix"])) << id;
  Shard shard{row["shard_index"], row["total_shards"], row["shard_by"], {}};
  for (const auto& name : row["shard_labels"]) shard.labels.push_back(testing::TextOf(name));
  EXPECT_TRUE(series::InShard(shard, labels)) << id;
  shard.index = (shard.index + 1) % shard.total;
  EXPECT_EQ(series::InShard(shard, labels), shard.total == 1) << id;
  std::vector<Label> list;
  for (const auto& [name, value] : pairs) list.push_back({name, value});
  EXPECT_EQ(std::string(model::ValidateExternalLabels(list).message()),
            row["validate_error"].get<std::string>())
      << id;
}

TEST(LabelVectors, HashOrderNamesAndGroupsAreGos) {
  THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/labels.jsonl");
  for (const json& row :
       testing::ReadJsonLines(testing::SharedPath("conformance/vectors/labels.jsonl"))) {
    const std::string kind = row["kind"];
    if (kind == "set") CheckSet(row);
    if (kind == "order") CheckOrder(row);
    if (kind == "name") CheckName(row);
    if (kind == "thanos") CheckThanos(row);
    if (kind == "xxh64") {
      EXPECT_EQ(codec::Xxh64(testing::FromHex(row["bytes_hex"])), U64(row["xxh64"])) << row["id"];
    }
    if (kind == "unescape") {
      EXPECT_EQ(model::UnescapeName(testing::TextOf(row["name"])),
                testing::TextOf(row["unescape_values"]))
          << row["id"];
      EXPECT_EQ(model::UnescapeDotsName(testing::TextOf(row["name"])),
                testing::TextOf(row["unescape_dots"]))
          << row["id"];
    }
    if (kind == "validate") {
      std::vector<Label> list;
      const Pairs pairs = PairsOf(row["labels"]);
      for (const auto& [name, value] : pairs) list.push_back({name, value});
      EXPECT_EQ(std::string(model::ValidateExternalLabels(list).message()),
                row["validate_error"].get<std::string>())
          << row["id"];
    }
  }
}

// Order against the plain definition, on sets with lengths around the 255-byte border.
TEST(Labels, OrderIsPairwise) {
  std::mt19937 random(7);
  const auto text = [&] {
    const size_t sizes[] = {0, 1, 2, 3, 253, 254, 255, 256, 300};
    std::string out(sizes[random() % 9], 'a');
    for (char& c : out) {
      if (random() % 50 == 0) c = static_cast<char>(random());
    }
    if (!out.empty() && random() % 2) out.back() = static_cast<char>(random());
    return out;
  };
  for (int round = 0; round < 20000; ++round) {
    Pairs a, b;
    for (size_t i = random() % 3; i > 0; --i)
      a.emplace_back("l" + std::to_string(random() % 3), text());
    b = a;
    if (!b.empty() && random() % 2) b[random() % b.size()].second = text();
    if (random() % 3 == 0) b.emplace_back("z", text());
    const Labels x = Labels::Of(a), y = Labels::Of(b);
    std::vector<std::pair<std::string_view, std::string_view>> p, q;
    for (const Label& label : x) p.emplace_back(label.name, label.value);
    for (const Label& label : y) q.emplace_back(label.name, label.value);
    const int want = p < q ? -1 : (q < p ? 1 : 0);
    ASSERT_EQ(Compare(x, y), want) << x.ToString() << " " << y.ToString();
  }
}

TEST(LabelsBuilder, SortsReplacesAndRemoves) {
  const Labels base = Labels::Of({{"b", "1"}, {"a", "2"}, {"c", "3"}});
  LabelsBuilder builder(base);
  builder.Set("aa", "9");
  builder.Set("b", "5");
  builder.Remove("c");
  EXPECT_EQ(builder.Build().ToString(), R"({a="2", aa="9", b="5"})");
}

}  // namespace
}  // namespace thanos
