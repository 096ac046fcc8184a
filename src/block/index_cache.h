// Bytes of indexes that a store keeps between calls: the interface that reading asks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/pinned_bytes.h"
#include "thanos/call_context.h"

namespace thanos::block {

/// Thread-safe. No trouble of a cache reaches the caller: it is a miss. What comes out is checked
/// by whoever asked, as if it came from the object.
class IndexCache {
 public:
  enum class Item : uint8_t { kPostings, kExpandedPostings, kSeries };
  static constexpr size_t kItems = 3;

  virtual ~IndexCache() = default;
  /// False: neither asks nor stores; nothing needs to be prepared.
  virtual bool Keeps(Item item) const = 0;

  /// Values in the order of the keys, without an owner where there is none. A key is where a list
  /// starts in the index (kPostings) or the number of a page of series (kSeries, see SeriesPages).
  virtual std::vector<base::PinnedBytes> Fetch(const CallContext& context, Item item,
                                               const std::string& block,
                                               std::span<const uint64_t> keys) = 0;
  virtual void Store(const CallContext& context, Item item, const std::string& block, uint64_t key,
                     std::span<const std::byte> bytes) = 0;

  /// kExpandedPostings; `matchers` names them all, in one order.
  virtual base::PinnedBytes FetchExpanded(const CallContext& context, const std::string& block,
                                          std::string_view matchers) = 0;
  virtual void StoreExpanded(const CallContext& context, const std::string& block,
                             std::string_view matchers, std::span<const std::byte> bytes) = 0;
};

}  // namespace thanos::block
