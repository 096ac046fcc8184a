#include "block/postings_expand.h"

#include <algorithm>

#include "block/postings_kernels.h"
#include "block/postings_list.h"
#include "codec/byte_reader.h"
#include "codec/hash.h"

namespace thanos::block {
namespace {

using Item = IndexCache::Item;

// Lists from the cache where it has them, the others from the index, in few reads.
class CountedFetcher : public PostingsFetcher {
 public:
  CountedFetcher(const Block& block, const BlockReadOptions& options)
      : block_(block), options_(options) {
    if (options.index_cache != nullptr && options.index_cache->Keeps(Item::kPostings)) {
      cache_ = options.index_cache;
    }
  }

  Result<std::vector<Postings>> Fetch(const CallContext& context,
                                      std::span<const PostingsRange> ranges) override {
    std::vector<Postings> out(ranges.size());
    std::vector<size_t> missing;
    THANOS_RETURN_IF_ERROR(FromCache(context, ranges, &out, &missing));
    THANOS_RETURN_IF_ERROR(FromIndex(context, ranges, missing, &out));
    if (ReadStats* stats = options_.stats()) {
      uint64_t bytes = 0;
      for (const PostingsRange& range : ranges) bytes += range.end - range.start;
      stats->postings.Touch(ranges.size(), bytes);
      stats->postings.fetched.fetch_add(missing.size(), std::memory_order_relaxed);
    }
    return out;
  }

 private:
  Status FromCache(const CallContext& context, std::span<const PostingsRange> ranges,
                   std::vector<Postings>* out, std::vector<size_t>* missing) {
    std::vector<base::PinnedBytes> kept(ranges.size());
    if (cache_ != nullptr) {
      std::vector<uint64_t> keys;
      for (const PostingsRange& range : ranges) keys.push_back(range.start);
      kept = cache_->Fetch(context, Item::kPostings, block_.id(), keys);
    }
    for (size_t i = 0; i < ranges.size(); ++i) {
      if (kept[i].owner()) {
        auto list = DecodePostingsList(kept[i].bytes());
        if (list.ok() && list->size() == ranges[i].count()) {
          THANOS_RETURN_IF_ERROR(options_.ReserveBytes(kept[i].size()));
          (*out)[i] = std::move(*list);
          continue;
        }
      }
      missing->push_back(i);
    }
    return OkStatus();
  }

  Status FromIndex(const CallContext& context, std::span<const PostingsRange> ranges,
                   std::span<const size_t> missing, std::vector<Postings>* out) {
    if (missing.empty()) return OkStatus();
    std::vector<PostingsRange> wanted;
    for (const size_t i : missing) wanted.push_back(ranges[i]);
    IndexPostingsFetcher fetcher(&block_.index(), options_.Fetch(&ReadStats::postings));
    if (cache_ != nullptr) {
      fetcher.set_keep([&](const PostingsRange& range, std::span<const std::byte> bytes) {
        cache_->Store(context, Item::kPostings, block_.id(), range.start, bytes);
      });
    }
    THANOS_ASSIGN_OR_RETURN(std::vector<Postings> lists, fetcher.Fetch(context, wanted));
    for (size_t i = 0; i < missing.size(); ++i) (*out)[missing[i]] = std::move(lists[i]);
    return OkStatus();
  }

