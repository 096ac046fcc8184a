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
  std::string state;  // "quarantined" or "damaged".
  std::string reason;
};

struct BlocksView {
  std::vector<std::string> metas;  // JSON, as meta.json has it.
  std::vector<TroubledBlock> troubled;
  int64_t refreshed_ms = 0;  // Of the last sync that worked; 0: none yet.
  std::string error;         // Of the last sync; "" when it worked.
};

/// `?view=loaded` is what `loaded` says at that moment; the other view is of roles that show whole
/// buckets, and empty where there is no `global`. `label` groups blocks on the page. Both are
/// called on handler threads and outlive the server.
void AddBlocksApi(ApiRoutes* routes, std::string label, std::function<BlocksView()> loaded,
                  std::function<BlocksView()> global = nullptr);

/// What POST /api/v1/blocks/mark asks for.
struct BlockMarkForm {
  std::string id, action, detail;  // A ULID, "DELETION" or "NO_COMPACTION", any text.
};
/// `mark` says what is wrong with a form, or does it; an error is 400. Closed to other sites.
void AddBlockMarkApi(ApiRoutes* routes,
                     std::function<Status(const CallContext&, const BlockMarkForm&)> mark);

}  // namespace thanos::api
