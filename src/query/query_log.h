// Which queries run, which ran last, which were slow.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/log.h"
#include "promql/engine.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::query {

struct QueryLogOptions {
  /// Queries that take longer are logged; 0 is none.
  std::chrono::nanoseconds slow{0};
  size_t finished_max = 1000;  // Kept, the latest.
  /// Folder of `queries.active`, in which a crash leaves the queries that were running; "" is none.
  std::string active_folder;
  size_t active_max = 20;  // Places in that file.
};

/// One query, running or finished.
struct QueryRecord {
  uint64_t id = 0;
  std::string text, tenant;
  int64_t start_ms = 0, end_ms = 0, step_ms = 0;  // Of the query; step 0 is an instant one.
  int64_t began_ms = 0;                           // Wall clock.
  double seconds = 0;                             // So far, or in all.
  uint64_t samples = 0;                           // Decoded; once finished.
  size_t peak_bytes = 0;                          // Of memory held, so far or in all.
  std::string error;                              // "" for none; once finished.
};

/// Thread-safe.
class QueryLog {
 public:
  /// Logs what a crash left in the file, then begins it anew. kUnavailable names the file.
  static Result<std::unique_ptr<QueryLog>> Make(QueryLogOptions options, base::Logger logger);
  ~QueryLog();

  /// From here on the query is listed; the context can be cancelled by Cancel().
  class Entry {
   public:
    Entry() = default;
    Entry(Entry&& other) noexcept { *this = std::move(other); }
    Entry& operator=(Entry&& other) noexcept;
    ~Entry() { Finish(OkStatus(), 0); }
    const CallContext& context() const { return context_; }
    void Finish(const Status& status, uint64_t samples);

   private:
    friend class QueryLog;
    QueryLog* log_ = nullptr;
    uint64_t id_ = 0;
    CallContext context_;
  };
  Entry Begin(const CallContext& context, const promql::QueryParams& params);

  std::vector<QueryRecord> Running() const;   // Oldest first.
  std::vector<QueryRecord> Finished() const;  // Latest first.
  /// False when no such query runs.
  bool Cancel(uint64_t id);

 private:
  class ActiveFile;
  struct Active {
    QueryRecord record;
    CallContext context;
    std::chrono::steady_clock::time_point began;
    int place = -1;  // In the file.
  };
  QueryLog(QueryLogOptions options, base::Logger logger);
  void Finish(uint64_t id, const Status& status, uint64_t samples);

  const QueryLogOptions options_;
  const base::Logger logger_;
  std::unique_ptr<ActiveFile> file_;  // Null for none.
  mutable std::mutex mutex_;
  uint64_t next_id_ = 1;  // Guarded by mutex_, as all below.
  std::map<uint64_t, Active> running_;
  std::deque<QueryRecord> finished_;
};

}  // namespace thanos::query
