#include "objstore/decorators.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "base/await.h"

namespace thanos::objstore {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// One operation's families, children looked up once.
struct Operation {
  metrics::Counter total, failures, fetched_bytes;
  metrics::Histogram seconds, transferred;

  void Done(const Status& status, Clock::time_point start) const {
    if (status.ok()) {
      seconds.Observe(SecondsSince(start));
    } else if (status.code() != StatusCode::kNotFound) {
      failures.Add();
    }
  }
};

// Counts what is read; the operation ends with the stream.
class MeasuredSource : public ByteSource {
 public:
  MeasuredSource(std::unique_ptr<ByteSource> inner, const Operation* operation)
      : inner_(std::move(inner)), operation_(operation) {}
  ~MeasuredSource() override {
    operation_->Done(status_, start_);
    operation_->transferred.Observe(static_cast<double>(bytes_));
  }
  Result<size_t> Read(std::span<std::byte> out) override {
    Result<size_t> got = inner_->Read(out);
    if (!got.ok()) {
      status_ = got.status();
    } else {
      bytes_ += *got;
      operation_->fetched_bytes.Add(static_cast<double>(*got));
    }
    return got;
  }
  int64_t size() const override { return inner_->size(); }

 private:
  std::unique_ptr<ByteSource> inner_;
  const Operation* operation_;
  Clock::time_point start_ = Clock::now();
  Status status_;
  uint64_t bytes_ = 0;
};

class MetricsBucket : public Bucket {
 public:
  MetricsBucket(std::unique_ptr<Bucket> inner, metrics::Registry* registry)
      : inner_(std::move(inner)) {
    const std::string bucket = inner_->name();
    const auto totals =
        registry->AddCounterFamily("thanos_objstore_bucket_operations_total",
                                   "Total number of all attempted operations against a bucket.");
    const auto failures = registry->AddCounterFamily(
        "thanos_objstore_bucket_operation_failures_total",
        "Total number of operations against a bucket that failed, but were not expected to fail.");
    const auto fetched =
        registry->AddCounterFamily("thanos_objstore_bucket_operation_fetched_bytes_total",
                                   "Total number of bytes fetched from bucket, per operation.");
    const auto seconds = registry->AddHistogramFamily(
        "thanos_objstore_bucket_operation_duration_seconds",
        "Duration of successful operations against the bucket per operation.",
        metrics::OperationSecondsBounds());
    const auto transferred =
        registry->AddHistogramFamily("thanos_objstore_bucket_operation_transferred_bytes",
                                     "Number of bytes transferred from/to bucket per operation.",
                                     metrics::ExponentialBounds(32768, 2, 16));
    const auto make = [&](Operation* operation, const char* name) {
      const metrics::LabelPairs labels = {{"bucket", bucket}, {"operation", name}};
      *operation = {totals.With(labels), failures.With(labels), fetched.With(labels),
                    seconds.With(labels), transferred.With(labels)};
    };
    make(&iter_, "iter");
    make(&get_, "get");
    make(&get_range_, "get_range");
    make(&exists_, "exists");
    make(&upload_, "upload");
    make(&delete_, "delete");
    make(&attributes_, "attributes");
    last_upload_ = registry->AddGauge("thanos_objstore_bucket_last_successful_upload_time",
                                      "Unix timestamp in seconds of the last successful upload.",
                                      {{"bucket", bucket}});
  }

  std::string name() const override { return inner_->name(); }
  Capabilities capabilities() const override { return inner_->capabilities(); }

