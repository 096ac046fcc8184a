// Traces: a span records one piece of work of a call. It rides in the CallContext, so that whoever
// has a context can add to the trace without knowing where spans go. While nothing records, a span
// costs the look at one pointer.
//
//   const Span span(context, "bucket_store_preload_all");
//   Status status = Preload(span.Enter(context));
//   span.Fail(status);
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos {

using TraceValue = std::variant<std::string, int64_t, double, bool>;

enum class SpanKind : uint8_t { kInternal, kServer, kClient };

/// The span of a context: one that records, or one that only hands its ids on, when the sampler
/// said no. All methods are thread-safe; after End() they change nothing.
class TraceSpan {
 public:
  virtual ~TraceSpan() = default;
  bool recording() const { return recording_; }
  /// Of a span that records. The child may outlive it.
  virtual std::shared_ptr<TraceSpan> StartChild(std::string_view name, SpanKind kind) = 0;
  virtual void Set(std::string_view key, TraceValue value) = 0;
  virtual void AddEvent(std::string_view name) = 0;
  /// Marks the span as failed with this text, unless the status is OK.
  virtual void Fail(const Status& status) = 0;
  /// Hands the record over to the exporter; the first call counts.
  virtual void End() = 0;
  /// 32 hexadecimal digits.
  virtual std::string TraceId() const = 0;
  /// What is sent along with a call so that its server continues the trace; names in lower case.
  virtual std::vector<std::pair<std::string, std::string>> Headers() const = 0;

 protected:
  explicit TraceSpan(bool recording) : recording_(recording) {}

 private:
  const bool recording_;
};

/// A header of an incoming call by its name in lower case; "" when there is none.
using HeaderLookup = std::function<std::string_view(std::string_view name)>;

/// Starts the first span of a process's part of a trace. Thread-safe.
class Tracer {
 public:
  virtual ~Tracer() = default;
  /// Continues the trace that the headers name, else begins one. Never null. `forced` records
  /// whatever the sampler says.
  virtual std::shared_ptr<TraceSpan> StartServer(std::string_view name, const HeaderLookup& headers,
                                                 bool forced) = 0;
};

/// A child of the context's span that ends with this object; nothing when none records.
class Span {
 public:
  Span() = default;
  Span(const CallContext& context, std::string_view name, SpanKind kind = SpanKind::kInternal) {
    const std::shared_ptr<TraceSpan>& parent = context.span();
    if (parent && parent->recording()) span_ = parent->StartChild(name, kind);
  }
  Span(Span&&) noexcept = default;
  Span& operator=(Span&& other) noexcept {
    End();
    span_ = std::move(other.span_);
    return *this;
  }
  ~Span() { End(); }

  /// The context for the work within; the same when there is nothing to record.
  CallContext Enter(const CallContext& context) const {
    return span_ ? context.WithSpan(span_) : context;
  }
  /// Worth making values for Set().
  explicit operator bool() const { return span_ != nullptr; }
  void Set(std::string_view key, TraceValue value) const {
    if (span_) span_->Set(key, std::move(value));
  }
  void AddEvent(std::string_view name) const {
    if (span_) span_->AddEvent(name);
  }
  void Fail(const Status& status) const {
    if (span_) span_->Fail(status);
  }
  void End() {
    if (!span_) return;
    span_->End();
    span_.reset();
  }

 private:
  std::shared_ptr<TraceSpan> span_;
};

}  // namespace thanos
