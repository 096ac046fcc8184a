// Lists of series references as an index file holds them.
// Format: formats/tsdb-block §4.4.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "base/pinned_bytes.h"
#include "block/postings_plan.h"
#include "block/range_fetch.h"
#include "thanos/status.h"

namespace thanos::block {

/// `be32 length | be32 count | references | be32 crc32c`, the list's range widened by 4 bytes at
/// both ends; what follows is ignored. Checksum and order are checked.
Result<Postings> DecodePostingsList(std::span<const std::byte> bytes);

/// Fetches lists of one index file. One thread.
class IndexPostingsFetcher : public PostingsFetcher {
 public:
  IndexPostingsFetcher(base::RangeReader* index, FetchOptions options)
      : index_(index), options_(std::move(options)) {}
  /// Told of each list that was read and found right, with its bytes as DecodePostingsList takes
  /// them.
  using Keep = std::function<void(const PostingsRange& range, std::span<const std::byte> bytes)>;
  void set_keep(Keep keep) { keep_ = std::move(keep); }
  /// In the order asked for; ranges may come in any order.
  Result<std::vector<Postings>> Fetch(const CallContext& context,
                                      std::span<const PostingsRange> ranges) override;

 private:
  base::RangeReader* index_;
  FetchOptions options_;
  Keep keep_;
};

}  // namespace thanos::block
