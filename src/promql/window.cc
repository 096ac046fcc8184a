#include "promql/window.h"

#include <algorithm>
#include <cstring>

namespace thanos::promql {
namespace {

// What the geometries of one worker may take together. A target's series recur once per metric and
// label value, so all targets of a scrape job should fit.
constexpr size_t kCacheBytesMax = 12 << 20;
constexpr size_t kEntriesMin = 4;
constexpr size_t kBytesPerStep = 41;

}  // namespace

const WindowGeometry& WindowCache::Find(std::span<const int64_t> t, bool with_extrapolation) {
  WindowGeometry* found = nullptr;
  for (const std::unique_ptr<WindowGeometry>& entry : entries_) {
    if (entry->t.size() != t.size()) continue;
    if (!t.empty() && (entry->t.front() != t.front() || entry->t.back() != t.back())) continue;
    if (!t.empty() && std::memcmp(entry->t.data(), t.data(), t.size_bytes()) != 0) continue;
    found = entry.get();
    break;
  }
  if (found == nullptr) {
    found = MakeRoom(t.size_bytes() + spec_.grid.count * kBytesPerStep);
    Compute(t, found);
  }
  if (with_extrapolation && found->first.empty()) ComputeExtrapolation(found);
  return *found;
}

WindowGeometry* WindowCache::MakeRoom(size_t bytes) {
  if ((entries_.size() < kEntriesMin || bytes_ + bytes <= kCacheBytesMax) && Charge(bytes)) {
    bytes_ += bytes;
    entries_.push_back(std::make_unique<WindowGeometry>());
    entries_.back()->charged_bytes = bytes;
    return entries_.back().get();
  }
  if (entries_.empty()) entries_.push_back(std::make_unique<WindowGeometry>());
  // Targets come round in turn: any order of ages would evict the very one that is next.
  random_ = random_ * 6364136223846793005u + 1442695040888963407u;
  WindowGeometry* const victim = entries_[(random_ >> 33) % entries_.size()].get();
  if (bytes > victim->charged_bytes) {
    const size_t more = bytes - victim->charged_bytes;
    if (!Charge(more)) {
      status_ = ResourceExhaustedError("no room for the windows of a series: " +
                                       std::string(refusal_.message()));
    }
    victim->charged_bytes = bytes;
    bytes_ += more;
  }
  return victim;
}

bool WindowCache::Charge(size_t bytes) {
  if (budget_ == nullptr) return true;
  if (lease_.bytes() != 0) {
    refusal_ = lease_.Grow(bytes);
    return refusal_.ok();
  }
  Result<BudgetLease> lease = BudgetLease::Take(budget_, bytes);
  refusal_ = lease.status();
  if (lease.ok()) lease_ = std::move(*lease);
  return lease.ok();
}

void WindowCache::Compute(std::span<const int64_t> t, WindowGeometry* geometry) const {
  const size_t steps = spec_.grid.count;
  geometry->t.assign(t.begin(), t.end());
  geometry->begin.resize(steps);
  geometry->end.resize(steps);
  geometry->any.assign(spec_.grid.words(), 0);
  geometry->two.assign(spec_.grid.words(), 0);
  geometry->visited = 0;
  geometry->first.clear();
  uint32_t begin = 0;
  uint32_t end = 0;
  const auto n = static_cast<uint32_t>(t.size());
  for (size_t i = 0; i < steps; ++i) {
    const int64_t window_end = spec_.End(i);
    const int64_t window_start = window_end - spec_.range_ms;
    while (end < n && t[end] <= window_end) ++end;
    while (begin < end && t[begin] <= window_start) ++begin;
    geometry->begin[i] = begin;
    geometry->end[i] = end;
    geometry->visited += end - begin;
    if (end > begin) SetBit(geometry->any.data(), i);
    if (end > begin + 1) SetBit(geometry->two.data(), i);
  }
}

// How far rate() and its kin extrapolate; what depends on values comes later.
void WindowCache::ComputeExtrapolation(WindowGeometry* geometry) const {
  const size_t steps = spec_.grid.count;
  geometry->first.assign(steps, 0);
  geometry->last.assign(steps, 0);
  geometry->sampled.assign(steps, 1);
  geometry->to_start.assign(steps, 0);
  geometry->to_end.assign(steps, 0);
  for (size_t i = 0; i < steps; ++i) {
    const uint32_t first = geometry->begin[i];
    if (geometry->end[i] < first + 2) continue;
    const uint32_t last = geometry->end[i] - 1;
    const int64_t window_end = spec_.End(i);
    const int64_t window_start = window_end - spec_.range_ms;
    const double sampled = static_cast<double>(geometry->t[last] - geometry->t[first]) / 1000;
    const double average = sampled / static_cast<double>(last - first);
    const double threshold = average * 1.1;
    double to_start = static_cast<double>(geometry->t[first] - window_start) / 1000;
    double to_end = static_cast<double>(window_end - geometry->t[last]) / 1000;
    if (to_start >= threshold) to_start = average / 2;
    if (to_end >= threshold) to_end = average / 2;
    geometry->first[i] = first;
    geometry->last[i] = last;
    geometry->sampled[i] = sampled;
    geometry->to_start[i] = to_start;
    geometry->to_end[i] = to_end;
  }
}

}  // namespace thanos::promql
