#include <algorithm>
#include <iterator>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "block/postings_kernels.h"
#include "block/postings_list.h"
#include "block/postings_plan.h"
#include "codec/byte_reader.h"
#include "codec/hash.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::block {
namespace {

using model::Matcher;
using model::MatchType;
using testing::IsOk;
using testing::StatusIs;

Postings RandomSet(std::mt19937& random, size_t size, uint32_t range) {
  std::set<uint32_t> out;
  for (size_t i = 0; i < size; ++i) out.insert(random() % range);
  return {out.begin(), out.end()};
}

TEST(PostingsKernelsTest, AgreeWithTheStandardLibrary) {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    const uint32_t range = 1 + random() % 5000;
    const Postings a = RandomSet(random, random() % 400, range);
    const Postings b = RandomSet(random, random() % (round % 3 == 0 ? 20000 : 400), range);
    Postings expected, out(std::min(a.size(), b.size()) + kPostingsSlack);
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(expected));
    out.resize(IntersectPostings(a, b, out.data()));
    EXPECT_EQ(out, expected) << "round " << round;
    out.resize(std::min(a.size(), b.size()) + kPostingsSlack);
    out.resize(IntersectPostingsScalar(a, b, out.data()));
    EXPECT_EQ(out, expected);

    expected.clear();
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(expected));
    out = a;
    out.resize(SubtractPostings(out, b, out.data()));
    EXPECT_EQ(out, expected);

    const Postings c = RandomSet(random, random() % 300, round % 2 ? range : 4'000'000'000u);
    std::set<uint32_t> united(a.begin(), a.end());
    united.insert(b.begin(), b.end());
    EXPECT_EQ(UnitePostings(std::vector<std::span<const uint32_t>>{a, b}),
              Postings(united.begin(), united.end()));
    united.insert(c.begin(), c.end());
    EXPECT_EQ(UnitePostings(std::vector<std::span<const uint32_t>>{a, b, c}),
              Postings(united.begin(), united.end()));
  }
}