  const Block& block_;
  const BlockReadOptions& options_;
  IndexCache* cache_ = nullptr;
};

std::string NameOf(const model::Matcher& matcher) {
  std::string out = matcher.name();
  out += '\0';
  out += static_cast<char>('0' + static_cast<int>(matcher.type()));
  return out + matcher.value();
}

// Each matcher's text with its length, so that no two lists of matchers read the same.
std::string NameOfAll(std::span<const model::Matcher> sorted) {
  std::string out;
  for (const model::Matcher& matcher : sorted) {
    const std::string name = NameOf(matcher);
    out += std::to_string(name.size()) + ":" + name;
  }
  return out;
}

void CountDeferred(const Block& block, const model::Matchers& deferred, ReadStats* stats) {
  if (stats == nullptr || deferred.empty()) return;
  ++stats->deferred_streams;
  stats->deferred_groups += deferred.size();
  for (const model::Matcher& matcher : deferred) {
    if (const auto extent = block.postings().Extent(matcher.name())) {
      stats->deferred_bytes += extent->bytes;
    }
  }
}

Result<ExpandedPostings> PlanAndFetch(const CallContext& context, const Block& block,
                                      std::span<const model::Matcher> matchers,
                                      const BlockReadOptions& options) {
  PlanOptions plan_options;
  plan_options.series_bytes = options.plan_series_bytes;
  PostingsPlan plan = PlanPostings(block.postings(), matchers, plan_options);
  ExpandedPostings out;
  if (plan.empty) return out;
  THANOS_ASSIGN_OR_RETURN(const auto lists_lease,
                          BudgetLease::Take(context.budget(), 8 * plan.references));
  CountedFetcher fetcher(block, options);
  THANOS_ASSIGN_OR_RETURN(out.references, ExecutePlan(context, plan, fetcher));
  out.deferred = std::move(plan.deferred);
  return out;
}

// Nothing when the cache has none, or not one that can be believed.
std::optional<ExpandedPostings> FromCache(const CallContext& context, const Block& block,
                                          const model::Matchers& sorted, const std::string& name,
                                          const BlockReadOptions& options) {
  const base::PinnedBytes kept = options.index_cache->FetchExpanded(context, block.id(), name);
  if (!kept.owner()) return std::nullopt;
  auto decoded = DecodeExpanded(kept.bytes(), sorted.size());
  if (!decoded.ok()) return std::nullopt;
  ExpandedPostings out;
  out.references = std::move(decoded->references);
  for (const uint32_t index : decoded->deferred) out.deferred.push_back(sorted[index]);
  return out;
}

}  // namespace

Result<ExpandedPostings> ExpandPostings(const CallContext& context, const Block& block,
                                        std::span<const model::Matcher> matchers,
                                        const BlockReadOptions& options) {
  ReadStats* stats = options.stats();
  const ReadTimer timer(stats == nullptr ? nullptr : &stats->postings.fetch_ns);
  IndexCache* cache = options.index_cache;
  if (cache == nullptr || !cache->Keeps(Item::kExpandedPostings)) {
    auto out = PlanAndFetch(context, block, matchers, options);
    if (out.ok()) CountDeferred(block, out->deferred, stats);
    return out;
  }
  model::Matchers sorted(matchers.begin(), matchers.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return NameOf(a) < NameOf(b); });
  const std::string name = NameOfAll(sorted);
  if (auto kept = FromCache(context, block, sorted, name, options)) {
    const uint64_t bytes = 4 * kept->references.size();
    THANOS_RETURN_IF_ERROR(options.ReserveBytes(bytes));
    if (stats != nullptr) stats->postings.Touch(1, bytes);
    CountDeferred(block, kept->deferred, stats);
    return std::move(*kept);
  }
  THANOS_ASSIGN_OR_RETURN(ExpandedPostings out, PlanAndFetch(context, block, sorted, options));
  std::vector<uint32_t> indexes;
  for (const model::Matcher& matcher : out.deferred) {
    const auto at = std::find(sorted.begin(), sorted.end(), matcher);
    indexes.push_back(static_cast<uint32_t>(at - sorted.begin()));
  }
  cache->StoreExpanded(context, block.id(), name,
                       codec::AsBytes(EncodeExpanded(indexes, out.references)));
  CountDeferred(block, out.deferred, stats);
  return out;
}

std::string EncodeExpanded(std::span<const uint32_t> deferred, const Postings& references) {
  std::string payload;
  payload.reserve(8 + 4 * references.size());
  codec::ByteWriter writer(&payload);
  writer.Uvarint(deferred.size());
  for (const uint32_t index : deferred) writer.Uvarint(index);
  for (const uint32_t reference : references) writer.Be32(reference);
  std::string out;
  codec::ByteWriter(&out).Be32(codec::Crc32c(codec::AsBytes(payload)));
  return out + payload;
}

Result<DecodedExpanded> DecodeExpanded(std::span<const std::byte> bytes, size_t matchers) {
  codec::ByteReader in(bytes);
  const uint32_t crc = in.Be32();
  THANOS_RETURN_IF_ERROR(in.Check("expanded postings"));
  if (codec::Crc32c(bytes.subspan(4)) != crc) {
    return DataLossError("expanded postings: checksum mismatch");
  }
  DecodedExpanded out;
  const uint64_t deferred = in.Uvarint();
  if (deferred > matchers) return DataLossError("expanded postings: too many matchers");
  for (uint64_t i = 0; i < deferred; ++i) {
    const uint64_t index = in.Uvarint();
    if (index >= matchers) return DataLossError("expanded postings: no such matcher");
    out.deferred.push_back(static_cast<uint32_t>(index));
  }
  THANOS_RETURN_IF_ERROR(in.Check("expanded postings"));
  const auto rest = bytes.subspan(in.position());
  if (rest.size() % 4 != 0) return DataLossError("expanded postings: half a reference");
  out.references.resize(rest.size() / 4);
  if (!LoadBigEndianPostings(rest.data(), out.references.size(), out.references.data())) {
    return DataLossError("expanded postings: references do not ascend");
  }
  return out;
}

}  // namespace thanos::block
