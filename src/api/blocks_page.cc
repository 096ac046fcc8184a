#include "api/blocks_page.h"

#include <algorithm>
#include <memory>
#include <tuple>

#include "api/html.h"
#include "base/time_text.h"

namespace thanos::api {
namespace {

// A page is for people: of more blocks the API tells.
constexpr size_t kRowsMax = 5000;

std::string Row(const BlockRow& row) {
  std::string html = "<tr>";
  for (const std::string& cell :
       {row.ulid, base::FormatRfc3339Ms(row.min_ms), base::FormatRfc3339Ms(row.max_ms),
        base::FormatPromDuration(row.max_ms - row.min_ms),
        row.resolution_ms == 0 ? std::string("raw") : base::FormatPromDuration(row.resolution_ms),
        std::to_string(row.level), std::to_string(row.series), std::to_string(row.samples),
        row.source, row.labels, row.note}) {
    html += "<td>" + EscapeHtml(cell) + "</td>";
  }
  return html + "</tr>";
}

std::string Table(std::vector<BlockRow> rows) {
  std::sort(rows.begin(), rows.end(), [](const BlockRow& a, const BlockRow& b) {
    return std::tie(a.group, a.resolution_ms, a.min_ms, a.ulid) <
           std::tie(b.group, b.resolution_ms, b.min_ms, b.ulid);
  });
  std::string html;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i == 0 || rows[i].group != rows[i - 1].group) {
      if (i > 0) html += "</tbody></table>";
      html += "<h2>" + EscapeHtml(rows[i].group.empty() ? "no label" : rows[i].group) +
              "</h2><table border=\"1\"><thead><tr><th>Block</th><th>From</th><th>To</th>"
              "<th>Length</th><th>Resolution</th><th>Level</th><th>Series</th><th>Samples</th>"
              "<th>Source</th><th>Labels</th><th>Note</th></tr></thead><tbody>";
    }
    html += Row(rows[i]);
  }
  return rows.empty() ? html : html + "</tbody></table>";
}

// Drops the oldest of too many; says how many there are.
std::string KeepNewest(std::vector<BlockRow>* rows) {
  const size_t all = rows->size();
  if (all <= kRowsMax) return std::to_string(all) + " blocks";
  std::nth_element(rows->begin(), rows->begin() + kRowsMax, rows->end(),
                   [](const BlockRow& a, const BlockRow& b) { return a.ulid > b.ulid; });
  rows->resize(kRowsMax);
  return std::to_string(all) + " blocks, the newest " + std::to_string(kRowsMax) +
         " of which are shown; /api/v1/blocks tells of all";
}

}  // namespace

void AddBlocksPage(net::HttpServer* server, BlocksPageOptions given) {
  const auto options = std::make_shared<const BlocksPageOptions>(std::move(given));
  server->Handle({"GET"}, options->path,
                 [options](const CallContext&, const net::HttpRequest&) {
                   std::vector<BlockRow> rows = options->rows();
                   std::string html = "<p>" + KeepNewest(&rows) + "</p>";
                   if (options->remarks) {
                     for (const std::string& remark : options->remarks()) {
                       html += "<p>" + EscapeHtml(remark) + "</p>";
                     }
                   }
                   return HtmlPage(options->title, html + Table(std::move(rows)));
                 },
                 {.name = "blocks_page"});
}

}  // namespace thanos::api