TEST(PostingsListTest, RefusesWrongChecksumsCountsAndOrder) {
  const auto list = [](std::vector<uint32_t> references, uint32_t count) {
    std::string payload, out;
    codec::ByteWriter writer(&payload);
    writer.Be32(count);
    for (const uint32_t reference : references) writer.Be32(reference);
    codec::ByteWriter framed(&out);
    framed.Be32(static_cast<uint32_t>(payload.size()));
    out += payload;
    framed.Be32(codec::Crc32c(codec::AsBytes(payload)));
    return out;
  };
  EXPECT_THAT(DecodePostingsList(codec::AsBytes(list({1, 5}, 2))),
              testing::IsOkAndHolds(Postings{1, 5}));
  EXPECT_THAT(DecodePostingsList(codec::AsBytes(list({5, 5}, 2))), StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(DecodePostingsList(codec::AsBytes(list({1, 5}, 3))), StatusIs(StatusCode::kDataLoss));
  std::string flipped = list({1, 5}, 2);
  flipped[7] ^= 1;
  EXPECT_THAT(DecodePostingsList(codec::AsBytes(flipped)), StatusIs(StatusCode::kDataLoss));
}

// An index in memory: "ranges" are made-up places of whole lists.
class MemoryIndex : public PostingsCatalog, public PostingsFetcher {
 public:
  explicit MemoryIndex(std::vector<Labels> series) : series_(std::move(series)) {
    for (uint32_t i = 0; i < series_.size(); ++i) {
      lists_[""][""].push_back(i);
      for (const Label& label : series_[i]) {
        lists_[std::string(label.name)][std::string(label.value)].push_back(i);
      }
    }
    uint64_t at = 100;
    for (auto& [name, values] : lists_) {
      for (auto& [value, list] : values) {
        const PostingsRange range{at, at + 4 + 4 * list.size()};
        ranges_[name][value] = range;
        by_start_[at] = list;
        at = range.end + 8;
      }
    }
  }
  void VisitValues(std::string_view name, std::string_view from,
                   const ValueVisitor& visit) const override {
    const auto values = ranges_.find(std::string(name));
    if (values == ranges_.end()) return;
    for (auto it = values->second.lower_bound(std::string(from)); it != values->second.end();
         ++it) {
      ++visited_;
      if (!visit(it->first, it->second)) return;
    }
  }
  std::optional<LabelExtent> Extent(std::string_view name) const override {
    const auto values = ranges_.find(std::string(name));
    if (values == ranges_.end()) return std::nullopt;
    LabelExtent extent;
    extent.values = values->second.size();
    for (const auto& [value, range] : values->second) extent.bytes += range.end - range.start + 8;
    return extent;
  }
  Result<std::vector<Postings>> Fetch(const CallContext&,
                                      std::span<const PostingsRange> ranges) override {
    std::vector<Postings> out;
    for (const PostingsRange& range : ranges) {
      out.push_back(by_start_.at(range.start));
      fetched_ += range.end - range.start;
    }
    return out;
  }
  const std::vector<Labels>& series() const { return series_; }
  mutable uint64_t visited_ = 0;
  uint64_t fetched_ = 0;

 private:
  std::vector<Labels> series_;
  std::map<std::string, std::map<std::string, Postings>> lists_;
  std::map<std::string, std::map<std::string, PostingsRange>> ranges_;
  std::map<uint64_t, Postings> by_start_;
};

Postings Answer(MemoryIndex& index, const model::Matchers& matchers, const PlanOptions& options) {
  const PostingsPlan plan = PlanPostings(index, matchers, options);
  auto found = ExecutePlan(CallContext(), plan, index);
  EXPECT_THAT(found, IsOk());
  std::erase_if(*found, [&](uint32_t i) {
    return !model::AllMatch(plan.deferred, index.series()[i].view());
  });
  return *found;
}

TEST(PostingsPlanTest, RandomMatchersAgreeWithAScanWhateverIsDeferred) {
  std::mt19937 random(3);
  std::vector<Labels> series;
  for (int i = 0; i < 400; ++i) {
    std::vector<std::pair<std::string, std::string>> labels = {
        {"__name__", "m" + std::to_string(i % 7)}, {"i", std::to_string(i)}};
    if (random() % 2)
      labels.emplace_back("a", std::string(1, static_cast<char>('a' + random() % 4)));
    if (random() % 3) labels.emplace_back("b", "v" + std::to_string(random() % 30));
    series.push_back(Labels::Of(labels));
  }
  MemoryIndex index(series);
  const std::vector<std::string> patterns = {"",        "a",  "b|c",    ".*",  ".+",  "v1.*",
                                             "v(1|2|)", "|a", "m[1-3]", ".*2", "zzz", "(v1)?"};
  const std::vector<std::string> names = {"__name__", "a", "b", "i", "absent"};
  for (int round = 0; round < 3000; ++round) {
    model::Matchers matchers;
    for (uint32_t i = 0; i < 1 + random() % 3; ++i) {
      auto made =
          Matcher::Make(static_cast<MatchType>(random() % 4), names[random() % names.size()],
                        patterns[random() % patterns.size()]);
      ASSERT_THAT(made, IsOk());
      matchers.push_back(*made);
    }
    Postings expected;
    for (uint32_t i = 0; i < series.size(); ++i) {
      if (model::AllMatch(matchers, series[i].view())) expected.push_back(i);
    }
    for (const uint64_t series_bytes : {1u, 256u, 1u << 30}) {
      EXPECT_EQ(Answer(index, matchers, {series_bytes, 0.5}), expected)
          << model::ToString(matchers) << " " << series_bytes;
    }
  }
}

TEST(PostingsPlanTest, PresenceOfAManyValuedLabelIsCheckedOnTheSeries) {
  std::vector<Labels> series;
  for (int i = 0; i < 20000; ++i) {
    series.push_back(
        Labels::Of({{"__name__", i % 100 == 0 ? "x" : "y"}, {"pod", "pod-" + std::to_string(i)}}));
  }
  MemoryIndex index(series);
  for (const char* presence : {".+", ""}) {
    index.visited_ = index.fetched_ = 0;
    auto matcher =
        Matcher::Make(*presence ? MatchType::kRegex : MatchType::kNotEqual, "pod", presence);
    ASSERT_THAT(matcher, IsOk());
    EXPECT_EQ(Answer(index, {Matcher::Equal("__name__", "x"), *matcher}, {}).size(), 200u);
    EXPECT_LT(index.visited_, 10u);
    EXPECT_LT(index.fetched_, 2000u);
  }
}

}  // namespace
}  // namespace thanos::block
