// /api/v1/blocks: which blocks a role serves, and which it had to put aside.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "api/answers.h"

namespace thanos::api {

struct TroubledBlock {
  std::string ulid;
  std::string state;  // "quarantined", "damaged" or "partial".
  std::string reason;
};

struct BlockMark {
  std::string ulid;
  std::string kind;             // "deletion", "no-compact" or "no-downsample".
  std::string reason, details;  // For programs and for people.
  int64_t time_s = 0;           // Unix seconds: when it was marked.
};

struct BlocksView {
  std::vector<std::string> metas;  // JSON, as meta.json has it.
  std::vector<TroubledBlock> troubled;
  std::vector<BlockMark> marks;
  int64_t refreshed_ms = 0;  // Of the last sync that worked; 0: none yet.
  std::string error;         // Of the last sync; "" when it worked.
};

/// `?view=loaded` is what `loaded` says at that moment, any other view what `global` says: the
/// whole bucket, for roles that know it. Either may be null: there is nothing then. `label` groups
/// blocks on the page. Both are called on handler threads and outlive the server.
void AddBlocksApi(ApiRoutes* routes, std::string label, std::function<BlocksView()> loaded,
                  std::function<BlocksView()> global = nullptr);

/// What POST /api/v1/blocks/mark asks for.
struct BlockMarkRequest {
  std::string id;         // As sent: the one who marks checks it.
  bool deletion = false;  // Else no compaction.
  std::string detail;
};
/// Marks a block; its error is the caller's. Null: operations that change the bucket are disabled.
using BlockMarkFunction = std::function<Status(const CallContext&, const BlockMarkRequest&)>;
void AddBlockMarkApi(ApiRoutes* routes, BlockMarkFunction mark);

}  // namespace thanos::api
