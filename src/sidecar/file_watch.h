// Waiting for files to change, by inotify.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "thanos/status.h"

namespace thanos::sidecar {

/// One thread waits, any thread may wake it for good.
class FileWatch {
 public:
  /// Folders that are not there, or cannot be watched, are left out: see `failed`.
  explicit FileWatch(const std::vector<std::string>& folders);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;

  enum class Woke : uint8_t { kChanged, kTimeout, kStopped };
  /// Returns a moment after a change, so that a group of changes wakes once.
  Woke Wait(std::chrono::nanoseconds timeout);
  /// As Wait, without looking at files. False when stopped.
  bool Sleep(std::chrono::nanoseconds timeout);
  void Stop();

  size_t watched() const { return watched_; }
  size_t failed() const { return failed_; }

 private:
  bool DrainEvents();

  int inotify_fd_ = -1, stop_fd_ = -1;
  size_t watched_ = 0, failed_ = 0;
};

}  // namespace thanos::sidecar
