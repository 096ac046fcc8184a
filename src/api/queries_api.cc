#include "api/queries_api.h"

#include <algorithm>

#include "base/json_text.h"
#include "base/number_text.h"
#include "base/time_text.h"

namespace thanos::api {
namespace {

using promapi::ErrorKind;
using query::QueryRecord;

void AppendRecord(const QueryRecord& record, std::string* out) {
  *out += "{\"id\":\"" + std::to_string(record.id) + "\",\"query\":";
  base::AppendJsonString(record.text, out, true);
  *out += ",\"tenant\":";
  base::AppendJsonString(record.tenant, out, true);
  const auto seconds = [out](std::string_view key, double value) {
    out->append(",\"").append(key).append("\":");
    base::AppendFloatApi(value, out);
  };
  seconds("start", static_cast<double>(record.start_ms) / 1000);
  seconds("end", static_cast<double>(record.end_ms) / 1000);
  seconds("step", static_cast<double>(record.step_ms) / 1000);
  *out += ",\"began\":\"" + base::FormatRfc3339Ms(record.began_ms) + "\"";
  seconds("seconds", record.seconds);
  *out += ",\"samples\":" + std::to_string(record.samples) +
          ",\"peakBytes\":" + std::to_string(record.peak_bytes) + ",\"error\":";
  base::AppendJsonString(record.error, out, true);
  *out += '}';
}

void AppendRecords(std::string_view key, const std::vector<QueryRecord>& records,
                   std::string* out) {
  out->append("\"").append(key).append("\":[");
  for (const QueryRecord& record : records) {
    if (out->back() != '[') *out += ',';
    AppendRecord(record, out);
  }
  *out += ']';
}

// A tenant's own, where tenancy is enforced.
std::vector<QueryRecord> Visible(const TenantOptions& options, const CallContext& context,
                                 std::vector<QueryRecord> records) {
  if (options.enforce) {
    std::erase_if(records,
                  [&](const QueryRecord& record) { return record.tenant != context.tenant(); });
  }
  return records;
}

net::HttpResponse HandleList(const TenantOptions& options, const query::QueryLog& log,
                             const CallContext& context) {
  std::string data = "{";
  AppendRecords("active", Visible(options, context, log.Running()), &data);
  data += ',';
  AppendRecords("finished", Visible(options, context, log.Finished()), &data);
  auto response = Success(data + "}", {});
  response.headers.Set("Cache-Control", "no-store");
  return response;
}

net::HttpResponse HandleCancel(const TenantOptions& options, query::QueryLog* log,
                               const CallContext& context, const net::HttpRequest& request) {
  const std::string text(request.PathParam("id"));
  const auto id = base::ParseGoInt(text);
  if (id.ok() && *id > 0) {
    const auto running = Visible(options, context, log->Running());
    const auto wanted = static_cast<uint64_t>(*id);
    const bool visible =
        std::any_of(running.begin(), running.end(),
                    [&](const QueryRecord& record) { return record.id == wanted; });
    if (visible && log->Cancel(wanted)) return Success("{}", {});
  }
  return Failure(ErrorKind::kNotFound, "no query " + text + " is running");
}

}  // namespace

void AddQueriesApi(ApiRoutes* routes, TenantOptions tenant, query::QueryLog* log) {
  const auto with_tenant = [tenant](auto handler) -> net::HttpHandler {
    return [tenant, handler](const CallContext& context, const net::HttpRequest& request) {
      auto of_tenant = WithTenant(tenant, context, request);
      if (!of_tenant.ok()) return Failure(ErrorKind::kBadData, of_tenant.status().message());
      return handler(*of_tenant, request);
    };
  };
  routes->Handle({"GET"}, "/queries", "queries",
                 with_tenant([tenant, log](const CallContext& context, const net::HttpRequest&) {
                   return HandleList(tenant, *log, context);
                 }));
  routes->HandleMutating(
      {"POST"}, "/queries/:id/cancel", "query_cancel",
      with_tenant([tenant, log](const CallContext& context, const net::HttpRequest& request) {
        return HandleCancel(tenant, log, context, request);
      }));
}

}  // namespace thanos::api
