// The system's journal as a place for log lines: its native protocol over a datagram socket.
// https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/log.h"
#include "thanos/status.h"

namespace thanos::base {

/// Thread-safe.
class Journal {
 public:
  static constexpr char kSocket[] = "/run/systemd/journal/socket";
  /// kUnavailable when no journal listens there.
  static Result<std::shared_ptr<const Journal>> Open(const std::string& socket = kSocket);
  ~Journal();
  Journal(const Journal&) = delete;

  /// One entry: MESSAGE, PRIORITY, and THANOS_<KEY> for each field. Without a message the field
  /// "err" takes its place. An entry that the journal does not take is lost.
  void Send(LogLevel level, std::string_view message, const LogFields& fields) const;

 private:
  explicit Journal(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace thanos::base
