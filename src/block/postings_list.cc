#include "block/postings_list.h"

#include <algorithm>
#include <numeric>

#include "block/index_format.h"
#include "block/postings_kernels.h"
#include "codec/byte_reader.h"

namespace thanos::block {

Result<Postings> DecodePostingsList(std::span<const std::byte> bytes) {
  THANOS_ASSIGN_OR_RETURN(const auto payload, ReadFramedSection(bytes, "postings list"));
  if (payload.size() < 4) return DataLossError("postings list: shorter than its count");
  const uint64_t count = codec::LoadBe32(payload.data());
  if (count * 4 != payload.size() - 4) {
    return DataLossError("postings list: " + std::to_string(count) + " references do not fit " +
                         std::to_string(payload.size()) + " bytes");
  }
  Postings out(count);
  if (!LoadBigEndianPostings(payload.data() + 4, count, out.data())) {
    return DataLossError("postings list: references do not ascend");
  }
  return out;
}

Result<std::vector<Postings>> IndexPostingsFetcher::Fetch(const CallContext& context,
                                                          std::span<const PostingsRange> ranges) {
  std::vector<size_t> order(ranges.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return ranges[a].start < ranges[b].start; });
  std::vector<ByteSpan> spans;
  for (const size_t i : order) spans.push_back({ranges[i].start - 4, ranges[i].end + 4});
  THANOS_ASSIGN_OR_RETURN(const FetchedRanges fetched,
                          FetchRanges(context, *index_, spans, options_));
  std::vector<Postings> out(ranges.size());
  for (size_t i = 0; i < order.size(); ++i) {
    auto list = DecodePostingsList(fetched.ranges[i]);
    if (!list.ok()) {
      return list.status().WithContext(index_->name() + " at " + std::to_string(spans[i].begin));
    }
    if (keep_) keep_(ranges[order[i]], fetched.ranges[i]);
    out[order[i]] = std::move(*list);
  }
  return out;
}

}  // namespace thanos::block
