// The client's side: calls to one endpoint, over gRPC or in memory.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/pinned_bytes.h"
#include "rpc/observer.h"
#include "rpc/service.h"
#include "thanos/call_context.h"
#include "thanos/series.h"
#include "thanos/status.h"

namespace thanos::net {
class TlsBridge;
class TlsFollower;
}  // namespace thanos::net

namespace thanos::rpc {

struct StreamOptions {
  /// Frames read ahead are held up to this many bytes (one frame may pass it), charged to the
  /// context's budget.
  size_t window_bytes = 4 << 20;
  /// Longest silence of the stream, before the first frame and between frames, while there is room
  /// in the window; 0 is none. It runs whether or not Next() waits.
  std::chrono::nanoseconds frame_timeout{0};
  /// kUnary: the method answers with one message.
  CallType type = CallType::kServerStream;
};

/// A stream of messages, read ahead on the transport's own threads. One thread at a time calls
/// Next(). The destructor cancels the call and waits for nothing.
class FrameReader {
 public:
  virtual ~FrameReader() = default;
  /// Blocks until a message, the end (nothing) or an error; the same again after those. kCancelled
  /// and kDeadlineExceeded by the context within 100 ms.
  virtual Result<std::optional<base::PinnedBytes>> Next() = 0;
};

/// How bytes travel. Implementations: gRPC, memory. Thread-safe.
class Transport {
 public:
  virtual ~Transport() = default;
  /// `method` is "/thanos.Store/LabelNames". Waits for the connection until the context's deadline
  /// when `wait_for_ready`, else an unreachable peer is kUnavailable at once.
  virtual Result<base::PinnedBytes> Unary(const CallContext& context, const std::string& method,
                                          std::string request, bool wait_for_ready) = 0;
  /// Returns at once; errors come from Next().
  virtual std::unique_ptr<FrameReader> Stream(const CallContext& context, const std::string& method,
                                              std::string request,
                                              const StreamOptions& options) = 0;
  virtual const std::string& target() const = 0;
};

struct ChannelOptions {
  /// Largest answer of a call other than Series, all frames together.
  size_t answer_bytes_max = 256 << 20;
  std::chrono::nanoseconds keepalive_time = std::chrono::seconds(10);
  std::chrono::nanoseconds keepalive_timeout = std::chrono::seconds(5);
  /// What a peer may send ahead on one stream before we read it, in gRPC's own buffers: fixed, so
  /// that hundreds of streams that nobody reads hold little. Also bandwidth times round trip.
  size_t stream_buffer_bytes = 1 << 20;
  std::string user_agent = "thanos/0.1.0";
  std::shared_ptr<CallObserver> observer;
  /// Set both for TLS. Many channels share a bridge.
  std::shared_ptr<net::TlsFollower> tls;
  std::shared_ptr<net::TlsBridge> bridge;
  std::string server_name;  // Sent as :authority; "" is the target.
  std::vector<std::pair<std::string, std::string>> metadata;  // Of each call; lower-case names.
  bool gzip = false;                                          // Packs what is sent.
};

/// A call under way whose answer comes in frames that are joined. One thread. The destructor
/// cancels the call and waits for nothing.
template <typename Response>
class PendingAnswer {
 public:
  /// Takes one frame into the answer.
  using AddFrame = Status (*)(std::string_view, Response*);
  PendingAnswer(std::unique_ptr<FrameReader> reader, std::shared_ptr<Budget> budget,
                std::string name, size_t bytes_max, AddFrame add);
  /// Blocks until the answer is whole or an error; call it once. The bytes received stay charged to
  /// the context's budget as long as this lives.
  Result<Response> Await();

 private:
  std::unique_ptr<FrameReader> reader_;
  std::shared_ptr<Budget> budget_;
  std::string name_;  // "peer to method", for errors.
  size_t bytes_max_;
  AddFrame add_;
  BudgetLease lease_;
};

/// Typed calls to one endpoint. Thread-safe; cheap to make, connects when first used. Errors of
/// calls keep code and text of the peer. The context's deadline, tenant and request id travel.
class Channel {
 public:
  /// `target` is "host:port".
  static std::shared_ptr<Channel> Connect(const std::string& target, ChannelOptions options = {});
  Channel(std::shared_ptr<Transport> transport, ChannelOptions options);
  ~Channel();

