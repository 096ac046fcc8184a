#include "sidecar/reloader.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <unistd.h>

#include "base/time_text.h"
#include "codec/compression.h"
#include "codec/hash.h"
#include "config/flags.h"

namespace thanos::sidecar {
namespace {

namespace fs = std::filesystem;

constexpr size_t kConfigBytesMax = 64 << 20;
constexpr size_t kRuleBytesMax = 64 << 20;  // Of one file.
constexpr size_t kRuleFilesMax = 100'000;
constexpr std::chrono::seconds kCallTimeout{30};
constexpr std::chrono::seconds kPollPeriod{1};  // After a signal.

Result<std::string> ReadBounded(const std::string& path, size_t bytes_max) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) return ErrnoError(error.value(), "read " + path);
  if (size > bytes_max) {
    return ResourceExhaustedError(path + ": has " + std::to_string(size) + " bytes, of " +
                                  std::to_string(bytes_max) + " that are read");
  }
  return config::ReadFileText(path);
}

// Of a path and what lies there; framed, so that no two pairs read the same.
void AddToDigest(const std::string& path, std::string_view content, std::string* frames) {
  const auto hash = codec::Sha256(content);
  *frames += '\xff';
  *frames += path;
  *frames += '\xff';
  frames->append(reinterpret_cast<const char*>(hash.data()), hash.size());
}

Status WriteAll(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoError(errno, "write " + path);
    text.remove_prefix(static_cast<size_t>(written));
  }
  return ::fsync(fd) == 0 ? OkStatus() : ErrnoError(errno, "fsync " + path);
}

// Whole or not at all. What is there already is left alone, so that its watchers are not woken.
Status ReplaceFile(const std::string& path, const std::string& text) {
  if (const auto old = config::ReadFileText(path); old.ok() && *old == text) return OkStatus();
  const std::string temporary = path + ".tmp";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoError(errno, "create " + temporary);
  const Status written = WriteAll(fd, text, temporary);
  ::close(fd);
  if (!written.ok()) return written;
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return ErrnoError(errno, "rename " + temporary + " to " + path);
  }
  return OkStatus();
}

bool IsGzip(std::string_view text) { return text.starts_with("\x1f\x8b\x08"); }

// The process of an executable by its file's name; the first of several.
Result<pid_t> FindProcess(const std::string& name) {
  std::vector<pid_t> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string digits = entry.path().filename().string();
    if (digits.find_first_not_of("0123456789") != std::string::npos) continue;
    std::error_code ignored;
    const fs::path executable = fs::read_symlink(entry.path() / "exe", ignored);
    if (executable.filename() == name) found.push_back(static_cast<pid_t>(std::stol(digits)));
  }
  if (found.empty()) return NotFoundError("no process of the executable " + name + " is running");
  return *std::min_element(found.begin(), found.end());
}

std::vector<std::string> FoldersToWatch(const ReloaderOptions& options) {
  std::vector<std::string> folders = options.rule_dirs;
  if (!options.config_file.empty()) {
    // The folder, not the file: a file that is replaced is another one.
    const std::string parent = fs::path(options.config_file).parent_path().string();
    folders.push_back(parent.empty() ? "." : parent);
  }
  return folders;
}

}  // namespace

Reloader::Reloader(ReloaderOptions options, std::shared_ptr<promclient::PrometheusClient> client,
                   std::function<void(Status)> on_fatal, base::Logger logger,
                   metrics::Registry* registry)
    : options_(std::move(options)),
      client_(std::move(client)),
      on_fatal_(std::move(on_fatal)),
      logger_(std::move(logger)),
      watch_(std::make_unique<FileWatch>(FoldersToWatch(options_))) {
  const std::string prefix = "thanos_sidecar_reloader_";
  reloads_ = registry->AddCounter(prefix + "reloads_total", "Total number of reload requests.");
  reload_failures_ = registry->AddCounter(prefix + "reloads_failed_total",
                                          "Total number of reload requests that failed.");
  applied_ = registry->AddCounter(prefix + "config_apply_operations_total",
                                  "Total number of config apply operations.");
  apply_failures_ = registry->AddCounter(prefix + "config_apply_operations_failed_total",
                                         "Total number of config apply operations that failed.");
  events_ = registry->AddCounter(prefix + "watch_events_total",
                                 "Total number of events received by the reloader.");
  watch_errors_ = registry->AddCounter(prefix + "watch_errors_total",
                                       "Total number of errors received by the reloader.");
  last_successful_ = registry->AddGauge(prefix + "last_reload_successful",
                                        "Whether the last reload attempt was successful.");
  last_success_time_ = registry->AddGauge(prefix + "last_reload_success_timestamp_seconds",
                                          "Timestamp of the last successful reload.");
  unset_variables_ = registry->AddGauge(
      prefix + "config_environment_variable_expansion_errors",
      "Number of environment variable expansions that failed during the last operation.");
  watches_ = registry->AddGauge(prefix + "watches", "Number of resources watched by the reloader.");
  registry
      ->AddGauge(prefix + "info", "A metric with a constant '1' value labeled by reload method.",
                 {{"method", options_.signal_process.empty() ? "http" : "signal"}})
      .Set(1);
  watches_.Set(static_cast<double>(watch_->watched()));
  watch_errors_.Add(static_cast<double>(watch_->failed()));
  thread_ = std::thread([this] { Run(); });
}

void Reloader::Stop() {
  context_.Cancel();
  watch_->Stop();
  if (thread_.joinable()) thread_.join();
}

