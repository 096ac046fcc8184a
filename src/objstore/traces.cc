// Spans of operations on a bucket, under the names that Go Thanos gives them.
#include "objstore/decorators.h"
#include "thanos/trace.h"

namespace thanos::objstore {
namespace {

// The operation ends with the stream.
class TracedSource : public ByteSource {
 public:
  TracedSource(std::unique_ptr<ByteSource> inner, Span span)
      : inner_(std::move(inner)), span_(std::move(span)) {}
  ~TracedSource() override { span_.Set("bytes_read", bytes_); }

  Result<size_t> Read(std::span<std::byte> out) override {
    Result<size_t> got = inner_->Read(out);
    span_.Fail(got.status());
    if (got.ok()) bytes_ += static_cast<int64_t>(*got);
    return got;
  }
  int64_t size() const override { return inner_->size(); }

 private:
  std::unique_ptr<ByteSource> inner_;
  Span span_;
  int64_t bytes_ = 0;
};

class TracedBucket : public Bucket {
 public:
  explicit TracedBucket(std::unique_ptr<Bucket> inner) : inner_(std::move(inner)) {}

  std::string name() const override { return inner_->name(); }
  Capabilities capabilities() const override { return inner_->capabilities(); }

  Result<ObjectAttributes> Attributes(const CallContext& context, std::string_view name) override {
    const Span span = Begin(context, "bucket_attributes", name);
    auto result = inner_->Attributes(span.Enter(context), name);
    if (result.status().code() != StatusCode::kNotFound) span.Fail(result.status());
    return result;
  }
  Status Iterate(const CallContext& context, const ListOptions& options,
                 const ObjectVisitor& visitor) override {
    const Span span = Begin(context, "bucket_iter", options.prefix);
    Status status = inner_->Iterate(span.Enter(context), options, visitor);
    span.Fail(status);
    return status;
  }
  Result<std::unique_ptr<ByteSource>> Open(const CallContext& context, std::string_view name,
                                           ByteRange range) override {
    const bool whole = range.offset == 0 && range.length < 0;
    Span span = Begin(context, whole ? "bucket_get" : "bucket_getrange", name);
    if (!whole) {
      span.Set("offset", static_cast<int64_t>(range.offset));
      span.Set("length", static_cast<int64_t>(range.length));
    }
    auto source = inner_->Open(span.Enter(context), name, range);
    if (!span) return source;
    if (!source.ok()) {
      if (source.status().code() != StatusCode::kNotFound) span.Fail(source.status());
      return source;
    }
    return std::unique_ptr<ByteSource>(
        std::make_unique<TracedSource>(*std::move(source), std::move(span)));
  }
  Status Upload(const CallContext& context, std::string_view name, ByteSource& content,
                const PutOptions& options) override {
    const Span span = Begin(context, "bucket_upload", name);
    Status status = inner_->Upload(span.Enter(context), name, content, options);
    span.Fail(status);
    return status;
  }
  Status Delete(const CallContext& context, std::string_view name) override {
    const Span span = Begin(context, "bucket_delete", name);
    Status status = inner_->Delete(span.Enter(context), name);
    span.Fail(status);
    return status;
  }
  Status Link(const CallContext& context, std::string_view name, const std::string& path) override {
    return inner_->Link(context, name, path);
  }
  Status Copy(const CallContext& context, std::string_view from, std::string_view to) override {
    const Span span = Begin(context, "bucket_copy", from);
    Status status = inner_->Copy(span.Enter(context), from, to);
    span.Fail(status);
    return status;
  }

 private:
  static Span Begin(const CallContext& context, const char* operation, std::string_view name) {
    Span span(context, operation);
    if (span) span.Set("name", std::string(name));
    return span;
  }

  std::unique_ptr<Bucket> inner_;
};

}  // namespace

std::unique_ptr<Bucket> WithTraces(std::unique_ptr<Bucket> inner) {
  return std::make_unique<TracedBucket>(std::move(inner));
}

}  // namespace thanos::objstore
