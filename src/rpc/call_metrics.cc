#include "rpc/call_metrics.h"

#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace thanos::rpc {
namespace {

constexpr int kCodes = 17;

std::vector<double> Bounds(CallSide side) {
  std::vector<double> bounds = metrics::OperationSecondsBounds();
  if (side == CallSide::kClient) bounds.insert(bounds.end(), {240, 360, 720});
  return bounds;
}

class CallMetrics : public CallObserver {
 public:
  CallMetrics(metrics::Registry* registry, CallSide side, const std::vector<Method>& methods) {
    const std::string prefix = side == CallSide::kServer ? "grpc_server_" : "grpc_client_";
    const std::string where = side == CallSide::kServer ? "server." : "client.";
    started_ = registry->AddCounterFamily(prefix + "started_total",
                                          "Total number of RPCs started on the " + where);
    handled_ = registry->AddCounterFamily(
        prefix + "handled_total",
        "Total number of RPCs completed on the " + where + " Regardless of success or failure.");
    received_ =
        registry->AddCounterFamily(prefix + "msg_received_total",
                                   "Total number of RPC stream messages received on the " + where);
    sent_ = registry->AddCounterFamily(prefix + "msg_sent_total",
                                       "Total number of gRPC stream messages sent by the " + where);
    seconds_ = registry->AddHistogramFamily(prefix + "handling_seconds",
                                            "Response latency of gRPC calls on the " + where,
                                            Bounds(side));
    if (side == CallSide::kServer) {
      threw_ = registry->AddCounter("grpc_req_panics_recovered_total",
                                    "Total number of gRPC requests recovered from internal panic.");
    }
    for (const Method& method : methods) ForMethod(method);
  }

  void HandlerThrew() override { threw_.Add(); }

  void Started(const Method& method) override { ForMethod(method).started.Add(); }
  void Ended(const Method& method, StatusCode code, double seconds) override {
    const Children& children = ForMethod(method);
    const int index = static_cast<int>(code);
    if (index < kCodes) children.handled[index].Add();
    children.seconds.Observe(seconds);
  }
  void MessageSent(const Method& method) override { ForMethod(method).sent.Add(); }
  void MessageReceived(const Method& method) override { ForMethod(method).received.Add(); }

 private:
  struct Children {
    metrics::Counter started, received, sent;
    metrics::Counter handled[kCodes];
    metrics::Histogram seconds;
  };

  using Name = std::pair<std::string, std::string>;
  using NameView = std::pair<std::string_view, std::string_view>;
  struct ByName {
    using is_transparent = void;
    static NameView View(const Name& name) { return {name.first, name.second}; }
    static NameView View(const NameView& name) { return name; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return View(a) < View(b);
    }
  };

  // Methods are a handful of literals: the map stays small.
  const Children& ForMethod(const Method& method) {
    std::lock_guard lock(mutex_);
    // Asked for each message: found without a copy of the names.
    const auto found = children_.find(NameView(method.service, method.name));
    if (found != children_.end()) return found->second;
    const auto it = children_.try_emplace(Name(method.service, method.name)).first;
    metrics::LabelPairs labels = {
        {"grpc_service", std::string(method.service)},
        {"grpc_method", std::string(method.name)},
        {"grpc_type", method.type == CallType::kUnary ? "unary" : "server_stream"}};
    Children& children = it->second;
    children.started = started_.With(labels);
    children.received = received_.With(labels);
    children.sent = sent_.With(labels);
    children.seconds = seconds_.With(labels);
    for (int code = 0; code < kCodes; ++code) {
      labels["grpc_code"] = std::string(StatusCodeName(static_cast<StatusCode>(code)));
      children.handled[code] = handled_.With(labels);
    }
    return children;
  }

  metrics::Counter threw_;
  metrics::CounterFamily started_, handled_, received_, sent_;
  metrics::HistogramFamily seconds_;
  std::mutex mutex_;
  std::map<Name, Children, ByName> children_;  // Guarded by mutex_; nodes stay where they are.
};

}  // namespace

std::shared_ptr<CallObserver> MakeCallMetrics(metrics::Registry* registry, CallSide side,
                                              const std::vector<Method>& methods) {
  return std::make_shared<CallMetrics>(registry, side, methods);
}

}  // namespace thanos::rpc
