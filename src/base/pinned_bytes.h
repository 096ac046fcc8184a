// Bytes and whatever keeps them alive.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::base {

/// A cached download, a pooled buffer, a mapping of a file we wrote and checked. Copies share the
/// owner; thread-safe as a value.
class PinnedBytes {
 public:
  PinnedBytes() = default;
  PinnedBytes(std::span<const std::byte> bytes, std::shared_ptr<const void> owner)
      : bytes_(bytes), owner_(std::move(owner)) {}
  static PinnedBytes Of(std::string bytes) {
    auto owner = std::make_shared<const std::string>(std::move(bytes));
    return {{reinterpret_cast<const std::byte*>(owner->data()), owner->size()}, owner};
  }

  std::span<const std::byte> bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  const std::shared_ptr<const void>& owner() const { return owner_; }
  /// Shares the owner. The range must lie inside.
  PinnedBytes Slice(size_t offset, size_t size) const {
    THANOS_CHECK(offset <= bytes_.size() && size <= bytes_.size() - offset);
    return {bytes_.subspan(offset, size), owner_};
  }

 private:
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
};

/// Random reads of one immutable object: memory, a file, an object in a bucket. Thread-safe.
class RangeReader {
 public:
  virtual ~RangeReader() = default;
  virtual uint64_t size() const = 0;
  /// Exactly [offset, offset + length), else kOutOfRange or what the medium says.
  virtual Result<PinnedBytes> Read(const CallContext& context, uint64_t offset,
                                   uint64_t length) = 0;
  /// For messages: path or object name.
  virtual const std::string& name() const = 0;
};

/// Over bytes in memory.
std::shared_ptr<RangeReader> MakeMemoryReader(std::string name, PinnedBytes bytes);
/// Over a local file, with pread: a truncated file is an error, never a SIGBUS.
Result<std::shared_ptr<RangeReader>> OpenFileReader(const std::string& path);

}  // namespace thanos::base
