#include "tracing/tracing.h"

#include "tracing/config.h"
#include "tracing/elastic.h"
#include "tracing/exporter.h"
#include "tracing/jaeger.h"
#include "tracing/otlp.h"
#include "tracing/tracer.h"

namespace thanos::tracing {
namespace {

// For configurations that record nothing: no span ever comes here.
class NoSink : public SpanSink {
 public:
  void Take(SpanRecord) override {}
};

Result<std::unique_ptr<SpanSender>> MakeSender(const Config& config) {
  switch (config.destination) {
    case Config::Destination::kNone:
      return std::unique_ptr<SpanSender>();
    case Config::Destination::kJaeger:
      return MakeJaegerSender(config);
    case Config::Destination::kElastic:
      return MakeElasticSender(config);
    case Config::Destination::kOtlp:
      break;
  }
  TextPairs resource;
  if (!config.service_name.empty()) resource.emplace_back("service.name", config.service_name);
  resource.insert(resource.end(), config.resource.begin(), config.resource.end());
  return config.otlp.grpc ? MakeOtlpGrpcSender(config.otlp, std::move(resource))
                          : MakeOtlpHttpSender(config.otlp, std::move(resource));
}

ExporterOptions OptionsOf(const Config& config) {
  ExporterOptions options;
  options.queue_spans_max = config.queue_spans_max;
  options.batch_spans_max = std::min(options.batch_spans_max, options.queue_spans_max);
  options.flush_interval = std::chrono::nanoseconds(config.flush_interval_ns);
  options.send_timeout = std::chrono::nanoseconds(config.send_timeout_ns);
  options.retry = config.retry;
  return options;
}

}  // namespace

struct Tracing::Impl {
  std::shared_ptr<Exporter> exporter;  // Null when nothing is sent.
  std::shared_ptr<net::HttpInterceptor> http;
  std::shared_ptr<rpc::CallInterceptor> grpc;
};

Tracing::Tracing(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tracing::~Tracing() { Stop(); }

Result<std::shared_ptr<Tracing>> Tracing::Make(std::string_view yaml, const base::Logger& logger,
                                               metrics::Registry* registry) {
  if (yaml.empty()) return std::shared_ptr<Tracing>();
  logger.Info("loading tracing configuration");
  auto config = ParseConfig(yaml);
  if (!config.ok()) return config.status().WithContext("parsing config tracing YAML");
  for (const std::string& note : config->notes) {
    logger.Warn("tracing configuration", {{"type", config->type}, {"note", note}});
  }
  auto sender = MakeSender(*config);
  if (!sender.ok()) return sender.status().WithContext("tracing configuration");
  auto impl = std::make_unique<Impl>();
  std::shared_ptr<SpanSink> sink = std::make_shared<NoSink>();
  if (*sender) {
    impl->exporter =
        std::make_shared<Exporter>(OptionsOf(*config), std::move(*sender), logger, registry);
    sink = impl->exporter;
  } else {
    config->sampler.kind = SamplerConfig::Kind::kNever;
    config->sampler.parent_based = false;
  }
  const auto tracer = MakeTracer(config->sampler, std::move(sink));
  impl->http = MakeHttpInterceptor(tracer);
  impl->grpc = MakeCallInterceptor(tracer);
  return std::shared_ptr<Tracing>(new Tracing(std::move(impl)));
}

void Tracing::Stop() {
  if (impl_->exporter) impl_->exporter->Stop();
}

std::shared_ptr<net::HttpInterceptor> Tracing::http() const { return impl_->http; }
std::shared_ptr<rpc::CallInterceptor> Tracing::grpc() const { return impl_->grpc; }

}  // namespace thanos::tracing
