// Whether a block on disk is fit to be uploaded: what cannot be read must not become the only copy.
#pragma once

#include <string>

#include "block/meta.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::bucketblocks {

/// Looks at `<path>/index` and `<path>/chunks`: the index' table of contents, the checksums of its
/// symbols, of its table of postings and of all series, whose chunks must lie inside the segments;
/// segments without gaps that begin as segments do, the last chunk of each; the sizes that the meta
/// states, if it does.
/// Reads the index once, in small pieces. kDataLoss names the file.
Status CheckLocalBlock(const CallContext& context, const std::string& path,
                       const block::BlockMeta& meta);

}  // namespace thanos::bucketblocks
