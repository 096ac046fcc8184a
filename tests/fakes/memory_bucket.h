// A bucket in memory that counts its calls and can be told to fail or to wait.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "thanos/bucket.h"

namespace thanos::testing {

/// Thread-safe.
class MemoryBucket : public Bucket {
 public:
  /// Asked before each Open with the object's name; its error is the call's.
  std::function<Status(const CallContext& context, std::string_view name)> before_open;
  bool local = false;  // As its capabilities say.

  void Put(const std::string& name, std::string content) {
    std::lock_guard lock(mutex_);
    objects_[name] = std::make_shared<const std::string>(std::move(content));
  }
  std::string Get(const std::string& name) const {
    std::lock_guard lock(mutex_);
    const auto it = objects_.find(name);
    return it == objects_.end() ? "" : *it->second;
  }
  uint64_t opens() const { return opens_; }
  uint64_t opened_bytes() const { return opened_bytes_; }
  /// Objects and directories that listings showed.
  uint64_t visits() const { return visits_; }
  void ResetCounts() { opens_ = opened_bytes_ = visits_ = 0; }

  std::string name() const override { return "MEMORY"; }
  Result<ObjectAttributes> Attributes(const CallContext&, std::string_view name) override {
    THANOS_ASSIGN_OR_RETURN(const auto content, Find(name));
    return ObjectAttributes{static_cast<int64_t>(content->size()), 0};
  }
  Status Iterate(const CallContext&, const ListOptions& options,
                 const ObjectVisitor& visitor) override {
    std::vector<std::pair<std::string, int64_t>> found;
    {
      std::lock_guard lock(mutex_);
      for (const auto& [name, content] : objects_) {
        if (!name.starts_with(options.prefix)) continue;
        const size_t slash = name.find('/', options.prefix.size());
        const bool directory = !options.recursive && slash != std::string::npos;
        std::string shown = directory ? name.substr(0, slash + 1) : name;
        if (shown <= options.start_after || (!found.empty() && found.back().first == shown))
          continue;
        found.emplace_back(std::move(shown),
                           directory ? -1 : static_cast<int64_t>(content->size()));
      }
    }
    for (const auto& [name, size] : found) {
      ++visits_;
      THANOS_RETURN_IF_ERROR(visitor({name, {std::max<int64_t>(size, 0), 0}, size >= 0}));
    }
    return OkStatus();
  }
  Result<std::unique_ptr<ByteSource>> Open(const CallContext& context, std::string_view name,
                                           ByteRange range) override {
    if (before_open) THANOS_RETURN_IF_ERROR(before_open(context, name));
    THANOS_RETURN_IF_ERROR(context.Check());
    THANOS_ASSIGN_OR_RETURN(const auto content, Find(name));
    const auto size = static_cast<int64_t>(content->size());
    if (range.offset > size) return Status(StatusCode::kOutOfRange, std::string(name));
    const int64_t end = range.length < 0 ? size : std::min(size, range.offset + range.length);
    ++opens_;
    opened_bytes_ += static_cast<uint64_t>(end - range.offset);
    return std::unique_ptr<ByteSource>(std::make_unique<Source>(content, range.offset, end));
  }
  Status Upload(const CallContext&, std::string_view name, ByteSource& source,
                const PutOptions&) override {
    std::string content;
    std::vector<std::byte> piece(1 << 16);
    while (true) {
      THANOS_ASSIGN_OR_RETURN(const size_t got, source.Read(piece));
      if (got == 0) break;
      content.append(reinterpret_cast<const char*>(piece.data()), got);
    }
    Put(std::string(name), std::move(content));
    return OkStatus();
  }
  Status Delete(const CallContext&, std::string_view name) override {
    std::lock_guard lock(mutex_);
    objects_.erase(std::string(name));
    return OkStatus();
  }
  Status Copy(const CallContext&, std::string_view from, std::string_view to) override {
    THANOS_ASSIGN_OR_RETURN(const auto content, Find(from));
    Put(std::string(to), *content);
    return OkStatus();
  }
  Capabilities capabilities() const override { return {true, true, local}; }

 private:
  class Source : public ByteSource {
   public:
    Source(std::shared_ptr<const std::string> content, int64_t at, int64_t end)
        : content_(std::move(content)), at_(at), end_(end), size_(end - at) {}
    Result<size_t> Read(std::span<std::byte> out) override {
      const auto size = std::min<size_t>(out.size(), static_cast<size_t>(end_ - at_));
      if (size > 0) std::memcpy(out.data(), content_->data() + at_, size);
      at_ += static_cast<int64_t>(size);
      return size;
    }
    int64_t size() const override { return size_; }

   private:
    std::shared_ptr<const std::string> content_;
    int64_t at_, end_, size_;
  };
  Result<std::shared_ptr<const std::string>> Find(std::string_view name) const {
    std::lock_guard lock(mutex_);
    const auto it = objects_.find(std::string(name));
    if (it == objects_.end()) return NotFoundError(std::string(name) + ": no such object");
    return it->second;
  }
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const std::string>> objects_;  // Guarded by mutex_.
  std::atomic<uint64_t> opens_{0}, opened_bytes_{0}, visits_{0};
};

}  // namespace thanos::testing
