#include "rpc/dispatcher.h"

#include <set>

#include "base/await.h"
#include "codec/byte_reader.h"
#include "wire/proto_reader.h"

namespace thanos::rpc {
namespace {

using base::PinnedBytes;
using wire::Tag;
using wire::WireType;

constexpr int kHealthWatchersMax = 64;

class ListStream : public FrameStream {
 public:
  explicit ListStream(std::vector<std::string> frames) : frames_(std::move(frames)) {}
  Result<std::optional<PinnedBytes>> Next() override {
    if (next_ == frames_.size()) return std::optional<PinnedBytes>();
    return std::optional(PinnedBytes::Of(std::move(frames_[next_++])));
  }

 private:
  std::vector<std::string> frames_;
  size_t next_ = 0;
};

std::string BytesField(uint32_t field, std::string_view content) {
  std::string out;
  codec::ByteWriter writer(&out);
  writer.Uvarint(Tag(field, WireType::kBytes));
  writer.UvarintString(content);
  return out;
}

std::string NumberField(uint32_t field, uint64_t value) {
  std::string out;
  codec::ByteWriter writer(&out);
  writer.Uvarint(Tag(field, WireType::kVarint));
  writer.Uvarint(value);
  return out;
}

// grpc.health.v1.HealthCheckResponse: SERVING is 1, NOT_SERVING 2, SERVICE_UNKNOWN 3.
std::string HealthAnswer(bool serving) { return NumberField(1, serving ? 1 : 2); }

// HealthCheckRequest: the service's name.
Result<std::string> HealthService(std::string_view request) {
  wire::ProtoReader reader(request);
  std::string_view service;
  while (!reader.AtEnd()) {
    uint32_t tag = 0;
    if (!reader.ReadTag(&tag)) break;
    if (!(tag == Tag(1, WireType::kBytes) ? reader.Bytes(&service) : reader.Skip(tag))) break;
  }
  if (!reader.ok()) return InvalidArgumentError(std::string("health request: ") + reader.error());
  return std::string(service);
}

class HealthWatch : public FrameStream {
 public:
  HealthWatch(std::shared_ptr<Health> health, CallContext context, bool known_service)
      : health_(std::move(health)), context_(std::move(context)), known_service_(known_service) {}
  ~HealthWatch() override { health_->Leave(); }

  Result<std::optional<PinnedBytes>> Next() override {
    if (!sent_) {
      sent_ = true;
      last_ = health_->serving();
      // A service that is not known may come to be: the caller is kept waiting.
      return std::optional(
          PinnedBytes::Of(known_service_ ? HealthAnswer(last_) : NumberField(1, 3)));
    }
    do {
      THANOS_ASSIGN_OR_RETURN(last_, health_->AwaitChange(context_, last_));
    } while (!known_service_);
    return std::optional(PinnedBytes::Of(HealthAnswer(last_)));
  }

