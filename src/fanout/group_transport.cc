#include "fanout/group_transport.h"

#include <algorithm>
#include <cmath>

#include "base/await.h"

namespace thanos::fanout {
namespace {

class FailedReader : public rpc::FrameReader {
 public:
  explicit FailedReader(Status status) : status_(std::move(status)) {}
  Result<std::optional<base::PinnedBytes>> Next() override { return status_; }

 private:
  const Status status_;
};

// A stream that begins again at the next member while nothing has come.
class GroupReader : public rpc::FrameReader {
 public:
  GroupReader(std::shared_ptr<GroupTransport> group, const CallContext& context, std::string method,
              std::string request, const rpc::StreamOptions& options)
      : group_(std::move(group)),
        context_(context),
        method_(std::move(method)),
        request_(std::move(request)),
        options_(options) {
    Begin();
  }

  Result<std::optional<base::PinnedBytes>> Next() override {
    for (;; ++attempt_) {
      auto frame = inner_->Next();
      came_ |= frame.ok();
      if (came_ || !group_->TryAgain(context_, attempt_, frame.status())) return frame;
      Begin();
    }
  }

 private:
  void Begin() {
    auto member = group_->Next();
    inner_ = member.ok() ? (*member)->Stream(context_, method_, request_, options_)
                         : std::make_unique<FailedReader>(member.status());
  }

  const std::shared_ptr<GroupTransport> group_;
  const CallContext context_;
  const std::string method_, request_;
  const rpc::StreamOptions options_;
  std::unique_ptr<rpc::FrameReader> inner_;
  int attempt_ = 0;
  bool came_ = false;
};

}  // namespace

GroupTransport::GroupTransport(std::string target, GroupPolicy policy, Connect connect)
    : target_(std::move(target)), policy_(std::move(policy)), connect_(std::move(connect)) {}

void GroupTransport::SetMembers(const std::vector<std::string>& addresses) {
  if (addresses.empty()) return;
  std::lock_guard lock(mutex_);
  std::map<std::string, std::shared_ptr<rpc::Channel>> now;
  for (const std::string& address : addresses) {
    if (const auto known = by_address_.find(address); known != by_address_.end()) {
      now.insert(*known);
    } else if (auto member = connect_(address); member.ok()) {
      now.emplace(address, *std::move(member));
    }
  }
  by_address_ = std::move(now);
}

size_t GroupTransport::members() const {
  std::lock_guard lock(mutex_);
  return by_address_.size();
}

Result<std::shared_ptr<rpc::Transport>> GroupTransport::Next() {
  std::lock_guard lock(mutex_);
  if (by_address_.empty()) {
    return UnavailableError("name resolver error: produced zero addresses for " + target_);
  }
  auto at = by_address_.begin();
  std::advance(at, turn_.fetch_add(1) % by_address_.size());
  return at->second->transport();
}

bool GroupTransport::TryAgain(const CallContext& context, int attempt, const Status& status) const {
  const auto& codes = policy_.retryable;
  if (std::find(codes.begin(), codes.end(), status.code()) == codes.end()) return false;
  const size_t count = std::max<size_t>(members(), 1);
  // Each member may be tried once whatever the policy says: only one of them needs to be there.
  const int tries = std::max(policy_.attempts_max, static_cast<int>(count));
  if (attempt + 1 >= tries) return false;
  const size_t tried = static_cast<size_t>(attempt) + 1;
  if (tried % count != 0) return context.Check().ok();
  const double factor = std::pow(policy_.backoff_multiplier, tried / count - 1);
  const double wait = static_cast<double>(policy_.initial_backoff.count()) * factor;
  const double most = static_cast<double>(policy_.max_backoff.count());
  const std::chrono::nanoseconds pause(static_cast<int64_t>(std::min(wait, most)));
  return base::SleepFor(context, pause).ok();
}

Result<base::PinnedBytes> GroupTransport::Unary(const CallContext& context,
                                                const std::string& method, std::string request,
                                                bool) {
  for (int attempt = 0;; ++attempt) {
    auto member = Next();
    if (!member.ok()) return member.status();
    // A member that is not there must not be waited for while others are.
    auto answer = (*member)->Unary(context, method, request, /*wait_for_ready=*/false);
    if (answer.ok() || !TryAgain(context, attempt, answer.status())) return answer;
  }
}

std::unique_ptr<rpc::FrameReader> GroupTransport::Stream(const CallContext& context,
                                                         const std::string& method,
                                                         std::string request,
                                                         const rpc::StreamOptions& options) {
  return std::make_unique<GroupReader>(shared_from_this(), context, method, std::move(request),
                                       options);
}

}  // namespace thanos::fanout
