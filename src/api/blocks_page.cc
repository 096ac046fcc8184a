#include "api/blocks_page.h"

#include <algorithm>
#include <memory>
#include <tuple>

#include "base/time_text.h"

namespace thanos::api {
namespace {

std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Row(const BlockRow& row) {
  std::string html = "<tr>";
  for (const std::string& cell :
       {row.ulid, base::FormatRfc3339Ms(row.min_ms), base::FormatRfc3339Ms(row.max_ms),
        base::FormatPromDuration(row.max_ms - row.min_ms),
        row.resolution_ms == 0 ? std::string("raw") : base::FormatPromDuration(row.resolution_ms),
        std::to_string(row.level), std::to_string(row.series), std::to_string(row.samples),
        row.source, row.labels, row.note}) {
    html += "<td>" + Escape(cell) + "</td>";
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
      html += "<h2>" + Escape(rows[i].group.empty() ? "no label" : rows[i].group) +
              "</h2><table border=\"1\"><thead><tr><th>Block</th><th>From</th><th>To</th>"
              "<th>Length</th><th>Resolution</th><th>Level</th><th>Series</th><th>Samples</th>"
              "<th>Source</th><th>Labels</th><th>Note</th></tr></thead><tbody>";
    }
    html += Row(rows[i]);
  }
  return rows.empty() ? "<p>No blocks.</p>" : html + "</tbody></table>";
}

}  // namespace

void AddBlocksPage(net::HttpServer* server, BlocksPageOptions given) {
  const auto options = std::make_shared<const BlocksPageOptions>(std::move(given));
  server->Handle({"GET"}, options->path,
                 [options](const CallContext&, const net::HttpRequest&) {
                   std::string html =
                       "<!doctype html><html lang=\"en\"><head><meta "
                       "charset=\"utf-8\"><title>" +
                       Escape(options->title) + "</title></head><body><h1>" +
                       Escape(options->title) + "</h1>";
                   for (const std::string& remark : options->remarks()) {
                     html += "<p>" + Escape(remark) + "</p>";
                   }
                   net::HttpResponse response;
                   response.headers.Set("Content-Type", "text/html; charset=utf-8");
                   response.headers.Set("X-Content-Type-Options", "nosniff");
                   response.headers.Set("Content-Security-Policy", "default-src 'none'");
                   response.body = html + Table(options->rows()) + "</body></html>\n";
                   return response;
                 },
                 {.name = "blocks_page"});
}

}  // namespace thanos::api
