#include "base/log.h"

#include <chrono>

#include <unistd.h>

#include "base/journal.h"
#include "base/json_text.h"
#include "base/time_text.h"

namespace thanos::base {

struct Logger::Core {
  LogLevel level;
  LogFormat format;
  LogFields fields;
  std::shared_ptr<const Journal> journal;  // Null: standard error.
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

constexpr size_t kValueBytesMax = 4 << 10;

// What somebody else wrote may be of any length.
std::string Cut(std::string_view value) {
  if (value.size() <= kValueBytesMax) return std::string(value);
  return std::string(value.substr(0, kValueBytesMax)) + "... (" + std::to_string(value.size()) +
         " bytes)";
}

// "block_set.cc:120"
std::string CallerText(const std::source_location& place) {
  const std::string_view path = place.file_name();
  return std::string(path.substr(path.rfind('/') + 1)) + ":" + std::to_string(place.line());
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
    : core_(std::make_shared<const Core>(Core{level, format, {}, nullptr})) {}

Logger::Logger(LogLevel level, std::shared_ptr<const Journal> journal)
    : core_(std::make_shared<const Core>(Core{level, LogFormat::kLogfmt, {}, std::move(journal)})) {
}

Logger Logger::With(LogFields fields) const {
  if (!core_) return *this;
  Core core = *core_;
  core.fields.insert(core.fields.end(), fields.begin(), fields.end());
  Logger logger;
  logger.core_ = std::make_shared<const Core>(std::move(core));
  return logger;
}

bool Logger::Enabled(LogLevel level) const { return core_ && level >= core_->level; }

void Logger::Write(LogLevel level, std::string_view message, const LogFields& fields,
                   const Place& place) const {
  if (!Enabled(level)) return;
  const std::string caller = CallerText(place);
  if (core_->journal) {
    LogFields all = {{"caller", caller}};
    for (const LogFields* part : {&core_->fields, &fields}) {
      for (const LogField& field : *part) all.emplace_back(field.key, Cut(field.value));
    }
    return core_->journal->Send(level, Cut(message), all);
  }
  std::string line;
  const auto append = core_->format == LogFormat::kJson ? AppendJson : AppendLogfmt;
  append("ts", FormatRfc3339Ms(NowMs()), &line);
  append("caller", caller, &line);
  append("level", LevelText(level), &line);
  append("msg", Cut(message), &line);
  for (const LogField& field : core_->fields) append(field.key, Cut(field.value), &line);
  for (const LogField& field : fields) append(field.key, Cut(field.value), &line);
  if (core_->format == LogFormat::kJson) line += '}';
  line += '\n';
  // One write a line keeps lines of several threads apart. A broken stderr has no one to tell.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace thanos::base
