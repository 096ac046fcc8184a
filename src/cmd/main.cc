// thanos <command> [flags]: parses, starts one role, waits for a signal or the role's end.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include <malloc.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/executor.h"
#include "base/journal.h"
#include "cmd/role.h"
#include "cmd/servers.h"
#include "thanos/version.h"

namespace thanos::cmd {
namespace {

constexpr int kExitFailed = 1, kExitUsage = 2;

std::vector<std::unique_ptr<Command>> AllCommands() {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(MakeSidecarCommand());
  commands.push_back(MakeStoreCommand());
  commands.push_back(MakeQueryCommand());
  commands.push_back(MakeCompactCommand());
  AddToolsCommands(&commands);
  return commands;
}

std::string VersionText() {
  return "thanos, version " + std::string(kVersion) + " (revision: " + std::string(kRevision) +
         ")\n  platform:         linux/" + kArchitecture + "\n";
}

// Those whose names begin with `words`, "tools bucket" or nothing.
std::string UsageText(const std::vector<std::unique_ptr<Command>>& commands,
                      const std::string& words) {
  std::string text = "usage: thanos " + (words.empty() ? "" : words + " ") +
                     "<command> [<flags>]\n\n"
                     "A block storage based long-term storage for Prometheus.\n\n"
                     "Flags:\n  --help      Show help; after a command, of that command.\n"
                     "  --version   Show the version.\n\nCommands:\n";
  size_t width = 0;
  for (const auto& command : commands) width = std::max(width, command->name().size());
  for (const auto& command : commands) {
    if (!words.empty() && !command->name().starts_with(words + " ")) continue;
    text += "  " + command->name() + std::string(width + 2 - command->name().size(), ' ') +
            command->summary() + "\n";
  }
  return text;
}

// The command is the first arguments that name one, "store" or "tools bucket ls"; flags may stand
// before and between. Its words are taken out. Without one, `words` are those that lead to some.
Command* TakeCommand(const std::vector<std::unique_ptr<Command>>& commands,
                     std::vector<std::string>* arguments, std::string* words,
                     std::string* unknown) {
  const std::vector<std::string> with_value = {
      "--log.level",      "--log.format",          "--debug.name",      "--auto-gomemlimit.ratio",
      "--tracing.config", "--tracing.config-file", "--objstore.config", "--objstore.config-file"};
  for (size_t i = 0; i < arguments->size();) {
    const std::string argument = (*arguments)[i];
    if (argument.starts_with('-') || argument.starts_with('@')) {
      const bool takes_next =
          std::find(with_value.begin(), with_value.end(), argument) != with_value.end();
      i += takes_next ? 2 : 1;
      continue;
    }
    const std::string name = words->empty() ? argument : *words + " " + argument;
    bool leads_on = false;
    for (const auto& command : commands) {
      leads_on |= command->name().starts_with(name + " ");
      if (command->name() != name) continue;
      arguments->erase(arguments->begin() + static_cast<ptrdiff_t>(i));
      return command.get();
    }
    if (!leads_on) {
      *unknown = argument;
      return nullptr;
    }
    *words = name;
    arguments->erase(arguments->begin() + static_cast<ptrdiff_t>(i));
  }
  return nullptr;
}

// A flag in front of the command may be the mistake, and is named then.
std::string WhyNoCommand(const std::vector<std::string>& arguments, const std::string& words,
                         const std::string& unknown) {
  config::FlagSet flags("", "");
  GlobalFlags global;
  AddGlobalFlags(&flags, &global);
  std::vector<std::string> only_flags = arguments;
  std::erase(only_flags, unknown);
  const Status status = flags.Parse(only_flags);
  // Behind "tools bucket" flags of its commands may stand.
  if (words.empty() && !status.ok()) return std::string(status.message());
  if (!unknown.empty()) return "expected command but got \"" + unknown + "\"";
  return words.empty() ? "must select a command" : "must select a subcommand of '" + words + "'";
}

// Wakes the main thread with a status; the first one counts.
class Ending {
 public:
  Ending() : fd_(eventfd(0, EFD_CLOEXEC)) {}
  ~Ending() { close(fd_); }
  void Set(Status status) {
    std::lock_guard lock(mutex_);
    if (set_) return;
    set_ = true;
    status_ = std::move(status);
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof(one));
  }
  int fd() const { return fd_; }
  Status status() {
    std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  int fd_;
  std::mutex mutex_;
  bool set_ = false;  // Guarded by mutex_.
  Status status_;     // Guarded by mutex_.
};

sigset_t BlockSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

// Returns when a signal came (OK) or the role ended itself. SIGHUP is taken and ignored.
Status WaitForEnd(int signals, Ending* ending, const base::Logger& logger) {
  pollfd fds[2] = {{signals, POLLIN, 0}, {ending->fd(), POLLIN, 0}};
  for (;;) {
    if (poll(fds, 2, -1) < 0 && errno != EINTR) return ErrnoError(errno, "poll");
    if (fds[1].revents != 0) return ending->status();
    if (fds[0].revents == 0) continue;
    signalfd_siginfo info{};
    if (read(signals, &info, sizeof(info)) != sizeof(info)) continue;
    if (info.ssi_signo == SIGHUP) continue;
    logger.Info("caught signal. Exiting.",
                {{"signal", strsignal(static_cast<int>(info.ssi_signo))}});
    return OkStatus();
  }
}

int RunRole(Command* command, const config::FlagSet& flags, const GlobalFlags& global) {
  base::LogLevel level = base::LogLevel::kInfo;
  if (global.log_level == "debug") level = base::LogLevel::kDebug;
  if (global.log_level == "warn") level = base::LogLevel::kWarn;
  if (global.log_level == "error") level = base::LogLevel::kError;
  base::Logger logger(
      level, global.log_format == "json" ? base::LogFormat::kJson : base::LogFormat::kLogfmt);
  if (global.log_format == "journald") {
    auto journal = base::Journal::Open();
    if (!journal.ok()) {
      logger.Error("no log", {{"err", journal.status()}});
      return kExitFailed;
    }
    logger = base::Logger(level, std::move(*journal));
  }
  if (!global.debug_name.empty()) logger = logger.With({{"name", global.debug_name}});
  for (const std::string& note : flags.NotesOnFlagsWithoutEffect()) {
    logger.Warn("flag has no effect", {{"flag", note}});
  }
  const sigset_t signals = BlockSignals();
  const int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
  metrics::Registry registry;
  metrics::AddProcessMetrics(&registry);
  Ending ending;
  auto tracing = tracing::Tracing::Make(global.tracing_config, logger, &registry);
  if (!tracing.ok()) {
    logger.Error("preparing " + command->name() + " command failed", {{"err", tracing.status()}});
    return kExitFailed;
  }
  Process process{logger, &registry, *tracing, flags.Values(),
                  [&ending](Status status) { ending.Set(std::move(status)); }};
  auto role = command->MakeRole(process);
  Status status = role.ok() ? (*role)->Start() : role.status();
  if (!status.ok()) {
    logger.Error("preparing " + command->name() + " command failed", {{"err", status}});
    if (role.ok()) (*role)->Stop();
    return kExitFailed;
  }
  logger.Info("starting " + command->name(), {{"version", std::string(kVersion)}});
  status = WaitForEnd(signal_fd, &ending, logger);
  // From here on a second signal ends the process at once.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  (*role)->Stop();
  if (status.ok()) status = (*role)->Outcome();
  role->reset();
  if (process.tracing) process.tracing->Stop();
  if (!status.ok()) {
    logger.Error(command->name() + " command failed", {{"err", status}});
    return kExitFailed;
  }
  logger.Info("exiting");
  return EXIT_SUCCESS;
}

// A query allocates and frees the same few megabytes again and again. By default they go back to
// the kernel each time, and its zeroing them anew was a tenth of a store's work.
// Few arenas, as each keeps its own.
void KeepFreedMemory() {
  mallopt(M_ARENA_MAX, static_cast<int>(std::max<size_t>(4, 2 * base::UsableCpus())));
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 4 << 20);
}

int Main(std::vector<std::string> arguments) {
  KeepFreedMemory();
  const auto commands = AllCommands();
  std::string words, unknown;
  Command* command = TakeCommand(commands, &arguments, &words, &unknown);
  if (command == nullptr) {
    for (const std::string& argument : arguments) {
      if (argument == "--version") {
        std::fputs(VersionText().c_str(), stdout);
        return EXIT_SUCCESS;
      }
      if (argument == "--help" || argument == "-h" || argument == "--help-long" ||
          argument == "--help-man") {
        std::fputs(UsageText(commands, words).c_str(), stdout);
        return EXIT_SUCCESS;
      }
    }
    std::fputs(UsageText(commands, words).c_str(), stderr);
    std::fprintf(stderr, "thanos: error: %s\n", WhyNoCommand(arguments, words, unknown).c_str());
    return kExitUsage;
  }
  config::FlagSet flags(command->name(), command->summary());
  GlobalFlags global;
  AddGlobalFlags(&flags, &global);
  command->AddFlags(&flags);
  if (const Status status = flags.Parse(arguments); !status.ok()) {
    // As Go: only what the command line itself has wrong is a mistake of usage.
    const bool usage = status.code() == StatusCode::kInvalidArgument;
    std::fprintf(stderr, "thanos: error: %s%s\n", std::string(status.message()).c_str(),
                 usage ? ", try --help" : "");
    return usage ? kExitUsage : kExitFailed;
  }
  if (flags.help_asked()) {
    std::fputs(flags.Help().c_str(), stdout);
    return EXIT_SUCCESS;
  }
  if (flags.version_asked()) {
    std::fputs(VersionText().c_str(), stdout);
    return EXIT_SUCCESS;
  }
  return RunRole(command, flags, global);
}

}  // namespace
}  // namespace thanos::cmd

int main(int argc, char** argv) {
  return thanos::cmd::Main(std::vector<std::string>(argv + 1, argv + argc));
}
