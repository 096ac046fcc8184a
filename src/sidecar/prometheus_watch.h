// Keeps an eye on the Prometheus beside the sidecar: is it there, is it set up for shipping, what
// are its external labels and its oldest sample. components/sidecar §1.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/log.h"
#include "config/flags.h"
#include "metrics/registry.h"
#include "promclient/client.h"
#include "promclient/prometheus_source.h"

namespace thanos::sidecar {

struct WatchOptions {
  std::chrono::nanoseconds interval = std::chrono::seconds(30);
  std::chrono::nanoseconds timeout = std::chrono::seconds(30);  // Of one look.
  config::TimeOrDuration min_time;
  /// Blocks are shipped: Prometheus must not compact them meanwhile.
  bool validate = false;
  bool ignore_unequal_block_size = false;
  std::string state_file;  // "<tsdb.path>/<meta-file-name>", which delay-compact must name.
};

struct WatchCallbacks {
  std::function<void()> on_first_ready;  // Once, when all is known.
  std::function<void(bool)> on_up;       // At each look after that.
  std::function<void(Status)> on_fatal;  // What cannot mend itself: no external labels.
};

/// Owns one thread. Callbacks run on it.
class PrometheusWatch {
 public:
  PrometheusWatch(std::shared_ptr<promclient::PrometheusClient> client,
                  std::shared_ptr<promclient::PrometheusSource> source, WatchOptions options,
                  WatchCallbacks callbacks, base::Logger logger, metrics::Registry* registry);
  ~PrometheusWatch() { Stop(); }
  void Stop();

 private:
  void Run();
  Status Validate(const CallContext& context) const;
  /// Version, oldest sample, external labels, into the source.
  Status Look(const CallContext& context);
  bool Sleep(std::chrono::nanoseconds time);

  const std::shared_ptr<promclient::PrometheusClient> client_;
  const std::shared_ptr<promclient::PrometheusSource> source_;
  const WatchOptions options_;
  const WatchCallbacks callbacks_;
  const base::Logger logger_;
  metrics::Gauge up_;
  CallContext context_;
  std::string version_;  // Of the thread.
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // Guarded by mutex_.
  std::thread thread_;
};

/// What the flags of Prometheus say against shipping its blocks. `warnings` gets what is merely
/// unusual.
Status CheckPrometheusFlags(const std::map<std::string, std::string>& flags,
                            const WatchOptions& options, std::vector<std::string>* warnings);

}  // namespace thanos::sidecar
