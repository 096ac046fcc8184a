// Log lines with fixed keys, as Go Thanos writes them:
//   ts=2026-01-02T03:04:05.678Z caller=block_set.cc:120 level=info msg="block loaded" id=01ABC…
// One line per event, none on a hot path.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "thanos/status.h"

namespace thanos::base {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };
enum class LogFormat : uint8_t { kLogfmt, kJson };

/// A key and a value as text.
struct LogField {
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  LogField(std::string_view k, const Status& v) : key(k), value(v.message()) {}
  LogField(std::string_view k, bool v) : key(k), value(v ? "true" : "false") {}
  LogField(std::string_view k, int v) : LogField(k, static_cast<int64_t>(v)) {}
  LogField(std::string_view k, int64_t v) : key(k), value(std::to_string(v)) {}
  LogField(std::string_view k, uint64_t v) : key(k), value(std::to_string(v)) {}
  LogField(std::string_view k, unsigned v) : LogField(k, static_cast<uint64_t>(v)) {}
  std::string key;
  std::string value;
};
using LogFields = std::vector<LogField>;

class Journal;

/// Thread-safe; cheap to copy. Lines go to standard error, each in one write, or to the journal. A
/// value of more than 4 KiB is cut.
class Logger {
 public:
  /// Drops everything.
  Logger() = default;
  Logger(LogLevel level, LogFormat format);
  Logger(LogLevel level, std::shared_ptr<const Journal> journal);

  /// A logger whose lines carry these fields too.
  Logger With(LogFields fields) const;
  bool Enabled(LogLevel level) const;
  using Place = std::source_location;
  void Debug(std::string_view m, LogFields f = {}, Place place = Place::current()) const {
    Write(LogLevel::kDebug, m, f, place);
  }
  void Info(std::string_view m, LogFields f = {}, Place place = Place::current()) const {
    Write(LogLevel::kInfo, m, f, place);
  }
  void Warn(std::string_view m, LogFields f = {}, Place place = Place::current()) const {
    Write(LogLevel::kWarn, m, f, place);
  }
  void Error(std::string_view m, LogFields f = {}, Place place = Place::current()) const {
    Write(LogLevel::kError, m, f, place);
  }

 private:
  void Write(LogLevel level, std::string_view message, const LogFields& fields,
             const Place& place) const;
  struct Core;
  std::shared_ptr<const Core> core_;
};

}  // namespace thanos::base
