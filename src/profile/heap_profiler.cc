#include "profile/heap_profiler.h"

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <new>
#include <unordered_map>

#include "base/await.h"
#include "profile/cpu_profiler.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define THANOS_NO_HEAP_HOOKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define THANOS_NO_HEAP_HOOKS 1
#endif
#endif

namespace thanos::profile {

#ifdef THANOS_NO_HEAP_HOOKS

Result<HeapProfile> CollectHeap(const CallContext&, std::chrono::nanoseconds) {
  return UnimplementedError("no heap profiles in a build with a sanitizer");
}

#else
namespace {

struct Live {
  std::vector<int64_t>* values;  // Of the stack that took it.
  int64_t objects, bytes;
};

struct Table {
  std::mutex mutex;
  StackValues stacks;  // Guarded by mutex, as all below.
  std::unordered_map<void*, Live> live;
  int64_t not_followed = 0;
};

constexpr size_t kFilterSize = 1 << 16;

std::atomic<bool> active{false};
std::atomic<uint32_t> generation{0};  // Of profiles, so that each thread begins anew.
// How many samples that live hash to each place: most frees need no lock.
std::atomic<uint32_t> filter[kFilterSize];

// What a thread has until its next sample.
struct Countdown {
  int64_t bytes = 0;
  uint64_t random = 0;
  uint32_t generation = 0;
  bool inside = false;  // Memory of the profile itself is not counted.
};
thread_local Countdown countdown;

Table& TheTable() {
  static Table* const table = new Table();
  return *table;
}

size_t FilterPlace(void* memory) {
  return (reinterpret_cast<uintptr_t>(memory) * 0x9e3779b97f4a7c15) >> 48;
}

// Exponential, so that a pattern in sizes meets no pattern in samples.
int64_t NextDistance(Countdown& of) {
  of.random = of.random * 6364136223846793005 + 1442695040888963407;
  const double uniform = static_cast<double>((of.random >> 11) + 1) / 9007199254740993.0;
  return static_cast<int64_t>(-std::log(uniform) * kHeapPeriodBytes) + 1;
}

// Not inlined: the frames that are left out are counted.
[[gnu::noinline]] void Sample(void* memory, size_t size) {
  std::array<uintptr_t, kFramesMax> frames;
  const size_t count = CaptureStack(nullptr, 4, &frames);
  // Larger objects are met more often; each stands for those of its size that were not.
  const double chance = 1 - std::exp(-static_cast<double>(size) / kHeapPeriodBytes);
  const auto objects = static_cast<int64_t>(std::max(1.0, std::round(1 / chance)));
  const int64_t bytes = objects * static_cast<int64_t>(size);
  Table& table = TheTable();
  std::lock_guard lock(table.mutex);
  auto& values =
      table.stacks[Stack(frames.begin(), frames.begin() + static_cast<ptrdiff_t>(count))];
  values.resize(4);
  values[0] += objects;
  values[1] += bytes;
  if (table.live.size() >= kLiveSamplesMax) {
    ++table.not_followed;
    return;
  }
  table.live[memory] = {&values, objects, bytes};
  filter[FilterPlace(memory)].fetch_add(1, std::memory_order_relaxed);
}

[[gnu::noinline]] void Taken(void* memory, size_t size) {
  Countdown& own = countdown;
  if (own.inside) return;
  own.inside = true;
  if (const uint32_t now = generation.load(std::memory_order_relaxed); own.generation != now) {
    own.generation = now;
    own.random += reinterpret_cast<uintptr_t>(&own) ^ now;
    own.bytes = NextDistance(own);
  }
  own.bytes -= static_cast<int64_t>(size);
  if (own.bytes <= 0) {
    own.bytes = NextDistance(own);
    Sample(memory, size);
  }
  own.inside = false;
}

[[gnu::noinline]] void Given(void* memory) {
  Countdown& own = countdown;
  if (own.inside || filter[FilterPlace(memory)].load(std::memory_order_relaxed) == 0) return;
  own.inside = true;
  Table& table = TheTable();
  {
    std::lock_guard lock(table.mutex);
    if (const auto at = table.live.find(memory); at != table.live.end()) {
      table.live.erase(at);
      filter[FilterPlace(memory)].fetch_sub(1, std::memory_order_relaxed);
    }
  }
  own.inside = false;
}

// Leaves the table empty.
HeapProfile TakeTable() {
  Countdown& own = countdown;
  own.inside = true;
  HeapProfile profile;
  Table& table = TheTable();
  {
    std::lock_guard lock(table.mutex);
    for (const auto& [memory, live] : table.live) {
      (*live.values)[2] += live.objects;
      (*live.values)[3] += live.bytes;
      filter[FilterPlace(memory)].store(0, std::memory_order_relaxed);
    }
    table.live.clear();
    profile.stacks.swap(table.stacks);
    profile.not_followed = std::exchange(table.not_followed, 0);
  }
  own.inside = false;
  return profile;
}

}  // namespace

Result<HeapProfile> CollectHeap(const CallContext& context, std::chrono::nanoseconds time) {
  static std::mutex one_at_a_time;
  const std::unique_lock lock(one_at_a_time, std::try_to_lock);
  if (!lock.owns_lock()) return FailedPreconditionError("another heap profile is being taken");
  PrepareUnwinding();
  TakeTable();
  generation.fetch_add(1, std::memory_order_relaxed);
  active.store(true, std::memory_order_relaxed);
  Status status = base::SleepFor(context, time);
  active.store(false, std::memory_order_relaxed);
  HeapProfile profile = TakeTable();
  if (!status.ok()) return status;
  return profile;
}

namespace {

// As the standard asks: the new-handler's turn, then bad_alloc.
template <typename Allocate>
void* AllocateOrThrow(Allocate allocate) {
  for (;;) {
    if (void* memory = allocate()) return memory;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

}  // namespace
}  // namespace thanos::profile

// The other forms of new and delete call these.
void* operator new(size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) [[unlikely]] {
    memory = thanos::profile::AllocateOrThrow([size] { return std::malloc(size != 0 ? size : 1); });
  }
  if (thanos::profile::active.load(std::memory_order_relaxed)) [[unlikely]] {
    thanos::profile::Taken(memory, size);
  }
  return memory;
}

void operator delete(void* memory) noexcept {
  if (thanos::profile::active.load(std::memory_order_relaxed)) [[unlikely]] {
    if (memory != nullptr) thanos::profile::Given(memory);
  }
  std::free(memory);
}

void operator delete(void* memory, size_t) noexcept { ::operator delete(memory); }

namespace thanos::profile {
#endif

}  // namespace thanos::profile
