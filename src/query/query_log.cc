#include "query/query_log.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <unistd.h>

#include "base/json_text.h"
#include "base/time_text.h"

namespace thanos::query {
namespace {

using Clock = std::chrono::steady_clock;

// Prometheus' layout: '[', then places of this size, each an object and a comma or zeros.
constexpr size_t kPlaceBytes = 1000;
constexpr size_t kTextMax = 4096;  // Of a query in the lists.

// A text cut to `max` bytes, at the start of a rune.
std::string Cut(std::string_view text, size_t max) {
  if (text.size() <= max) return std::string(text);
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0) == 0x80) --max;
  return std::string(text.substr(0, max));
}

std::string PlaceText(const std::string& query, int64_t seconds) {
  const std::string tail = ",\"timestamp_sec\":" + std::to_string(seconds) + "},";
  // Escapes may make a text six times as long.
  for (size_t max = query.size();; max = max * 3 / 4) {
    std::string text = "{\"query\":";
    base::AppendJsonString(Cut(query, max), &text, true);
    text += tail;
    if (text.size() <= kPlaceBytes) {
      text.resize(kPlaceBytes, '\0');
      return text;
    }
  }
}

}  // namespace

class QueryLog::ActiveFile {
 public:
  static Result<std::unique_ptr<ActiveFile>> Open(const std::string& folder, size_t places,
                                                  const base::Logger& logger) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    const std::string path = folder + "/queries.active";
    LogLeftovers(path, logger);
    auto file = std::make_unique<ActiveFile>();
    file->fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file->fd_ < 0 ||
        ::ftruncate(file->fd_, static_cast<off_t>(1 + places * kPlaceBytes)) != 0 ||
        ::pwrite(file->fd_, "[", 1, 0) != 1) {
      return UnavailableError(path + ": " + std::strerror(errno));
    }
    for (size_t i = places; i > 0; --i) file->free_.push_back(static_cast<int>(i) - 1);
    return file;
  }
  ~ActiveFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  /// -1 when all places are taken.
  int Take(const std::string& text) {
    if (free_.empty()) return -1;
    const int place = free_.back();
    free_.pop_back();
    Write(place, PlaceText(text, base::NowMs() / 1000));
    return place;
  }
  void Free(int place) {
    if (place < 0) return;
    Write(place, std::string(kPlaceBytes, '\0'));
    free_.push_back(place);
  }

 private:
  // A file that cannot be written fails no query.
  void Write(int place, const std::string& text) {
    (void)!::pwrite(fd_, text.data(), text.size(),
                    static_cast<off_t>(1 + static_cast<size_t>(place) * kPlaceBytes));
  }
  static void LogLeftovers(const std::string& path, const base::Logger& logger) {
    constexpr size_t kReadMax = 1 << 20;
    std::ifstream in(path, std::ios::binary);
    std::string text(kReadMax, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(std::max<std::streamsize>(in.gcount(), 0)));
    std::erase(text, '\0');
    if (text.ends_with(',')) text.pop_back();
    if (text.size() > 1) {
      logger.Info("these queries did not finish when the process ran last",
                  {{"queries", text + "]"}});
    }
  }

  int fd_ = -1;
  std::vector<int> free_;
};

Result<std::unique_ptr<QueryLog>> QueryLog::Make(QueryLogOptions options, base::Logger logger) {
  std::unique_ptr<QueryLog> log(new QueryLog(std::move(options), std::move(logger)));
  if (!log->options_.active_folder.empty()) {
    THANOS_ASSIGN_OR_RETURN(log->file_, ActiveFile::Open(log->options_.active_folder,
                                                         log->options_.active_max, log->logger_));
  }
  return log;
}

QueryLog::QueryLog(QueryLogOptions options, base::Logger logger)
    : options_(std::move(options)), logger_(std::move(logger)) {}

QueryLog::~QueryLog() = default;

QueryLog::Entry& QueryLog::Entry::operator=(Entry&& other) noexcept {
  std::swap(log_, other.log_);
  std::swap(id_, other.id_);
  std::swap(context_, other.context_);
  return *this;
}

void QueryLog::Entry::Finish(const Status& status, uint64_t samples) {
  if (log_ != nullptr) std::exchange(log_, nullptr)->Finish(id_, status, samples);
}

QueryLog::Entry QueryLog::Begin(const CallContext& context, const promql::QueryParams& params) {
  Entry entry;
  entry.log_ = this;
  entry.context_ = context.WithCancel();
  Active active;
  active.context = entry.context_;
  active.began = Clock::now();
  active.record.text = Cut(params.text, kTextMax);
  active.record.tenant = context.tenant();
  active.record.start_ms = params.start_ms;
  active.record.end_ms = params.end_ms;
  active.record.step_ms = params.step_ms;
  active.record.began_ms = base::NowMs();
  std::lock_guard lock(mutex_);
  entry.id_ = active.record.id = next_id_++;
  if (file_) active.place = file_->Take(active.record.text);
  running_.emplace(entry.id_, std::move(active));
  return entry;
}

void QueryLog::Finish(uint64_t id, const Status& status, uint64_t samples) {
  QueryRecord record;
  {
    std::lock_guard lock(mutex_);
    const auto at = running_.find(id);
    if (at == running_.end()) return;
    Active& active = at->second;
    record = std::move(active.record);
    record.seconds = std::chrono::duration<double>(Clock::now() - active.began).count();
    record.samples = samples;
    if (active.context.budget()) record.peak_bytes = active.context.budget()->peak_bytes();
    record.error = std::string(status.message());
    if (file_) file_->Free(active.place);
    running_.erase(at);
    finished_.push_front(record);
    if (finished_.size() > options_.finished_max) finished_.pop_back();
  }
  if (options_.slow.count() == 0 ||
      record.seconds < std::chrono::duration<double>(options_.slow).count()) {
    return;
  }
  logger_.Info("slow query detected",
               {{"query", record.text},
                {"tenant", record.tenant},
                {"start_ms", record.start_ms},
                {"end_ms", record.end_ms},
                {"step_ms", record.step_ms},
                {"time_taken_ms", static_cast<int64_t>(record.seconds * 1e3)},
                {"samples", record.samples},
                {"peak_bytes", static_cast<uint64_t>(record.peak_bytes)},
                {"err", record.error}});
}

std::vector<QueryRecord> QueryLog::Running() const {
  std::lock_guard lock(mutex_);
  std::vector<QueryRecord> records;
  for (const auto& [id, active] : running_) {
    QueryRecord record = active.record;
    record.seconds = std::chrono::duration<double>(Clock::now() - active.began).count();
    if (active.context.budget()) record.peak_bytes = active.context.budget()->peak_bytes();
    records.push_back(std::move(record));
  }
  return records;
}

std::vector<QueryRecord> QueryLog::Finished() const {
  std::lock_guard lock(mutex_);
  return {finished_.begin(), finished_.end()};
}

bool QueryLog::Cancel(uint64_t id) {
  CallContext context;
  {
    std::lock_guard lock(mutex_);
    const auto at = running_.find(id);
    if (at == running_.end()) return false;
    context = at->second.context;
  }
  context.Cancel(CancelledError("query " + std::to_string(id) + " was cancelled on request"));
  return true;
}

}  // namespace thanos::query