  Result<ObjectAttributes> Attributes(const CallContext& context, std::string_view name) override {
    attributes_.total.Add();
    const auto start = Clock::now();
    auto result = inner_->Attributes(context, name);
    attributes_.Done(result.status(), start);
    return result;
  }
  Status Iterate(const CallContext& context, const ListOptions& options,
                 const ObjectVisitor& visitor) override {
    iter_.total.Add();
    const auto start = Clock::now();
    Status status = inner_->Iterate(context, options, visitor);
    iter_.Done(status, start);
    return status;
  }
  Result<std::unique_ptr<ByteSource>> Open(const CallContext& context, std::string_view name,
                                           ByteRange range) override {
    const bool whole = range.offset == 0 && range.length < 0;
    const Operation& operation = whole ? get_ : get_range_;
    operation.total.Add();
    auto source = inner_->Open(context, name, range);
    if (!source.ok()) {
      operation.Done(source.status(), Clock::now());
      return source;
    }
    return std::unique_ptr<ByteSource>(
        std::make_unique<MeasuredSource>(*std::move(source), &operation));
  }
  Status Upload(const CallContext& context, std::string_view name, ByteSource& content,
                const PutOptions& options) override {
    upload_.total.Add();
    const auto start = Clock::now();
    Status status = inner_->Upload(context, name, content, options);
    upload_.Done(status, start);
    if (status.ok()) {
      if (content.size() >= 0) upload_.transferred.Observe(static_cast<double>(content.size()));
      last_upload_.Set(
          std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
              .count());
    }
    return status;
  }
  Status Delete(const CallContext& context, std::string_view name) override {
    delete_.total.Add();
    const auto start = Clock::now();
    Status status = inner_->Delete(context, name);
    delete_.Done(status, start);
    return status;
  }
  // Counted where it is a get; else the get follows.
  Status Link(const CallContext& context, std::string_view name, const std::string& path) override {
    const auto start = Clock::now();
    Status status = inner_->Link(context, name, path);
    if (status.code() == StatusCode::kUnimplemented) return status;
    get_.total.Add();
    get_.Done(status, start);
    return status;
  }
  Status Copy(const CallContext& context, std::string_view from, std::string_view to) override {
    return inner_->Copy(context, from, to);
  }

 private:
  std::unique_ptr<Bucket> inner_;
  Operation iter_, get_, get_range_, exists_, upload_, delete_, attributes_;
  metrics::Gauge last_upload_;
};

// Tells whether anything was taken from it.
class WatchedSource : public ByteSource {
 public:
  explicit WatchedSource(ByteSource& inner) : inner_(inner) {}
  Result<size_t> Read(std::span<std::byte> out) override {
    touched_ = true;
    return inner_.Read(out);
  }
  int64_t size() const override { return inner_.size(); }
  // A section can be had again: asking for one takes nothing away.
  Result<std::unique_ptr<ByteSource>> Section(int64_t offset, int64_t length) const override {
    return inner_.Section(offset, length);
  }
  bool touched() const { return touched_; }

 private:
  ByteSource& inner_;
  bool touched_ = false;
};

class RetryBucket : public Bucket {
 public:
  RetryBucket(std::unique_ptr<Bucket> inner, RetryOptions options)
      : inner_(std::move(inner)), options_(options) {}

  std::string name() const override { return inner_->name(); }
  Capabilities capabilities() const override { return inner_->capabilities(); }

  Result<ObjectAttributes> Attributes(const CallContext& context, std::string_view name) override {
    return Retry(context, [&] { return inner_->Attributes(context, name); });
  }
  Status Iterate(const CallContext& context, const ListOptions& options,
                 const ObjectVisitor& visitor) override {
    // What was visited is not visited again: the next try begins behind it.
    ListOptions rest = options;
    return Retry(context, [&] {
      return inner_->Iterate(context, rest, [&](const ListedObject& object) {
        THANOS_RETURN_IF_ERROR(visitor(object));
        rest.start_after = object.name;
        return OkStatus();
      });
    });
  }
  Result<std::unique_ptr<ByteSource>> Open(const CallContext& context, std::string_view name,
                                           ByteRange range) override {
    return Retry(context, [&] { return inner_->Open(context, name, range); });
  }
  Status Upload(const CallContext& context, std::string_view name, ByteSource& content,
                const PutOptions& options) override {
    WatchedSource watched(content);
    return Retry(
        context, [&] { return inner_->Upload(context, name, watched, options); },
        [&] { return !watched.touched(); });
  }
  Status Delete(const CallContext& context, std::string_view name) override {
    return Retry(context, [&] { return inner_->Delete(context, name); });
  }
  Status Link(const CallContext& context, std::string_view name, const std::string& path) override {
    return inner_->Link(context, name, path);
  }
  Status Copy(const CallContext& context, std::string_view from, std::string_view to) override {
    return Retry(context, [&] { return inner_->Copy(context, from, to); });
  }

 private:
  static const Status& StatusOf(const Status& status) { return status; }
  template <typename T>
  static const Status& StatusOf(const Result<T>& result) {
    return result.status();
  }

  template <typename Call, typename May>
  auto Retry(const CallContext& context, Call call, May may) -> decltype(call()) {
    int64_t backoff_ms = options_.first_backoff_ms;
    for (int attempt = 1;; ++attempt) {
      auto result = call();
      const StatusCode code = StatusOf(result).code();
      const bool passing =
          code == StatusCode::kUnavailable || code == StatusCode::kDeadlineExceeded;
      if (!passing || attempt >= options_.attempts || !may() || !context.Check().ok()) {
        return result;
      }
      Sleep(context, backoff_ms);
      backoff_ms = std::min(backoff_ms * 2, options_.backoff_max_ms);
    }
  }
  template <typename Call>
  auto Retry(const CallContext& context, Call call) -> decltype(call()) {
    return Retry(context, call, [] { return true; });
  }

