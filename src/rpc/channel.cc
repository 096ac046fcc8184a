#include "rpc/channel.h"

#include "base/time_text.h"
#include "codec/byte_reader.h"
#include "rpc/grpc_transport.h"
#include "wire/proto_reader.h"

namespace thanos::rpc {
namespace {

using base::PinnedBytes;

constexpr size_t kAnswerWindowBytes = 1 << 20;

// A decoded answer; what is wrong with it names the peer.
template <typename T>
Result<T> From(const Transport& transport, Result<T> decoded) {
  if (!decoded.ok()) return decoded.status().WithContext(transport.target());
  return decoded;
}

}  // namespace

std::string SilenceText(std::chrono::nanoseconds timeout, const std::string& target) {
  return "failed to receive any data in " + base::FormatGoDuration(timeout.count()) + " from " +
         target;
}

Method MethodOf(const std::string& path, CallType type) {
  const std::string_view text = path;
  const size_t slash = text.rfind('/');
  return {text.substr(1, slash - 1), text.substr(slash + 1), type};
}

std::shared_ptr<Channel> Channel::Connect(const std::string& target, ChannelOptions options) {
  auto transport = MakeGrpcTransport(target, options);
  return std::make_shared<Channel>(std::move(transport), std::move(options));
}

Channel::Channel(std::shared_ptr<Transport> transport, ChannelOptions options)
    : transport_(std::move(transport)), options_(std::move(options)) {}

Channel::~Channel() = default;

const std::string& Channel::target() const { return transport_->target(); }

std::unique_ptr<FrameReader> Channel::Series(const CallContext& context,
                                             const SelectRequest& request,
                                             const StreamOptions& options) {
  return transport_->Stream(context, "/thanos.Store/Series", wire::EncodeSeriesRequest(request),
                            options);
}

Result<LabelsResult> Channel::LabelNames(const CallContext& context, const LabelsRequest& request) {
  return BeginLabelNames(context, request).Await();
}

Result<LabelsResult> Channel::LabelValues(const CallContext& context, const std::string& label,
                                          const LabelsRequest& request) {
  return BeginLabelValues(context, label, request).Await();
}

Result<wire::InfoResponse> Channel::Info(const CallContext& context, bool wait_for_ready) {
  THANOS_ASSIGN_OR_RETURN(PinnedBytes answer,
                          transport_->Unary(context, "/thanos.info.Info/Info", "", wait_for_ready));
  return From(*transport_, wire::DecodeInfoResponse(codec::AsText(answer.bytes())));
}

template <typename Response>
PendingAnswer<Response>::PendingAnswer(std::unique_ptr<FrameReader> reader,
                                       std::shared_ptr<Budget> budget, std::string name,
                                       size_t bytes_max, AddFrame add)
    : reader_(std::move(reader)),
      budget_(std::move(budget)),
      name_(std::move(name)),
      bytes_max_(bytes_max),
      add_(add) {}

template <typename Response>
Result<Response> PendingAnswer<Response>::Await() {
  THANOS_ASSIGN_OR_RETURN(lease_, BudgetLease::Take(budget_, 0));
  Response response;
  for (;;) {
    THANOS_ASSIGN_OR_RETURN(std::optional<PinnedBytes> frame, reader_->Next());
    if (!frame) return response;
    THANOS_RETURN_IF_ERROR(lease_.Grow(frame->size()));
    if (lease_.bytes() > bytes_max_) {
      return ResourceExhaustedError("answer of " + name_ + " is above " +
                                    std::to_string(bytes_max_) + " bytes");
    }
    if (Status status = add_(codec::AsText(frame->bytes()), &response); !status.ok()) {
      return status.WithContext(name_);
    }
  }
}

template class PendingAnswer<wire::RulesResponse>;
template class PendingAnswer<wire::TargetsResponse>;
template class PendingAnswer<wire::MetadataResponse>;
template class PendingAnswer<wire::ExemplarsResponse>;
template class PendingAnswer<wire::TsdbStatisticsResponse>;
template class PendingAnswer<LabelsResult>;

template <typename Response>
PendingAnswer<Response> Channel::BeginCall(const CallContext& context, const std::string& method,
                                           CallType type, std::string request,
                                           std::chrono::nanoseconds silence,
                                           typename PendingAnswer<Response>::AddFrame add) {
  StreamOptions options;
  options.window_bytes = kAnswerWindowBytes;
  options.frame_timeout = silence;
  options.type = type;
  return PendingAnswer<Response>(transport_->Stream(context, method, std::move(request), options),
                                 context.budget(), transport_->target() + " to " + method,
                                 options_.answer_bytes_max, add);
}

PendingAnswer<wire::RulesResponse> Channel::Begin(const CallContext& context,
                                                  const wire::RulesRequest& request,
                                                  std::chrono::nanoseconds silence) {
  return BeginCall<wire::RulesResponse>(context, "/thanos.Rules/Rules", CallType::kServerStream,
                                        wire::Encode(request), silence, wire::AddFrame);
}

Result<wire::RulesResponse> Channel::Rules(const CallContext& context,
                                           const wire::RulesRequest& request) {
  return Begin(context, request).Await();
}

PendingAnswer<wire::TargetsResponse> Channel::Begin(const CallContext& context,
                                                    const wire::TargetsRequest& request,
                                                    std::chrono::nanoseconds silence) {
  return BeginCall<wire::TargetsResponse>(context, "/thanos.Targets/Targets",
                                          CallType::kServerStream, wire::Encode(request), silence,
                                          wire::AddFrame);
}

Result<wire::TargetsResponse> Channel::Targets(const CallContext& context,
                                               const wire::TargetsRequest& request) {
  return Begin(context, request).Await();
}

PendingAnswer<wire::MetadataResponse> Channel::Begin(const CallContext& context,
                                                     const wire::MetadataRequest& request,
                                                     std::chrono::nanoseconds silence) {
  return BeginCall<wire::MetadataResponse>(context, "/thanos.Metadata/MetricMetadata",
                                           CallType::kServerStream, wire::Encode(request), silence,
                                           wire::AddFrame);
}

Result<wire::MetadataResponse> Channel::MetricMetadata(const CallContext& context,
                                                       const wire::MetadataRequest& request) {
  return Begin(context, request).Await();
}

PendingAnswer<wire::ExemplarsResponse> Channel::Begin(const CallContext& context,
                                                      const wire::ExemplarsRequest& request,
                                                      std::chrono::nanoseconds silence) {
  return BeginCall<wire::ExemplarsResponse>(context, "/thanos.Exemplars/Exemplars",
                                            CallType::kServerStream, wire::Encode(request), silence,
                                            wire::AddFrame);
}

Result<wire::ExemplarsResponse> Channel::Exemplars(const CallContext& context,
                                                   const wire::ExemplarsRequest& request) {
  return Begin(context, request).Await();
}

PendingAnswer<wire::TsdbStatisticsResponse> Channel::Begin(
    const CallContext& context, const wire::TsdbStatisticsRequest& request,
    std::chrono::nanoseconds silence) {
  return BeginCall<wire::TsdbStatisticsResponse>(context, "/thanos.Status/TSDBStatistics",
                                                 CallType::kServerStream, wire::Encode(request),
                                                 silence, wire::AddFrame);
}

Result<wire::TsdbStatisticsResponse> Channel::TsdbStatistics(
    const CallContext& context, const wire::TsdbStatisticsRequest& request) {
  return Begin(context, request).Await();
}

PendingAnswer<LabelsResult> Channel::BeginLabelNames(const CallContext& context,
                                                     const LabelsRequest& request,
                                                     std::chrono::nanoseconds silence) {
  return BeginCall<LabelsResult>(
      context, "/thanos.Store/LabelNames", CallType::kUnary, wire::EncodeLabelNamesRequest(request),
      silence, [](std::string_view bytes, LabelsResult* out) -> Status {
        THANOS_ASSIGN_OR_RETURN(*out, wire::DecodeLabelNamesResponse(bytes));
        return OkStatus();
      });
}

PendingAnswer<LabelsResult> Channel::BeginLabelValues(const CallContext& context,
                                                      const std::string& label,
                                                      const LabelsRequest& request,
                                                      std::chrono::nanoseconds silence) {
  return BeginCall<LabelsResult>(context, "/thanos.Store/LabelValues", CallType::kUnary,
                                 wire::EncodeLabelValuesRequest(label, request), silence,
                                 [](std::string_view bytes, LabelsResult* out) -> Status {
                                   THANOS_ASSIGN_OR_RETURN(*out,
                                                           wire::DecodeLabelValuesResponse(bytes));
                                   return OkStatus();
                                 });
}

std::unique_ptr<FrameReader> Channel::Query(const CallContext& context,
                                            const wire::QueryRequest& request,
                                            const StreamOptions& options) {
  return transport_->Stream(context, "/thanos.Query/Query", wire::EncodeQueryRequest(request),
                            options);
}

std::unique_ptr<FrameReader> Channel::QueryRange(const CallContext& context,
                                                 const wire::QueryRequest& request,
                                                 const StreamOptions& options) {
  return transport_->Stream(context, "/thanos.Query/QueryRange",
                            wire::EncodeQueryRangeRequest(request), options);
}

Result<bool> Channel::Healthy(const CallContext& context) {
  THANOS_ASSIGN_OR_RETURN(PinnedBytes answer,
                          transport_->Unary(context, "/grpc.health.v1.Health/Check", "", false));
  wire::ProtoReader reader(codec::AsText(answer.bytes()));
  uint64_t state = 0;
  while (!reader.AtEnd()) {
    uint32_t tag = 0;
    if (!reader.ReadTag(&tag)) break;
    const bool is_state = tag == wire::Tag(1, wire::WireType::kVarint);
    if (!(is_state ? reader.Varint(&state) : reader.Skip(tag))) break;
  }
  return reader.ok() && state == 1;
}

}  // namespace thanos::rpc
