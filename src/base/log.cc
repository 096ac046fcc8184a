#include "base/log.h"

#include <chrono>

#include <unistd.h>

#include "base/json_text.h"
#include "base/time_text.h"

namespace thanos::base {

struct Logger::Core {
  LogLevel level;
  LogFormat format;
  LogFields fields;
};

namespace {

std::string_view LevelText(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

// logfmt quotes what holds spaces, quotes, '=' or control bytes; JSON's escapes serve.
void AppendLogfmt(std::string_view key, std::string_view value, std::string* line) {
  if (!line->empty()) *line += ' ';
  line->append(key) += '=';
  bool plain = !value.empty();
  for (const unsigned char c : value) plain &= c > ' ' && c != '"' && c != '=' && c != 0x7f;
  if (plain) {
    line->append(value);
  } else {
    AppendJsonString(value, line);
  }
}

void AppendJson(std::string_view key, std::string_view value, std::string* line) {
  *line += line->empty() ? '{' : ',';
  AppendJsonString(key, line);
  *line += ':';
  AppendJsonString(value, line);
}

}  // namespace

Logger::Logger(LogLevel level, LogFormat format)
    : core_(std::make_shared<const Core>(Core{level, format, {}})) {}

Logger Logger::With(LogFields fields) const {
  if (!core_) return *this;
  Core core = *core_;
  core.fields.insert(core.fields.end(), fields.begin(), fields.end());
  Logger logger;
  logger.core_ = std::make_shared<const Core>(std::move(core));
  return logger;
}

bool Logger::Enabled(LogLevel level) const { return core_ && level >= core_->level; }

void Logger::Debug(std::string_view m, LogFields f) const { Write(LogLevel::kDebug, m, f); }
void Logger::Info(std::string_view m, LogFields f) const { Write(LogLevel::kInfo, m, f); }
void Logger::Warn(std::string_view m, LogFields f) const { Write(LogLevel::kWarn, m, f); }
void Logger::Error(std::string_view m, LogFields f) const { Write(LogLevel::kError, m, f); }

void Logger::Write(LogLevel level, std::string_view message, const LogFields& fields) const {
  if (!Enabled(level)) return;
  const int64_t now_ms = NowMs();
  std::string line;
  const auto append = core_->format == LogFormat::kJson ? AppendJson : AppendLogfmt;
  append("ts", FormatRfc3339Ms(now_ms), &line);
  append("level", LevelText(level), &line);
  append("msg", message, &line);
  for (const LogField& field : core_->fields) append(field.key, field.value, &line);
  for (const LogField& field : fields) append(field.key, field.value, &line);
  if (core_->format == LogFormat::kJson) line += '}';
  line += '\n';
  // One write a line keeps lines of several threads apart. A broken stderr has no one to tell.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace thanos::base
