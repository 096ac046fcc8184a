// Sends finished spans in batches, on a thread of its own, so that no request ever waits for a
// collector. What does not fit into the queue is dropped and counted.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/log.h"
#include "metrics/registry.h"
#include "thanos/call_context.h"
#include "tracing/config.h"
#include "tracing/record.h"

namespace thanos::tracing {

/// One way to one collector. One thread.
class SpanSender {
 public:
  virtual ~SpanSender() = default;
  /// kUnavailable, kDeadlineExceeded, kAborted and kResourceExhausted may work when tried again.
  virtual Status Send(const CallContext& context, const std::vector<SpanRecord>& spans) = 0;
};

struct ExporterOptions {
  size_t queue_spans_max = 2048;
  size_t queue_bytes_max = 32 << 20;
  size_t batch_spans_max = 512;
  std::chrono::nanoseconds flush_interval = std::chrono::seconds(5);
  std::chrono::nanoseconds send_timeout = std::chrono::seconds(10);
  RetryConfig retry;
  /// After Stop() what is queued may take this long.
  std::chrono::nanoseconds stop_timeout = std::chrono::seconds(5);
};

/// Thread-safe.
class Exporter : public SpanSink {
 public:
  /// `registry` must outlive it.
  Exporter(ExporterOptions options, std::unique_ptr<SpanSender> sender, base::Logger logger,
           metrics::Registry* registry);
  ~Exporter() override { Stop(); }

  void Take(SpanRecord record) override;
  /// Sends what is queued, for at most stop_timeout; spans that come later are dropped. Idempotent.
  void Stop();

 private:
  void Run();
  bool TakeBatch(std::vector<SpanRecord>* batch);
  void SendBatch(const std::vector<SpanRecord>& batch);
  Status TrySend(const std::vector<SpanRecord>& batch);
  bool WaitBeforeRetry(std::chrono::nanoseconds wait);
  void Drop(size_t spans);

  const ExporterOptions options_;
  const std::unique_ptr<SpanSender> sender_;
  const base::Logger logger_;
  const metrics::Counter sent_, dropped_, failures_;
  const metrics::Gauge queued_bytes_;
  const CallContext context_;  // Of sends; cancelled when the time to stop is over.

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<SpanRecord> queue_;  // Guarded by mutex_, as all below.
  size_t bytes_ = 0;
  bool stopping_ = false;
  bool ended_ = false;
  bool failing_ = false;  // The last batch was lost: said once.
  std::thread thread_;
};

}  // namespace thanos::tracing
