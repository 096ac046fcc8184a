#include "profile/cpu_profiler.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>
#include <mutex>
#include <random>
#include <unordered_map>

#include <dirent.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/await.h"

namespace thanos::profile {
namespace {

constexpr size_t kSlots = 4096;  // 4 MiB; emptied every 50 ms.
constexpr std::chrono::milliseconds kDrainPeriod{50};

// Handlers on any number of threads claim slots; one thread empties them.
struct Slot {
  enum State : uint8_t { kFree, kBeingFilled, kFull };
  std::atomic<State> state{kFree};
  size_t count = 0;
  int64_t looks = 0;
  std::array<uintptr_t, kFramesMax> frames;
};

struct Buffer {
  std::array<Slot, kSlots> slots;
  std::atomic<size_t> next{0};
  std::atomic<int64_t> missed{0};
};

// Made at the first profile and kept: a late signal must find it.
std::atomic<Buffer*> buffer{nullptr};
std::atomic<bool> running{false};

uintptr_t ProgramCounter(const ucontext_t& context) {
#if defined(__x86_64__)
  return static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return static_cast<uintptr_t>(context.uc_mcontext.pc);
#else
#error "the program counter of this CPU is not known"
#endif
}

void OnTick(int, siginfo_t* info, void* context) {
  Buffer* into = buffer.load(std::memory_order_acquire);
  if (into == nullptr || !running.load(std::memory_order_relaxed)) return;
  const int saved_errno = errno;
  Slot& slot = into->slots[into->next.fetch_add(1, std::memory_order_relaxed) % kSlots];
  Slot::State free = Slot::kFree;
  if (slot.state.compare_exchange_strong(free, Slot::kBeingFilled, std::memory_order_acquire)) {
    const uintptr_t pc = ProgramCounter(*static_cast<const ucontext_t*>(context));
    slot.count = CaptureStack(reinterpret_cast<const void*>(pc), 0, &slot.frames);
    // The kernel looks at CPU clocks once a tick; periods that ended meanwhile come as one signal.
    slot.looks = 1 + std::max(info->si_overrun, 0);
    slot.state.store(Slot::kFull, std::memory_order_release);
  } else {
    into->missed.fetch_add(1, std::memory_order_relaxed);
  }
  errno = saved_errno;
}

// One timer a thread on that thread's own CPU clock, so that each look hits the thread that worked:
// a signal of the whole process would mostly hit the main thread.
class ThreadTimers {
 public:
  ThreadTimers() = default;
  ThreadTimers(const ThreadTimers&) = delete;
  ~ThreadTimers() {
    for (const auto& [thread, timer] : timers_) ::timer_delete(timer);
  }

  /// Threads that are new get their timers, those of ended threads go.
  Status Update() {
    DIR* tasks = ::opendir("/proc/self/task");
    if (tasks == nullptr) return ErrnoError(errno, "list /proc/self/task");
    std::unordered_map<pid_t, timer_t> kept;
    while (const dirent* entry = ::readdir(tasks)) {
      pid_t thread = 0;
      const char* name = entry->d_name;
      const auto read = std::from_chars(name, name + std::strlen(name), thread);
      if (read.ec != std::errc() || kept.size() >= kThreadsMax) continue;
      const auto known = timers_.find(thread);
      timer_t timer{};
      if (known != timers_.end()) {
        timer = known->second;
        timers_.erase(known);
      } else if (!Begin(thread, &timer)) {
        continue;  // Ended meanwhile.
      }
      kept.emplace(thread, timer);
    }
    ::closedir(tasks);
    for (const auto& [thread, timer] : timers_) ::timer_delete(timer);
    timers_ = std::move(kept);
    return OkStatus();
  }

 private:
  bool Begin(pid_t thread, timer_t* timer) {
    // The kernel's number of a thread's CPU clock.
    constexpr unsigned kPerThread = 4, kScheduled = 2;
    const auto clock =
        static_cast<clockid_t>(~static_cast<unsigned>(thread) << 3 | kPerThread | kScheduled);
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGPROF;
    event._sigev_un._tid = thread;
    if (::timer_create(clock, &event, timer) != 0) return false;
    itimerspec period{};
    period.it_interval.tv_nsec = kCpuPeriodNs;
    // At a random first time: of many threads that work little each, the right number is seen.
    period.it_value.tv_nsec = std::uniform_int_distribution<int64_t>(1, kCpuPeriodNs)(random_);
    if (::timer_settime(*timer, 0, &period, nullptr) == 0) return true;
    ::timer_delete(*timer);
    return false;
  }

  std::unordered_map<pid_t, timer_t> timers_;
  std::minstd_rand random_{std::random_device{}()};
};

void Drain(Buffer& from, StackValues* stacks) {
  for (Slot& slot : from.slots) {
    if (slot.state.load(std::memory_order_acquire) != Slot::kFull) continue;
    auto& values = (*stacks)[Stack(slot.frames.begin(),
                                   slot.frames.begin() + static_cast<ptrdiff_t>(slot.count))];
    values.resize(2);
    values[0] += slot.looks;
    values[1] += slot.looks * kCpuPeriodNs;
    slot.state.store(Slot::kFree, std::memory_order_release);
  }
}

Status Prepare() {
  PrepareUnwinding();
  if (buffer.load() == nullptr) buffer.store(new Buffer());
  buffer.load()->missed = 0;
  StackValues stale;
  Drain(*buffer.load(), &stale);
  struct sigaction action{};
  action.sa_sigaction = OnTick;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  // It stays: a signal that is on its way when the profile ends must not end the process.
  if (::sigaction(SIGPROF, &action, nullptr) != 0) return ErrnoError(errno, "take SIGPROF");
  return OkStatus();
}

}  // namespace

Result<CpuProfile> CollectCpu(const CallContext& context, std::chrono::nanoseconds time) {
  static std::mutex one_at_a_time;
  const std::unique_lock lock(one_at_a_time, std::try_to_lock);
  if (!lock.owns_lock()) return FailedPreconditionError("another CPU profile is being taken");
  THANOS_RETURN_IF_ERROR(Prepare());
  CpuProfile profile;
  const auto end = std::chrono::steady_clock::now() + time;
  ThreadTimers timers;
  Status status = timers.Update();
  running = true;
  while (status.ok() && std::chrono::steady_clock::now() < end) {
    const auto left = end - std::chrono::steady_clock::now();
    status = base::SleepFor(context, std::min<std::chrono::nanoseconds>(left, kDrainPeriod));
    Drain(*buffer.load(), &profile.stacks);
    if (status.ok()) status = timers.Update();
  }
  running = false;
  THANOS_RETURN_IF_ERROR(status);
  Drain(*buffer.load(), &profile.stacks);
  profile.missed = buffer.load()->missed;
  return profile;
}

}  // namespace thanos::profile
