#include "sidecar/file_watch.h"

#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace thanos::sidecar {
namespace {

constexpr int kSettleMs = 50;
constexpr int64_t kTimeoutMsMax = 3'600'000;

int Milliseconds(std::chrono::nanoseconds time) {
  const int64_t ms = std::chrono::ceil<std::chrono::milliseconds>(time).count();
  return static_cast<int>(std::clamp<int64_t>(ms, 0, kTimeoutMsMax));
}

}  // namespace

FileWatch::FileWatch(const std::vector<std::string>& folders)
    : inotify_fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      stop_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
                               IN_DELETE | IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF;
  for (const std::string& folder : folders) {
    const bool added =
        inotify_fd_ >= 0 && ::inotify_add_watch(inotify_fd_, folder.c_str(), kEvents) >= 0;
    ++(added ? watched_ : failed_);
  }
}

FileWatch::~FileWatch() {
  if (inotify_fd_ >= 0) ::close(inotify_fd_);
  if (stop_fd_ >= 0) ::close(stop_fd_);
}

bool FileWatch::DrainEvents() {
  char buffer[16 << 10];
  bool any = false;
  while (::read(inotify_fd_, buffer, sizeof(buffer)) > 0) any = true;
  return any;
}

FileWatch::Woke FileWatch::Wait(std::chrono::nanoseconds timeout) {
  pollfd fds[] = {{stop_fd_, POLLIN, 0}, {inotify_fd_, POLLIN, 0}};
  const int ready = ::poll(fds, inotify_fd_ < 0 ? 1 : 2, Milliseconds(timeout));
  if (fds[0].revents != 0) return Woke::kStopped;
  if (ready <= 0 || fds[1].revents == 0) return Woke::kTimeout;
  DrainEvents();
  if (!Sleep(std::chrono::milliseconds(kSettleMs))) return Woke::kStopped;
  DrainEvents();
  return Woke::kChanged;
}

bool FileWatch::Sleep(std::chrono::nanoseconds timeout) {
  pollfd stop{stop_fd_, POLLIN, 0};
  ::poll(&stop, 1, Milliseconds(timeout));
  return stop.revents == 0;
}

void FileWatch::Stop() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_fd_, &one, sizeof(one));
}

}  // namespace thanos::sidecar