 private:
  const std::shared_ptr<Health> health_;
  const CallContext context_;
  const bool known_service_;
  bool sent_ = false;
  bool last_ = false;
};

// One message of ServerReflectionInfo. Go Thanos lists its services and knows no descriptor: the
// same here. Request: 3 file_by_filename, 4 file_containing_symbol, 5 file_containing_extension,
// 6 all_extension_numbers_of_type, 7 list_services. Response: 2 original_request, 6 list of
// services, 7 error with code and text.
Result<PinnedBytes> AnswerReflection(std::string_view request,
                                     const std::set<std::string>& services) {
  wire::ProtoReader reader(request);
  bool lists = false;
  while (!reader.AtEnd()) {
    uint32_t tag = 0;
    if (!reader.ReadTag(&tag)) break;
    lists |= tag == Tag(7, WireType::kBytes);
    if (!reader.Skip(tag)) break;
  }
  if (!reader.ok()) {
    return InvalidArgumentError(std::string("reflection request: ") + reader.error());
  }
  std::string answer = BytesField(2, request);
  if (lists) {
    std::string list;
    for (const std::string& service : services) list += BytesField(1, BytesField(1, service));
    answer += BytesField(6, list);
  } else {
    answer += BytesField(7, NumberField(1, static_cast<uint64_t>(StatusCode::kNotFound)) +
                                BytesField(2, "proto: not found"));
  }
  return PinnedBytes::Of(std::move(answer));
}

}  // namespace

void Health::Set(bool serving) {
  std::lock_guard lock(mutex_);
  serving_ = serving && !stopping_;
  changed_.notify_all();
}

void Health::Stop() {
  std::lock_guard lock(mutex_);
  serving_ = false;
  stopping_ = true;
  changed_.notify_all();
}

bool Health::serving() const {
  std::lock_guard lock(mutex_);
  return serving_;
}

Result<bool> Health::AwaitChange(const CallContext& context, bool known) {
  bool serving = known;
  const auto changed = [&] {
    serving = serving_;
    return stopping_ || serving != known;
  };
  THANOS_RETURN_IF_ERROR(base::Await(context, mutex_, changed_, changed));
  if (serving != known) return serving;
  return UnavailableError("server is shutting down");
}

bool Health::Enter() {
  if (watchers_.fetch_add(1) < kHealthWatchersMax) return true;
  watchers_.fetch_sub(1);
  return false;
}

std::unique_ptr<FrameStream> MakeListStream(std::vector<std::string> frames) {
  return std::make_unique<ListStream>(std::move(frames));
}

Dispatcher::Dispatcher(Services services, std::shared_ptr<Health> health) {
  if (services.store) AddStore(services.store);
  if (services.info) {
    ServedMethod& info = Add("thanos.info.Info", "Info", CallType::kUnary);
    info.urgent = true;
    info.unary = [service = services.info](const CallContext& context,
                                           std::string_view) -> Result<PinnedBytes> {
      THANOS_ASSIGN_OR_RETURN(wire::InfoResponse response, service->Info(context));
      return PinnedBytes::Of(wire::EncodeInfoResponse(response));
    };
  }
  if (services.query) AddQuery(services.query);
  AddFederated(std::move(services));
  if (health) AddHealth(std::move(health));
  AddReflection("v1");
  AddReflection("v1alpha");
}

ServedMethod& Dispatcher::Add(std::string service, std::string name, CallType type) {
  ServedMethod& method = methods_["/" + service + "/" + name];
  method.service = std::move(service);
  method.name = std::move(name);
  method.type = type;
  return method;
}

Result<const ServedMethod*> Dispatcher::Find(std::string_view path) const {
  if (const auto found = methods_.find(path); found != methods_.end()) return &found->second;
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || slash == 0) {
    return UnimplementedError("malformed method name: \"" + std::string(path) + "\"");
  }
  const std::string service(path.substr(1, slash - 1));
  const std::string prefix = "/" + service + "/";
  const auto near = methods_.lower_bound(prefix);
  if (near == methods_.end() || !near->first.starts_with(prefix)) {
    return UnimplementedError("unknown service " + service);
  }
  return UnimplementedError("unknown method " + std::string(path.substr(slash + 1)) +
                            " for service " + service);
}

void Dispatcher::AddStore(std::shared_ptr<StoreService> store) {
  Add("thanos.Store", "Series", CallType::kServerStream).stream =
      [store](const CallContext& context,
              std::string_view bytes) -> Result<std::unique_ptr<FrameStream>> {
    THANOS_ASSIGN_OR_RETURN(SelectRequest request, wire::DecodeSeriesRequest(bytes));
    return store->Series(context, request);
  };
  Add("thanos.Store", "LabelNames", CallType::kUnary).unary =
      [store](const CallContext& context, std::string_view bytes) -> Result<PinnedBytes> {
    THANOS_ASSIGN_OR_RETURN(LabelsRequest request, wire::DecodeLabelNamesRequest(bytes));
    THANOS_ASSIGN_OR_RETURN(LabelsResult result, store->LabelNames(context, request));
    return PinnedBytes::Of(wire::EncodeLabelNamesResponse(result));
  };
  Add("thanos.Store", "LabelValues", CallType::kUnary).unary =
      [store](const CallContext& context, std::string_view bytes) -> Result<PinnedBytes> {
    THANOS_ASSIGN_OR_RETURN(wire::LabelValuesRequest request,
                            wire::DecodeLabelValuesRequest(bytes));
    THANOS_ASSIGN_OR_RETURN(LabelsResult result,
                            store->LabelValues(context, request.label, request.request));
    return PinnedBytes::Of(wire::EncodeLabelValuesResponse(result));
  };
}

