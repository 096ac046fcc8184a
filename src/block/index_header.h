// The small local part of a remote index: symbols and postings offset table, as Thanos' store keeps
// it beside its data. Format: formats/thanos-block §4.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/pinned_bytes.h"
#include "block/byte_sink.h"
#include "block/index_format.h"
#include "block/postings_table.h"
#include "block/symbol_table.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::block {

/// Writes the header of an index, read in ranges of at most 16 MiB. The sink is not finished.
Status BuildIndexHeader(const CallContext& context, base::RangeReader& index, ByteSink& sink);

/// Builds it into a file: `path`.tmp, checked, fsync, rename.
Status BuildIndexHeaderFile(const CallContext& context, base::RangeReader& index,
                            const std::string& path);

/// Immutable, thread-safe.
class IndexHeader {
 public:
  struct Options {
    uint32_t symbol_sampling = 8;  // Half a byte for each symbol.
    uint32_t postings_sampling = 32;
  };
  /// Checks every checksum. kDataLoss: rebuild it.
  static Result<std::shared_ptr<const IndexHeader>> Open(const std::string& name,
                                                         base::PinnedBytes bytes,
                                                         const Options& options);
  /// Maps a file that BuildIndexHeaderFile wrote and nobody else touches. kNotFound when absent.
  static Result<std::shared_ptr<const IndexHeader>> OpenFile(const std::string& path,
                                                             const Options& options);

  int index_version() const { return index_version_; }
  /// Of the index itself.
  const IndexToc& toc() const { return toc_; }
  const SymbolTable& symbols() const { return symbols_; }
  const PostingsTable& postings_table() const { return postings_; }
  uint64_t file_bytes() const { return file_bytes_; }
  /// Size of the index it was built from.
  uint64_t index_bytes() const { return index_bytes_; }

 private:
  IndexHeader() = default;
  int index_version_ = 2;
  uint64_t file_bytes_ = 0;
  uint64_t index_bytes_ = 0;
  IndexToc toc_;
  SymbolTable symbols_;
  PostingsTable postings_;
};

}  // namespace thanos::block
