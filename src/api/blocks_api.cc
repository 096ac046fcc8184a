#include "api/blocks_api.h"

#include "base/json_text.h"
#include "base/time_text.h"

namespace thanos::api {
namespace {

// Go's zero time where there was no sync.
std::string TimeText(int64_t ms) {
  if (ms == 0) return "0001-01-01T00:00:00Z";
  return base::FormatRfc3339Nano(ms / 1000, ms % 1000 * 1'000'000);
}

std::string Json(const std::string& label, const BlocksView& view) {
  std::string out = "{\"label\":";
  base::AppendJsonString(label, &out, true);
  out += ",\"blocks\":[";
  for (size_t i = 0; i < view.metas.size(); ++i) {
    if (i > 0) out += ',';
    out += view.metas[i];
  }
  out += "],\"refreshedAt\":\"" + TimeText(view.refreshed_ms) + "\",\"err\":";
  if (view.error.empty()) {
    out += "null";
  } else {
    base::AppendJsonString(view.error, &out, true);
  }
  out += ",\"troubled\":[";
  for (size_t i = 0; i < view.troubled.size(); ++i) {
    const TroubledBlock& block = view.troubled[i];
    out += i > 0 ? ",{\"ulid\":" : "{\"ulid\":";
    base::AppendJsonString(block.ulid, &out, true);
    out += ",\"state\":";
    base::AppendJsonString(block.state, &out, true);
    out += ",\"reason\":";
    base::AppendJsonString(block.reason, &out, true);
    out += '}';
  }
  return out + "]}";
}

}  // namespace

void AddBlocksApi(ApiRoutes* routes, std::string label, std::function<BlocksView()> loaded,
                  std::function<BlocksView()> global) {
  routes->Handle({"GET"}, "/blocks", "blocks",
                 [label = std::move(label), loaded = std::move(loaded), global = std::move(global)](
                     const CallContext&, const net::HttpRequest& request) {
                   if (request.query.Get("view") == "loaded") {
                     return Success(Json(label, loaded()), {});
                   }
                   return Success(Json(label, global ? global() : BlocksView()), {});
                 });
}

void AddBlockMarkApi(ApiRoutes* routes,
                     std::function<Status(const CallContext&, const BlockMarkForm&)> mark) {
  routes->HandleMutating(
      {"POST"}, "/blocks/mark", "blocks_mark",
      [mark = std::move(mark)](const CallContext& context, const net::HttpRequest& request) {
        if (!request.form_error.ok()) {
          return Failure(promapi::ErrorKind::kBadData, request.form_error.message());
        }
        const BlockMarkForm form{std::string(request.form.Get("id")),
                                 std::string(request.form.Get("action")),
                                 std::string(request.form.Get("detail"))};
        const Status status = mark(context, form);
        if (!status.ok()) return Failure(promapi::ErrorKind::kBadData, status.message());
        return Success("", {});
      });
}

}  // namespace thanos::api
