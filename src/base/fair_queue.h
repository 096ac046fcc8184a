// Who is next of those who want one of few places.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace thanos::base {

/// Places for the items of flows (tenants, say): in order of arrival within a flow, in turns
/// between flows. The last free places, a quarter of all at most, are kept for flows that were
/// here within the last minute and have none now: long work of one flow does not fill the house
/// before short work of another comes. Not thread-safe.
template <typename T>
class FairQueue {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::minutes kRemembered{1};
  static constexpr size_t kIdleFlowsMax = 64;

  explicit FairQueue(size_t places) : places_(std::max<size_t>(places, 1)) {}

  void Push(const std::string& flow, T item) {
    flows_[flow].waiting.push_back(std::move(item));
    ++waiting_;
  }

  /// Whose turn it is, with the flow; it takes a place. Nothing when nobody may go on.
  std::optional<std::pair<std::string, T>> Next(Time now) {
    if (waiting_ == 0 || inside_ >= places_) return std::nullopt;
    auto flow = flows_.upper_bound(last_);
    for (size_t tried = 0; tried < flows_.size(); ++tried, ++flow) {
      if (flow == flows_.end()) flow = flows_.begin();
      if (flow->second.waiting.empty() || !MayEnter(flow->second, now)) continue;
      last_ = flow->first;
      T item = std::move(flow->second.waiting.front());
      flow->second.waiting.pop_front();
      ++flow->second.inside;
      ++inside_;
      --waiting_;
      return std::make_pair(flow->first, std::move(item));
    }
    return std::nullopt;
  }

  /// Gives back a place of the flow.
  void Leave(const std::string& flow, Time now) {
    const auto at = flows_.find(flow);
    if (at == flows_.end() || at->second.inside == 0) return;
    --at->second.inside;
    --inside_;
    at->second.left = now;
    if (at->second.inside == 0) ForgetIdle(now);
  }

  /// False when the item does not wait any more.
  bool Remove(const std::string& flow, const T& item) {
    const auto at = flows_.find(flow);
    if (at == flows_.end()) return false;
    const size_t removed = std::erase(at->second.waiting, item);
    waiting_ -= removed;
    if (at->second.idle() && at->second.left == Time()) flows_.erase(at);
    return removed != 0;
  }

  size_t waiting() const { return waiting_; }
  size_t inside() const { return inside_; }
  size_t flows() const { return flows_.size(); }

 private:
  struct Flow {
    std::deque<T> waiting;
    size_t inside = 0;
    Time left;  // When the last of it gave back its place.
    bool idle() const { return waiting.empty() && inside == 0; }
  };

  bool MayEnter(const Flow& flow, Time now) const {
    if (flow.inside == 0) return true;
    size_t absent = 0;
    for (const auto& [name, other] : flows_) {
      absent += other.inside == 0 && (!other.idle() || now - other.left <= kRemembered);
    }
    return places_ - inside_ > std::min(absent, places_ / 4);
  }

  // Those that were away for long, and the one that was away for longest when there are too many.
  void ForgetIdle(Time now) {
    std::erase_if(flows_, [now](const auto& entry) {
      return entry.second.idle() && now - entry.second.left > kRemembered;
    });
    if (flows_.size() <= kIdleFlowsMax) return;
    auto oldest = flows_.end();
    for (auto at = flows_.begin(); at != flows_.end(); ++at) {
      if (!at->second.idle()) continue;
      if (oldest == flows_.end() || at->second.left < oldest->second.left) oldest = at;
    }
    if (oldest != flows_.end()) flows_.erase(oldest);
  }

  const size_t places_;
  size_t inside_ = 0, waiting_ = 0;
  std::map<std::string, Flow> flows_;
  std::string last_;  // The flow that entered last.
};

}  // namespace thanos::base
