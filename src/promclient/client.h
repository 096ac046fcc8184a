// What the sidecar asks of its Prometheus over HTTP. protocols/prometheus-side §1 to §4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/matcher.h"
#include "net/http_client.h"
#include "thanos/call_context.h"
#include "thanos/labels.h"
#include "thanos/status.h"
#include "wire/federation_messages.h"
#include "wire/remote_read.h"

namespace thanos::promclient {

/// A selection for the label and series calls.
struct MetadataQuery {
  std::vector<model::Matcher> matchers;
  int64_t min_ms = 0, max_ms = 0;
  uint64_t limit = 0;  // 0 is none.
};

/// What Prometheus says of the configuration it runs.
struct ConfigState {
  bool successful = false;       // Of the last attempt to read it.
  std::string last_config_time;  // Of the last success.
};

struct ClientOptions {
  std::string url = "http://localhost:9090";  // Its path is kept in front of each call's.
  std::string user_agent = "Thanos/0.1.0";
  std::string sidecar_user_agent = "thanos-sidecar";  // On buildinfo and config.
  size_t answer_bytes_max = 256 << 20;
};

/// Thread-safe. Errors name the call's URL. An HTTP error of the label, series and federation
/// calls has the code that Thanos gives it: 400 kInvalidArgument, 404 kNotFound, 503 kUnavailable,
/// all others and what goes wrong on the way kInternal; the text holds the body.
class PrometheusClient {
 public:
  PrometheusClient(ClientOptions options, std::shared_ptr<net::HttpClient> http);

  const std::string& url() const { return options_.url; }

  // --- State; these errors are to be tried again, whatever their code ---

  /// global.external_labels of the running configuration.
  Result<Labels> ExternalLabels(const CallContext& context);
  /// "0" from a Prometheus that does not know the call; "" when it was built without.
  Result<std::string> Version(const CallContext& context);
  /// Command-line flags as text. kNotFound from a Prometheus that does not know the call.
  Result<std::map<std::string, std::string>> Flags(const CallContext& context);
  /// Milliseconds; INT64_MIN when there is no sample at all, 0 when the metric is missing.
  Result<int64_t> LowestTimestamp(const CallContext& context);
  Result<ConfigState> ConfigStateNow(const CallContext& context);
  /// Asks it to read its configuration again; only 200 counts.
  Status Reload(const CallContext& context);

  // --- Labels ---

  Result<std::vector<Labels>> Series(const CallContext& context, const MetadataQuery& query);
  /// Sorted, unique.
  Result<std::vector<std::string>> LabelNames(const CallContext& context,
                                              const MetadataQuery& query);
  Result<std::vector<std::string>> LabelValues(const CallContext& context, const std::string& name,
                                               const MetadataQuery& query);

  // --- Federation; as Prometheus says it, without external labels ---

  Result<wire::RulesResponse> Rules(const CallContext& context, wire::RulesType type);
  Result<wire::TargetsResponse> Targets(const CallContext& context, wire::TargetsState state);
  Result<wire::MetadataResponse> Metadata(const CallContext& context, const std::string& metric,
                                          int32_t limit);
  Result<wire::ExemplarsResponse> Exemplars(const CallContext& context,
                                            const wire::ExemplarsRequest& request);
  Result<wire::TsdbStatistics> TsdbStatistics(const CallContext& context, int32_t limit);

  /// The answer's body: frames or, from one that cannot, samples (look at Content-Type). Another
  /// status than 2xx is kUnknown with Thanos' text.
  Result<std::unique_ptr<net::ClientStream>> RemoteRead(const CallContext& context,
                                                        const wire::ReadQuery& query);

 private:
  net::ClientRequest MakeRequest(std::string_view path, const net::Values& parameters) const;
  /// The body of a 2xx answer, "" for 204; others by Thanos' table.
  Result<std::string> GetApi(const CallContext& context, std::string_view path,
                             const net::Values& parameters);
  /// The body of a 2xx answer; others are kUnavailable, 404 and 405 kNotFound.
  Result<std::string> GetState(const CallContext& context, std::string_view path,
                               const std::string& user_agent);
  net::Values ParametersOf(const MetadataQuery& query) const;

  const ClientOptions options_;
  const std::shared_ptr<net::HttpClient> http_;
};

/// True for 2.24.0 and later: label calls take match[] from there on.
bool LabelCallsTakeMatchers(std::string_view version);

/// Seconds since the epoch as Thanos writes them into queries: shortest, no exponent, not above
/// what Prometheus can parse.
std::string SecondsText(int64_t ms);

}  // namespace thanos::promclient