  // Ends early when the context does.
  static void Sleep(const CallContext& context, int64_t backoff_ms) {
    thread_local std::minstd_rand random(std::random_device{}());
    const int64_t ms = backoff_ms / 2 + static_cast<int64_t>(random()) % (backoff_ms / 2 + 1);
    const Status ended = base::SleepFor(context, std::chrono::milliseconds(ms));
    (void)ended;  // The next look at the context tells.
  }

  std::unique_ptr<Bucket> inner_;
  RetryOptions options_;
};

class PrefixBucket : public Bucket {
 public:
  PrefixBucket(std::unique_ptr<Bucket> inner, std::string prefix)
      : inner_(std::move(inner)), prefix_(std::move(prefix) + "/") {}

  std::string name() const override { return inner_->name(); }
  Capabilities capabilities() const override { return inner_->capabilities(); }

  Result<ObjectAttributes> Attributes(const CallContext& context, std::string_view name) override {
    return inner_->Attributes(context, Full(name));
  }
  Status Iterate(const CallContext& context, const ListOptions& options,
                 const ObjectVisitor& visitor) override {
    ListOptions full = options;
    full.prefix = prefix_ + options.prefix;
    if (!options.start_after.empty()) full.start_after = prefix_ + options.start_after;
    return inner_->Iterate(context, full, [&](const ListedObject& object) {
      ListedObject stripped = object;
      stripped.name.remove_prefix(prefix_.size());
      return visitor(stripped);
    });
  }
  Result<std::unique_ptr<ByteSource>> Open(const CallContext& context, std::string_view name,
                                           ByteRange range) override {
    return inner_->Open(context, Full(name), range);
  }
  Status Upload(const CallContext& context, std::string_view name, ByteSource& content,
                const PutOptions& options) override {
    return inner_->Upload(context, Full(name), content, options);
  }
  Status Delete(const CallContext& context, std::string_view name) override {
    return inner_->Delete(context, Full(name));
  }
  Status Link(const CallContext& context, std::string_view name, const std::string& path) override {
    return inner_->Link(context, Full(name), path);
  }
  Status Copy(const CallContext& context, std::string_view from, std::string_view to) override {
    return inner_->Copy(context, Full(from), Full(to));
  }

 private:
  std::string Full(std::string_view name) const { return prefix_ + std::string(name); }
  std::unique_ptr<Bucket> inner_;
  std::string prefix_;
};

class FaultSource : public ByteSource {
 public:
  FaultSource(ByteSource& inner, FaultPlan& plan, std::string call)
      : inner_(inner), plan_(plan), call_(std::move(call)) {}
  Result<size_t> Read(std::span<std::byte> out) override {
    THANOS_RETURN_IF_ERROR(plan_.Pass(call_));
    return inner_.Read(out);
  }
  int64_t size() const override { return inner_.size(); }
  Result<std::unique_ptr<ByteSource>> Section(int64_t offset, int64_t length) const override;

 private:
  ByteSource& inner_;
  FaultPlan& plan_;
  std::string call_;
};

class OwningFaultSource : public ByteSource {
 public:
  OwningFaultSource(std::unique_ptr<ByteSource> inner, FaultPlan& plan, std::string call)
      : inner_(std::move(inner)), source_(*inner_, plan, std::move(call)) {}
  Result<size_t> Read(std::span<std::byte> out) override { return source_.Read(out); }
  int64_t size() const override { return inner_->size(); }
  Result<std::unique_ptr<ByteSource>> Section(int64_t offset, int64_t length) const override {
    return source_.Section(offset, length);
  }

 private:
  std::unique_ptr<ByteSource> inner_;
  FaultSource source_;
};

Result<std::unique_ptr<ByteSource>> FaultSource::Section(int64_t offset, int64_t length) const {
  THANOS_ASSIGN_OR_RETURN(auto section, inner_.Section(offset, length));
  return std::unique_ptr<ByteSource>(
      std::make_unique<OwningFaultSource>(std::move(section), plan_, call_));
}

// What was opened may outlive its bucket, and so keeps the plan.
class OpenedFaultSource : public OwningFaultSource {
 public:
  OpenedFaultSource(std::unique_ptr<ByteSource> inner, std::shared_ptr<FaultPlan> plan,
                    std::string call)
      : OwningFaultSource(std::move(inner), *plan, std::move(call)), plan_(std::move(plan)) {}