void Reloader::Run() {
  if (Status status = Apply(); !status.ok()) {
    if (context_.Check().ok()) on_fatal_(status.WithContext("initial apply of the configuration"));
    return;
  }
  for (;;) {
    const FileWatch::Woke woke = watch_->Wait(options_.watch_interval);
    if (woke == FileWatch::Woke::kStopped) return;
    if (woke == FileWatch::Woke::kChanged) events_.Add();
    if (Status status = Apply(); !status.ok()) {
      logger_.Error("apply of the configuration failed", {{"err", status}});
    }
  }
}

Status Reloader::ExpandConfig(const std::string& text) {
  unset_variables_.Set(0);
  std::string plain = text;
  if (IsGzip(text)) {
    auto unpacked = codec::GzipDecompress(text, kConfigBytesMax);
    if (!unpacked.ok()) return unpacked.status().WithContext(options_.config_file);
    plain = std::move(*unpacked);
  }
  auto expanded = config::SubstituteEnv(plain);
  if (!expanded.ok()) {
    unset_variables_.Set(1);
    return expanded.status().WithContext(options_.config_file);
  }
  return ReplaceFile(options_.output_file, *expanded);
}

Result<std::string> Reloader::DigestOfRules() const {
  std::string frames;
  for (const std::string& dir : options_.rule_dirs) {
    std::vector<std::string> files;
    std::error_code error;
    const fs::path root = fs::canonical(dir, error);
    if (error) return ErrnoError(error.value(), "rule directory " + dir);
    auto it = fs::recursive_directory_iterator(
        root, fs::directory_options::follow_directory_symlink, error);
    for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
      // Kubernetes keeps the old and the new version side by side under "..": one is enough.
      if (it->path().filename().string().starts_with("..")) {
        if (it->is_directory()) it.disable_recursion_pending();
        continue;
      }
      std::error_code ignored;
      if (it->is_regular_file(ignored)) files.push_back(it->path().string());
      if (files.size() > kRuleFilesMax) {
        return ResourceExhaustedError(dir + ": holds more than " + std::to_string(kRuleFilesMax) +
                                      " files");
      }
    }
    if (error) return ErrnoError(error.value(), "rule directory " + dir);
    std::sort(files.begin(), files.end());
    for (const std::string& path : files) {
      THANOS_ASSIGN_OR_RETURN(const std::string text, ReadBounded(path, kRuleBytesMax));
      AddToDigest(path, text, &frames);
    }
  }
  return frames;
}

Status Reloader::Apply() {
  applied_.Add();
  const auto fail = [this](Status status) {
    apply_failures_.Add();
    return status;
  };
  std::string digest;
  if (!options_.config_file.empty()) {
    auto text = ReadBounded(options_.config_file, kConfigBytesMax);
    if (!text.ok()) return fail(text.status());
    AddToDigest(options_.config_file, *text, &digest);
    if (!options_.output_file.empty()) {
      if (Status status = ExpandConfig(*text); !status.ok()) return fail(status);
    }
  }
  auto rules = DigestOfRules();
  if (!rules.ok()) return fail(rules.status());
  digest += *rules;
  if (digest == applied_digest_ && !forced_) return OkStatus();
  const auto patience = std::chrono::duration_cast<SteadyTime::duration>(options_.watch_interval);
  if (Status status = TriggerUntil(std::chrono::steady_clock::now() + patience); !status.ok()) {
    forced_ = true;
    if (context_.Check().ok()) {
      logger_.Error("Prometheus could not be made to reload, it will be tried again",
                    {{"err", status}});
    }
    return OkStatus();
  }
  forced_ = false;
  applied_digest_ = std::move(digest);
  logger_.Info("Prometheus has reloaded", {{"config", options_.config_file}});
  return OkStatus();
}

Status Reloader::TriggerUntil(SteadyTime deadline) {
  for (;;) {
    reloads_.Add();
    const Status status = Trigger();
    last_successful_.Set(status.ok() ? 1 : 0);
    if (status.ok()) {
      last_success_time_.Set(static_cast<double>(base::NowMs()) / 1000);
      return status;
    }
    reload_failures_.Add();
    const auto retry = std::chrono::duration_cast<SteadyTime::duration>(options_.retry_interval);
    if (std::chrono::steady_clock::now() + retry > deadline || !watch_->Sleep(retry)) return status;
  }
}

Status Reloader::Trigger() {
  if (!options_.signal_process.empty()) return SignalAndWatch();
  return client_->Reload(context_.WithTimeout(kCallTimeout));
}

// Prometheus says of itself when it has read its configuration, and how that went.
Status Reloader::SignalAndWatch() {
  THANOS_ASSIGN_OR_RETURN(const promclient::ConfigState before,
                          client_->ConfigStateNow(context_.WithTimeout(kCallTimeout)));
  THANOS_ASSIGN_OR_RETURN(const pid_t pid, FindProcess(options_.signal_process));
  if (::kill(pid, SIGHUP) != 0) {
    return ErrnoError(errno, "SIGHUP to process " + std::to_string(pid));
  }
  const auto deadline = std::chrono::steady_clock::now() +
                        std::chrono::duration_cast<SteadyTime::duration>(options_.watch_interval);
  while (std::chrono::steady_clock::now() < deadline) {
    if (!watch_->Sleep(kPollPeriod)) return CancelledError("stopped");
    const auto now = client_->ConfigStateNow(context_.WithTimeout(kCallTimeout));
    if (!now.ok()) continue;
    if (now->successful && now->last_config_time != before.last_config_time) return OkStatus();
    if (!now->successful && before.successful) {
      return UnavailableError("Prometheus refuses its configuration after SIGHUP");
    }
  }
  return DeadlineExceededError("Prometheus did not read its configuration after SIGHUP");
}

}  // namespace thanos::sidecar
