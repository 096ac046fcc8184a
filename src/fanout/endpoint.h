// One StoreAPI endpoint: a channel and what its last Info said.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "rpc/channel.h"
#include "thanos/series.h"
#include "wire/store_messages.h"

namespace thanos::fanout {

/// What is known of an endpoint at one moment. Immutable.
struct EndpointState {
  wire::InfoResponse info;  // Of the last Info that worked.
  bool ever_reached = false;
  int64_t last_check_ms = 0;  // When Info last worked.
  std::string last_error;     // "" when the last Info worked.
  int failures = 0;           // Of Info, one after the other.
};

/// What a peer may offer; its Info says which.
enum class Api : uint8_t { kStore, kRules, kTargets, kMetadata, kExemplars, kStatus, kQuery };

/// Thread-safe. A SeriesSource over one peer.
class Endpoint : public SeriesSource {
 public:
  Endpoint(std::shared_ptr<rpc::Channel> channel, bool strict,
           std::chrono::nanoseconds response_timeout);

  const std::string& address() const { return channel_->target(); }
  bool strict() const { return strict_; }
  std::shared_ptr<const EndpointState> state() const;
  /// Reached, and not failing: one Info that fails is not yet taken for the peer's end, since what
  /// it holds would be missing from all answers until the next one works.
  bool healthy() const;
  /// Strict endpoints are always asked for what they last offered, or for series when they never
  /// answered; others only while they are healthy.
  bool queryable(Api api = Api::kStore) const;
  /// True when it once offered series and is not asked now: answers lack what it holds.
  bool absent() const;
  /// Longest silence of a call; 0 is none.
  std::chrono::nanoseconds response_timeout() const { return response_timeout_; }
  rpc::Channel& channel() const { return *channel_; }
  /// Calls Info and takes its answer. Only one at a time.
  void Check(const CallContext& context);

  /// A peer that was seen to send series out of order is buffered and sorted from then on.
  bool sends_unsorted() const { return unsorted_.load(); }
  void MarkUnsorted() { unsorted_.store(true); }

  SourceInfo Info() const override;
  Result<std::unique_ptr<SeriesCursor>> Select(const CallContext& context,
                                               const SelectRequest& request) override;
  Result<LabelsResult> LabelNames(const CallContext& context,
                                  const LabelsRequest& request) override;
  Result<LabelsResult> LabelValues(const CallContext& context, const std::string& name,
                                   const LabelsRequest& request) override;

 private:
  const std::shared_ptr<rpc::Channel> channel_;
  const bool strict_;
  const std::chrono::nanoseconds response_timeout_;
  std::atomic<bool> unsorted_{false};
  std::atomic<bool> checking_{false};
  mutable std::mutex mutex_;
  std::shared_ptr<const EndpointState> state_;  // Guarded by mutex_.
};

/// "Addr: h:p MinTime: a MaxTime: b", with the label sets in front where `with_labels`.
std::string DescribeSource(const SourceInfo& info, bool with_labels);
/// The error of a call when it is not the peer's fault: its caller left or ran out of time, or of
/// memory. OK otherwise.
Status OwnFailure(const CallContext& context, const Status& error);
/// As grpc-go prints a status: "rpc error: code = Unavailable desc = …".
std::string RpcErrorText(const Status& status);

}  // namespace thanos::fanout