 private:
  std::shared_ptr<FaultPlan> plan_;
};

class FaultBucket : public Bucket {
 public:
  FaultBucket(std::unique_ptr<Bucket> inner, std::shared_ptr<FaultPlan> plan)
      : inner_(std::move(inner)), plan_(std::move(plan)) {}

  std::string name() const override { return inner_->name(); }
  Capabilities capabilities() const override { return inner_->capabilities(); }

  Result<ObjectAttributes> Attributes(const CallContext& context, std::string_view name) override {
    THANOS_RETURN_IF_ERROR(plan_->Pass("attributes " + std::string(name)));
    return inner_->Attributes(context, name);
  }
  Status Iterate(const CallContext& context, const ListOptions& options,
                 const ObjectVisitor& visitor) override {
    THANOS_RETURN_IF_ERROR(plan_->Pass("list " + options.prefix));
    return inner_->Iterate(context, options, [&](const ListedObject& object) {
      THANOS_RETURN_IF_ERROR(plan_->Pass("listed " + std::string(object.name)));
      return visitor(object);
    });
  }
  Result<std::unique_ptr<ByteSource>> Open(const CallContext& context, std::string_view name,
                                           ByteRange range) override {
    THANOS_RETURN_IF_ERROR(plan_->Pass("open " + std::string(name)));
    THANOS_ASSIGN_OR_RETURN(auto source, inner_->Open(context, name, range));
    return std::unique_ptr<ByteSource>(
        std::make_unique<OpenedFaultSource>(std::move(source), plan_, "read " + std::string(name)));
  }
  Status Upload(const CallContext& context, std::string_view name, ByteSource& content,
                const PutOptions& options) override {
    const std::string call = "upload " + std::string(name);
    THANOS_RETURN_IF_ERROR(plan_->Pass(call));
    FaultSource faulty(content, *plan_, call + ": piece");
    THANOS_RETURN_IF_ERROR(inner_->Upload(context, name, faulty, options));
    return plan_->Pass(call + ": done");
  }
  Status Delete(const CallContext& context, std::string_view name) override {
    const std::string call = "delete " + std::string(name);
    THANOS_RETURN_IF_ERROR(plan_->Pass(call));
    THANOS_RETURN_IF_ERROR(inner_->Delete(context, name));
    return plan_->Pass(call + ": done");
  }
  Status Copy(const CallContext& context, std::string_view from, std::string_view to) override {
    THANOS_RETURN_IF_ERROR(plan_->Pass("copy " + std::string(from)));
    THANOS_RETURN_IF_ERROR(inner_->Copy(context, from, to));
    return plan_->Pass("copy " + std::string(from) + ": done");
  }

 private:
  std::unique_ptr<Bucket> inner_;
  std::shared_ptr<FaultPlan> plan_;
};

}  // namespace

std::shared_ptr<FaultPlan> FaultPlan::CrashAt(uint64_t n) {
  return std::make_shared<FaultPlan>([n](uint64_t point, std::string_view call) -> Status {
    if (point < n) return OkStatus();
    return CancelledError("crashed at point " + std::to_string(n) + " (" + std::string(call) + ")");
  });
}

Status FaultPlan::Pass(std::string_view call) {
  uint64_t point;
  {
    std::lock_guard lock(mutex_);
    point = calls_.size();
    calls_.emplace_back(call);
  }
  return decide_ ? decide_(point, call) : OkStatus();
}

uint64_t FaultPlan::points() const {
  std::lock_guard lock(mutex_);
  return calls_.size();
}

std::vector<std::string> FaultPlan::calls() const {
  std::lock_guard lock(mutex_);
  return calls_;
}

std::unique_ptr<Bucket> WithMetrics(std::unique_ptr<Bucket> inner, metrics::Registry* registry) {
  return std::make_unique<MetricsBucket>(std::move(inner), registry);
}
std::unique_ptr<Bucket> WithRetry(std::unique_ptr<Bucket> inner, RetryOptions options) {
  return std::make_unique<RetryBucket>(std::move(inner), options);
}
std::unique_ptr<Bucket> WithPrefix(std::unique_ptr<Bucket> inner, std::string prefix) {
  return std::make_unique<PrefixBucket>(std::move(inner), std::move(prefix));
}
std::unique_ptr<Bucket> WithFaults(std::unique_ptr<Bucket> inner, std::shared_ptr<FaultPlan> plan) {
  return std::make_unique<FaultBucket>(std::move(inner), std::move(plan));
}

}  // namespace thanos::objstore
