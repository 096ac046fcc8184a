#include "tracing/tracer.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>

#include <sys/random.h>

#include "base/json_text.h"
#include "thanos/status.h"

namespace thanos::tracing {
namespace {

int64_t NowNs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

// Splitmix64 from a random start on each thread: ids must differ, not be secret.
uint64_t NextRandom() {
  thread_local uint64_t state = [] {
    uint64_t seed = 0;
    THANOS_CHECK(getrandom(&seed, sizeof(seed), 0) == sizeof(seed));
    return seed;
  }();
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

template <size_t N>
std::array<uint8_t, N> NewId() {
  std::array<uint8_t, N> id{};
  while (id == std::array<uint8_t, N>{}) {
    for (size_t i = 0; i < N; i += 8) {
      const uint64_t value = NextRandom();
      std::memcpy(id.data() + i, &value, 8);
    }
  }
  return id;
}

std::vector<std::pair<std::string, std::string>> HeadersOf(const SpanIds& ids) {
  return {{std::string(kTraceParent), FormatTraceParent(ids)},
          {std::string(kUberTraceId), FormatUberTraceId(ids)}};
}

// One byte that is not UTF-8 would have collectors refuse a whole batch.
std::string ValidUtf8(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t length = base::Utf8RuneLength(std::string_view(text).substr(at));
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else {
      out.append(text, at, length);
    }
    at += std::max<size_t>(length, 1);
  }
  return out;
}

// Cuts at a whole character.
void Clean(std::string* text) {
  if (!base::IsValidUtf8(*text)) *text = ValidUtf8(*text);
  if (text->size() <= kTextBytesMax) return;
  size_t size = kTextBytesMax;
  while (size > 0 && (static_cast<unsigned char>((*text)[size]) & 0xc0) == 0x80) --size;
  text->resize(size);
  *text += "…";
}

class SilentSpan : public TraceSpan {
 public:
  explicit SilentSpan(const SpanIds& ids) : TraceSpan(false), ids_(ids) {}
  std::shared_ptr<TraceSpan> StartChild(std::string_view, SpanKind) override { return nullptr; }
  void Set(std::string_view, TraceValue) override {}
  void AddEvent(std::string_view) override {}
  void Fail(const Status&) override {}
  void End() override {}
  std::string TraceId() const override { return HexText(ids_.trace.data(), ids_.trace.size()); }
  std::vector<std::pair<std::string, std::string>> Headers() const override {
    return HeadersOf(ids_);
  }

 private:
  const SpanIds ids_;
};

class RecordingSpan : public TraceSpan {
 public:
  RecordingSpan(std::shared_ptr<SpanSink> sink, SpanRecord record)
      : TraceSpan(true), sink_(std::move(sink)), ids_(record.ids), record_(std::move(record)) {
    record_.start_ns = NowNs();
  }
  ~RecordingSpan() override { End(); }

  std::shared_ptr<TraceSpan> StartChild(std::string_view name, SpanKind kind) override {
    SpanRecord child;
    child.ids = ids_;
    child.ids.span = NewId<8>();
    child.parent = ids_.span;
    child.name = name;
    child.kind = kind;
    return std::make_shared<RecordingSpan>(sink_, std::move(child));
  }

  void Set(std::string_view key, TraceValue value) override {
    if (auto* text = std::get_if<std::string>(&value)) Clean(text);
    std::lock_guard lock(mutex_);
    if (ended_) return;
    for (auto& [name, old] : record_.attributes) {
      if (name != key) continue;
      old = std::move(value);
      return;
    }
    if (record_.attributes.size() >= kAttributesMax) {
      ++record_.attributes_dropped;
      return;
    }
    record_.attributes.emplace_back(key, std::move(value));
  }

  void AddEvent(std::string_view name) override {
    std::string text(name);
    Clean(&text);
    std::lock_guard lock(mutex_);
    if (ended_) return;
    if (record_.events.size() >= kEventsMax) {
      ++record_.events_dropped;
      return;
    }
    record_.events.push_back({NowNs(), std::move(text)});
  }

  void Fail(const Status& status) override {
    if (status.ok()) return;
    std::string text(status.message());
    Clean(&text);
    std::lock_guard lock(mutex_);
    if (ended_) return;
    record_.failed = true;
    record_.error = std::move(text);
  }

  void End() override {
    SpanRecord done;
    {
      std::lock_guard lock(mutex_);
      if (ended_) return;
      ended_ = true;
      record_.end_ns = std::max(record_.start_ns, NowNs());
      done = std::move(record_);
    }
    sink_->Take(std::move(done));
  }

  std::string TraceId() const override { return HexText(ids_.trace.data(), ids_.trace.size()); }
  std::vector<std::pair<std::string, std::string>> Headers() const override {
    return HeadersOf(ids_);
  }

 private:
  const std::shared_ptr<SpanSink> sink_;
  const SpanIds ids_;
  std::mutex mutex_;
  SpanRecord record_;   // Guarded by mutex_.
  bool ended_ = false;  // Guarded by mutex_.
};

class TracerImpl : public Tracer {
 public:
  TracerImpl(const SamplerConfig& sampler, std::shared_ptr<SpanSink> sink)
      : sampler_(sampler), sink_(std::move(sink)) {}

  std::shared_ptr<TraceSpan> StartServer(std::string_view name, const HeaderLookup& headers,
                                         bool forced) override {
    const std::optional<SpanIds> parent = ExtractParent(headers);
    SpanRecord record;
    record.ids.trace = parent ? parent->trace : NewId<16>();
    record.ids.span = NewId<8>();
    record.ids.forced = forced || (parent && parent->forced);
    record.ids.sampled = record.ids.forced || sampler_.Sample(record.ids.trace, parent);
    if (!record.ids.sampled) return std::make_shared<SilentSpan>(record.ids);
    if (parent) record.parent = parent->span;
    record.parent_is_remote = parent.has_value();
    record.name = name;
    record.kind = SpanKind::kServer;
    return std::make_shared<RecordingSpan>(sink_, std::move(record));
  }

 private:
  Sampler sampler_;
  const std::shared_ptr<SpanSink> sink_;
};

}  // namespace

size_t SpanRecord::bytes() const {
  size_t bytes = sizeof(*this) + name.size() + error.size();
  for (const auto& [key, value] : attributes) {
    bytes += sizeof(key) + sizeof(value) + key.size();
    if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
  }
  for (const SpanEvent& event : events) bytes += sizeof(event) + event.name.size();
  return bytes;
}

std::shared_ptr<Tracer> MakeTracer(const SamplerConfig& sampler, std::shared_ptr<SpanSink> sink) {
  return std::make_shared<TracerImpl>(sampler, std::move(sink));
}

}  // namespace thanos::tracing