  const std::string& target() const;
  const std::shared_ptr<Transport>& transport() const { return transport_; }

  /// SeriesResponse messages, for wire::SeriesFrameDecoder.
  std::unique_ptr<FrameReader> Series(const CallContext& context, const SelectRequest& request,
                                      const StreamOptions& options);
  Result<LabelsResult> LabelNames(const CallContext& context, const LabelsRequest& request);
  Result<LabelsResult> LabelValues(const CallContext& context, const std::string& label,
                                   const LabelsRequest& request);
  /// Waits for the connection until the context's deadline, unless told not to.
  Result<wire::InfoResponse> Info(const CallContext& context, bool wait_for_ready = true);
  Result<wire::RulesResponse> Rules(const CallContext& context, const wire::RulesRequest& request);
  Result<wire::TargetsResponse> Targets(const CallContext& context,
                                        const wire::TargetsRequest& request);
  Result<wire::MetadataResponse> MetricMetadata(const CallContext& context,
                                                const wire::MetadataRequest& request);
  Result<wire::ExemplarsResponse> Exemplars(const CallContext& context,
                                            const wire::ExemplarsRequest& request);
  Result<wire::TsdbStatisticsResponse> TsdbStatistics(const CallContext& context,
                                                      const wire::TsdbStatisticsRequest& request);
  // The same calls, begun at once and awaited later, so that one thread waits for many peers.
  // `silence` is the longest time without a frame; 0 is none.
  PendingAnswer<wire::RulesResponse> Begin(const CallContext& context,
                                           const wire::RulesRequest& request,
                                           std::chrono::nanoseconds silence = {});
  PendingAnswer<wire::TargetsResponse> Begin(const CallContext& context,
                                             const wire::TargetsRequest& request,
                                             std::chrono::nanoseconds silence = {});
  PendingAnswer<wire::MetadataResponse> Begin(const CallContext& context,
                                              const wire::MetadataRequest& request,
                                              std::chrono::nanoseconds silence = {});
  PendingAnswer<wire::ExemplarsResponse> Begin(const CallContext& context,
                                               const wire::ExemplarsRequest& request,
                                               std::chrono::nanoseconds silence = {});
  PendingAnswer<wire::TsdbStatisticsResponse> Begin(const CallContext& context,
                                                    const wire::TsdbStatisticsRequest& request,
                                                    std::chrono::nanoseconds silence = {});
  PendingAnswer<LabelsResult> BeginLabelNames(const CallContext& context,
                                              const LabelsRequest& request,
                                              std::chrono::nanoseconds silence = {});
  PendingAnswer<LabelsResult> BeginLabelValues(const CallContext& context, const std::string& label,
                                               const LabelsRequest& request,
                                               std::chrono::nanoseconds silence = {});
  /// Frames of wire/query_messages.h.
  std::unique_ptr<FrameReader> Query(const CallContext& context, const wire::QueryRequest& request,
                                     const StreamOptions& options);
  std::unique_ptr<FrameReader> QueryRange(const CallContext& context,
                                          const wire::QueryRequest& request,
                                          const StreamOptions& options);
  /// True when the peer's health service says SERVING.
  Result<bool> Healthy(const CallContext& context);

 private:
  template <typename Response>
  PendingAnswer<Response> BeginCall(const CallContext& context, const std::string& method,
                                    CallType type, std::string request,
                                    std::chrono::nanoseconds silence,
                                    typename PendingAnswer<Response>::AddFrame add);

  std::shared_ptr<Transport> transport_;
  ChannelOptions options_;
};

/// A transport that calls `services` within the process, over threads and queues of its own; the
/// same semantics as over gRPC. For tests.
std::shared_ptr<Transport> MakeMemoryTransport(std::string target, Services services);

}  // namespace thanos::rpc
