// Where writers put their bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "thanos/status.h"

namespace thanos::block {

/// Bytes written once from front to end. One thread. Without Finish() what was written is void.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual Status Write(std::span<const std::byte> bytes) = 0;
  /// Makes it durable. Once.
  virtual Status Finish() = 0;
};

/// A new local file, written through a buffer of 32 KiB; Finish() flushes and, with `durable`,
/// fsyncs it. Refuses (kAlreadyExists) what exists.
Result<std::unique_ptr<ByteSink>> CreateFileSink(const std::string& path, bool durable = true);

/// Appends to a string that outlives the sink.
std::unique_ptr<ByteSink> MakeStringSink(std::string* out);

/// Writes a file whole or not at all: `path`.tmp, fsync, rename, fsync of the directory.
Status WriteFileAtomically(const std::string& path, std::span<const std::byte> bytes);
/// The same without any fsync, for what can be had again: a lost power may leave an empty file.
Status ReplaceFile(const std::string& path, std::span<const std::byte> bytes);
/// A small or middling file whole. kNotFound when absent, kResourceExhausted above `bytes_max`.
Result<std::string> ReadFile(const std::string& path, size_t bytes_max);
Status SyncDirectory(const std::string& path);
Status SyncFile(const std::string& path);

}  // namespace thanos::block
