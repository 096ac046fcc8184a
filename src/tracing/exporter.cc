#include "tracing/exporter.h"

#include <algorithm>

namespace thanos::tracing {
namespace {

bool MayWorkAgain(const Status& status) {
  switch (status.code()) {
    case StatusCode::kUnavailable:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kAborted:
    case StatusCode::kResourceExhausted:
      return true;
    default:
      return false;
  }
}

}  // namespace

Exporter::Exporter(ExporterOptions options, std::unique_ptr<SpanSender> sender, base::Logger logger,
                   metrics::Registry* registry)
    : options_(options),
      sender_(std::move(sender)),
      logger_(std::move(logger)),
      sent_(registry->AddCounter("thanos_tracing_spans_sent_total",
                                 "Spans that the collector has taken.")),
      dropped_(registry->AddCounter("thanos_tracing_spans_dropped_total",
                                    "Spans lost because the queue was full or the collector did "
                                    "not take them.")),
      failures_(registry->AddCounter("thanos_tracing_send_failures_total",
                                     "Failed attempts to send spans to the collector.")),
      queued_bytes_(registry->AddGauge("thanos_tracing_queue_bytes",
                                       "Memory of spans that wait to be sent.")) {
  thread_ = std::thread([this] { Run(); });
}

void Exporter::Take(SpanRecord record) {
  const size_t bytes = record.bytes();
  bool full = false, wake = false;
  {
    std::lock_guard lock(mutex_);
    full = stopping_ || queue_.size() >= options_.queue_spans_max ||
           bytes_ + bytes > options_.queue_bytes_max;
    if (!full) {
      queue_.push_back(std::move(record));
      bytes_ += bytes;
      queued_bytes_.Set(static_cast<double>(bytes_));
      wake = queue_.size() == options_.batch_spans_max;
    }
  }
  if (full) dropped_.Add();
  if (wake) changed_.notify_all();
}

void Exporter::Drop(size_t spans) { dropped_.Add(static_cast<double>(spans)); }

// Waits until there is a batch worth sending. False when all is sent and no more will come.
bool Exporter::TakeBatch(std::vector<SpanRecord>* batch) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, options_.flush_interval,
                    [this] { return stopping_ || queue_.size() >= options_.batch_spans_max; });
  batch->clear();
  while (!queue_.empty() && batch->size() < options_.batch_spans_max) {
    bytes_ -= queue_.front().bytes();
    batch->push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_bytes_.Set(static_cast<double>(bytes_));
  return !batch->empty() || !stopping_;
}

void Exporter::Run() {
  std::vector<SpanRecord> batch;
  while (TakeBatch(&batch)) {
    if (!batch.empty()) SendBatch(batch);
  }
  std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void Exporter::SendBatch(const std::vector<SpanRecord>& batch) {
  Status status = TrySend(batch);
  if (status.ok()) {
    sent_.Add(static_cast<double>(batch.size()));
    failing_ = false;
    return;
  }
  Drop(batch.size());
  // A collector that is down would fill the log: once until it works again.
  if (!failing_) {
    logger_.Warn("spans could not be sent; more of this is counted only",
                 {{"spans", static_cast<uint64_t>(batch.size())}, {"err", status}});
  }
  failing_ = true;
}

Status Exporter::TrySend(const std::vector<SpanRecord>& batch) {
  const SteadyTime began = std::chrono::steady_clock::now();
  int64_t wait_ns = options_.retry.initial_interval_ns;
  for (;;) {
    Status status = sender_->Send(context_.WithTimeout(options_.send_timeout), batch);
    if (status.ok()) return status;
    failures_.Add();
    const auto spent = std::chrono::steady_clock::now() - began + std::chrono::nanoseconds(wait_ns);
    if (!options_.retry.enabled || !MayWorkAgain(status) ||
        spent > std::chrono::nanoseconds(options_.retry.max_elapsed_ns) ||
        !WaitBeforeRetry(std::chrono::nanoseconds(wait_ns))) {
      return status;
    }
    wait_ns = std::min(wait_ns + wait_ns / 2, options_.retry.max_interval_ns);
  }
}

// False when it is time to stop: then nothing is tried again.
bool Exporter::WaitBeforeRetry(std::chrono::nanoseconds wait) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, wait, [this] { return stopping_; });
}

void Exporter::Stop() {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, options_.stop_timeout, [this] { return ended_; });
  }
  context_.Cancel();
  if (thread_.joinable()) thread_.join();
}

}  // namespace thanos::tracing
