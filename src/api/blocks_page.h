// Pages that list the blocks of a bucket, for browsers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "net/http_server.h"

namespace thanos::api {

struct BlockRow {
  std::string group;  // What rows are put together by: the value of a label, or all labels.
  std::string ulid, labels, source;
  int64_t min_ms = 0, max_ms = 0;
  int64_t resolution_ms = 0, level = 0;
  uint64_t series = 0, samples = 0;
  std::string note;  // What stands against it, or will happen to it; "" when nothing does.
};

struct BlocksPageOptions {
  std::string path;   // "/blocks"
  std::string title;  // "Blocks of the bucket"
  /// What is said above the table, each a paragraph, null is nothing; and the rows, in any order.
  /// Called on handler threads, outlive the server.
  std::function<std::vector<std::string>()> remarks;
  std::function<std::vector<BlockRow>()> rows;
};

/// A table by group, oldest block first, of the 5,000 newest blocks. Every text is escaped.
void AddBlocksPage(net::HttpServer* server, BlocksPageOptions options);

}  // namespace thanos::api
