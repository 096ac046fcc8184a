// One endpoint of many addresses: calls are spread over them.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fanout/endpoint_config.h"
#include "rpc/channel.h"

namespace thanos::fanout {

/// Round robin over the members; a call that fails in a way the policy repeats goes to the next
/// member at once, and once all had their turn, after a wait. A stream moves on only as long as
/// nothing of it came. Thread-safe.
class GroupTransport : public rpc::Transport, public std::enable_shared_from_this<GroupTransport> {
 public:
  using Connect = std::function<Result<std::shared_ptr<rpc::Channel>>(const std::string&)>;
  GroupTransport(std::string target, GroupPolicy policy, Connect connect);

  /// The addresses from now on; members that stay keep their connections. An empty list changes
  /// nothing: a name that vanished for a moment must not cut the group off.
  void SetMembers(const std::vector<std::string>& addresses);
  size_t members() const;

  Result<base::PinnedBytes> Unary(const CallContext& context, const std::string& method,
                                  std::string request, bool wait_for_ready) override;
  std::unique_ptr<rpc::FrameReader> Stream(const CallContext& context, const std::string& method,
                                           std::string request,
                                           const rpc::StreamOptions& options) override;
  const std::string& target() const override { return target_; }

  /// The next member's; kUnavailable names the group while it has none.
  Result<std::shared_ptr<rpc::Transport>> Next();
  /// After try `attempt` (from 0) ended with `status`: whether there is another. Waits before it
  /// where all members had their turn, at most until the context ends.
  bool TryAgain(const CallContext& context, int attempt, const Status& status) const;

 private:
  const std::string target_;
  const GroupPolicy policy_;
  const Connect connect_;
  std::atomic<size_t> turn_{0};
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<rpc::Channel>> by_address_;  // Guarded by mutex_.
};

}  // namespace thanos::fanout