void Dispatcher::AddQuery(std::shared_ptr<QueryService> query) {
  Add("thanos.Query", "Query", CallType::kServerStream).stream =
      [query](const CallContext& context,
              std::string_view bytes) -> Result<std::unique_ptr<FrameStream>> {
    THANOS_ASSIGN_OR_RETURN(wire::QueryRequest request, wire::DecodeQueryRequest(bytes));
    return query->Query(context, request);
  };
  Add("thanos.Query", "QueryRange", CallType::kServerStream).stream =
      [query](const CallContext& context,
              std::string_view bytes) -> Result<std::unique_ptr<FrameStream>> {
    THANOS_ASSIGN_OR_RETURN(wire::QueryRequest request, wire::DecodeQueryRangeRequest(bytes));
    return query->QueryRange(context, request);
  };
}

namespace {

// A method whose request and response have Decode and EncodeFrames in wire.
template <typename Request, typename Service, typename Function>
auto Federated(std::shared_ptr<Service> service, Function function) {
  return [service, function](const CallContext& context,
                             std::string_view bytes) -> Result<std::unique_ptr<FrameStream>> {
    Request request;
    THANOS_RETURN_IF_ERROR(wire::Decode(bytes, &request));
    auto response = std::invoke(function, *service, context, request);
    if (!response.ok()) return response.status();
    return MakeListStream(wire::EncodeFrames(*response));
  };
}

}  // namespace

void Dispatcher::AddFederated(Services services) {
  if (services.rules) {
    Add("thanos.Rules", "Rules", CallType::kServerStream).stream =
        Federated<wire::RulesRequest>(services.rules, &RulesService::Rules);
  }
  if (services.targets) {
    Add("thanos.Targets", "Targets", CallType::kServerStream).stream =
        Federated<wire::TargetsRequest>(services.targets, &TargetsService::Targets);
  }
  if (services.metadata) {
    Add("thanos.Metadata", "MetricMetadata", CallType::kServerStream).stream =
        Federated<wire::MetadataRequest>(services.metadata, &MetadataService::MetricMetadata);
  }
  if (services.exemplars) {
    Add("thanos.Exemplars", "Exemplars", CallType::kServerStream).stream =
        Federated<wire::ExemplarsRequest>(services.exemplars, &ExemplarsService::Exemplars);
  }
  if (services.status) {
    Add("thanos.Status", "TSDBStatistics", CallType::kServerStream).stream =
        Federated<wire::TsdbStatisticsRequest>(services.status, &StatusService::TsdbStatistics);
  }
}

void Dispatcher::AddHealth(std::shared_ptr<Health> health) {
  const std::string service = "grpc.health.v1.Health";
  ServedMethod& check = Add(service, "Check", CallType::kUnary);
  check.urgent = true;
  check.unary = [health](const CallContext&, std::string_view bytes) -> Result<PinnedBytes> {
    THANOS_ASSIGN_OR_RETURN(std::string name, HealthService(bytes));
    if (!name.empty()) return NotFoundError("unknown service");
    return PinnedBytes::Of(HealthAnswer(health->serving()));
  };
  ServedMethod& list = Add(service, "List", CallType::kUnary);
  list.urgent = true;
  list.unary = [health](const CallContext&, std::string_view) -> Result<PinnedBytes> {
    // map<string, HealthCheckResponse> with the one key "".
    return PinnedBytes::Of(
        BytesField(1, BytesField(1, "") + BytesField(2, HealthAnswer(health->serving()))));
  };
  Add(service, "Watch", CallType::kServerStream).stream =
      [health](const CallContext& context,
               std::string_view bytes) -> Result<std::unique_ptr<FrameStream>> {
    THANOS_ASSIGN_OR_RETURN(std::string name, HealthService(bytes));
    if (!health->Enter()) return ResourceExhaustedError("too many watch this server's health");
    return std::make_unique<HealthWatch>(health, context, name.empty());
  };
}

void Dispatcher::AddReflection(const std::string& version) {
  ServedMethod& info = Add("grpc.reflection." + version + ".ServerReflection",
                           "ServerReflectionInfo", CallType::kServerStream);
  info.repeated = true;
  info.unary = [this](const CallContext&, std::string_view request) {
    std::set<std::string> services;
    for (const auto& [path, method] : methods_) services.insert(method.service);
    return AnswerReflection(request, services);
  };
}

}  // namespace thanos::rpc
