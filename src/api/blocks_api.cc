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

// The members of an object in a list, which the caller closes.
void AppendTexts(std::initializer_list<std::pair<std::string_view, std::string_view>> members,
                 std::string* out) {
  if (out->back() != '[') *out += ',';
  char before = '{';
  for (const auto& [name, value] : members) {
    *out += before;
    base::AppendJsonString(name, out);
    *out += ':';
    base::AppendJsonString(value, out, true);
    before = ',';
  }
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
  for (const TroubledBlock& block : view.troubled) {
    AppendTexts({{"ulid", block.ulid}, {"state", block.state}, {"reason", block.reason}}, &out);
    out += '}';
  }
  out += "],\"marks\":[";
  for (const BlockMark& mark : view.marks) {
    AppendTexts({{"ulid", mark.ulid},
                 {"kind", mark.kind},
                 {"reason", mark.reason},
                 {"details", mark.details}},
                &out);
    out += ",\"time\":" + std::to_string(mark.time_s) + "}";
  }
  return out + "]}";
}

}  // namespace

void AddBlocksApi(ApiRoutes* routes, std::string label, std::function<BlocksView()> loaded,
                  std::function<BlocksView()> global) {
  routes->Handle({"GET"}, "/blocks", "blocks",
                 [label = std::move(label), loaded = std::move(loaded), global = std::move(global)](
                     const CallContext&, const net::HttpRequest& request) {
                   const auto& view = request.query.Get("view") == "loaded" ? loaded : global;
                   return Success(Json(label, view ? view() : BlocksView()), {});
                 });
}

void AddBlockMarkApi(ApiRoutes* routes, BlockMarkFunction mark) {
  routes->HandleMutating(
      {"POST"}, "/blocks/mark", "blocks_mark",
      [mark = std::move(mark)](const CallContext& context, const net::HttpRequest& request) {
        const auto refuse = [](std::string_view why) {
          return Failure(promapi::ErrorKind::kBadData, why);
        };
        if (!mark) return refuse("Admin operations are disabled");
        BlockMarkRequest wanted;
        wanted.id = request.form.Get("id");
        wanted.detail = request.form.Get("detail");
        const std::string_view action = request.form.Get("action");
        if (wanted.id.empty()) return refuse("ID cannot be empty");
        if (action.empty()) return refuse("Action cannot be empty");
        wanted.deletion = action == "DELETION";
        if (!wanted.deletion && action != "NO_COMPACTION") {
          return refuse("not supported marker " + std::string(action));
        }
        const Status status = mark(context, wanted);
        return status.ok() ? Success("", {}) : refuse(status.message());
      });
}

}  // namespace thanos::api
