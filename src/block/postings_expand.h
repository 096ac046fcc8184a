// From matchers to the series of one block: planning, fetching and combining lists, with what an
// index cache keeps of it.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "block/block.h"
#include "block/postings_plan.h"
#include "block/read_options.h"
#include "model/matcher.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::block {

struct ExpandedPostings {
  Postings references;
  model::Matchers deferred;  // To be checked on the labels of each series.
};

/// The lists under way are charged to the context's budget; the result is the caller's to charge.
Result<ExpandedPostings> ExpandPostings(const CallContext& context, const Block& block,
                                        std::span<const model::Matcher> matchers,
                                        const BlockReadOptions& options);

/// As an index cache keeps it:
/// `be32 crc32c of the rest | uvarint deferred | their indexes | be32 references`.
/// Indexes are those of the sorted matchers.
std::string EncodeExpanded(std::span<const uint32_t> deferred, const Postings& references);
struct DecodedExpanded {
  std::vector<uint32_t> deferred;
  Postings references;
};
/// kDataLoss for whatever EncodeExpanded would not have written for so many matchers.
Result<DecodedExpanded> DecodeExpanded(std::span<const std::byte> bytes, size_t matchers);

}  // namespace thanos::block
