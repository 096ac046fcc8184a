#include "tools/listing.h"

#include <algorithm>
#include <ctime>

#include "base/time_text.h"
#include "downsampling/plan.h"
#include "promql/parser.h"
#include "tools/meta_template.h"

namespace thanos::tools {
namespace {

constexpr int64_t kNsInMs = 1'000'000;
constexpr std::string_view kColumns[] = {
    "ULID",    "FROM",       "UNTIL",       "RANGE",  "UNTIL-DOWN", "#SERIES", "#SAMPLES",
    "#CHUNKS", "COMP-LEVEL", "COMP-FAILED", "LABELS", "RESOLUTION", "SOURCE"};
constexpr size_t kColumnCount = std::size(kColumns);

// Whole seconds, as Go's tools cut them.
int64_t Seconds(int64_t ms) { return ms / 1000; }

std::string Wide(const block::BlockMeta& meta) {
  const int64_t seconds = Seconds(meta.max_ms) - Seconds(meta.min_ms);
  return meta.ulid.ToString() + " -- " + LocalTime(meta.min_ms) + " - " + LocalTime(meta.max_ms) +
         " Diff: " + base::FormatGoDuration(seconds * 1000 * kNsInMs) +
         ", Compaction: " + std::to_string(meta.compaction.level) +
         ", Downsample: " + std::to_string(meta.thanos.resolution_ms) +
         ", Source: " + meta.thanos.source + "\n";
}

// A cell and what it is sorted by.
struct Cell {
  std::string text;
  int64_t number = 0;
};
using Row = std::vector<Cell>;

// With a comma after every three digits.
Cell NumberCell(int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    const bool group = (digits.size() - i) % 3 == 0;
    if (group && i > 0 && digits[i - 1] != '-') text += ',';
    text += digits[i];
  }
  return {text, number};
}
Cell DurationCell(int64_t ms) { return {base::FormatGoDuration(ms * kNsInMs), ms}; }
Cell TimeCell(int64_t ms) { return {LocalTime(ms), Seconds(ms)}; }

Cell UntilDownsampled(const block::BlockMeta& meta) {
  const int64_t range_ms = meta.max_ms - meta.min_ms;
  switch (meta.thanos.resolution_ms) {
    case 0:
      return DurationCell(downsampling::kRawRangeMinMs - range_ms);
    case downsampling::kResolution5mMs:
      return DurationCell(downsampling::k5mRangeMinMs - range_ms);
    default:
      return {"-", INT64_MIN};
  }
}

Row RowOf(const block::BlockMeta& meta) {
  std::string labels;
  for (const auto& [name, value] : meta.thanos.labels) {
    labels += (labels.empty() ? "" : ",") + name + "=" + value;
  }
  return {{meta.ulid.ToString(), 0},
          TimeCell(meta.min_ms),
          TimeCell(meta.max_ms),
          DurationCell(meta.max_ms - meta.min_ms),
          UntilDownsampled(meta),
          NumberCell(static_cast<int64_t>(meta.stats.series)),
          NumberCell(static_cast<int64_t>(meta.stats.samples)),
          NumberCell(static_cast<int64_t>(meta.stats.chunks)),
          NumberCell(meta.compaction.level),
          {meta.compaction.failed ? "true" : "false", 0},
          {labels, 0},
          DurationCell(meta.thanos.resolution_ms),
          {meta.thanos.source, 0}};
}

bool Before(const Row& a, const Row& b, const std::vector<size_t>& columns) {
  for (const size_t column : columns) {
    if (a[column].text == b[column].text) continue;
    if (a[column].number != b[column].number) return a[column].number < b[column].number;
    return a[column].text < b[column].text;
  }
  return a[0].text < b[0].text;
}

// RFC 4180, as encoding/csv writes it.
void AppendSeparated(const std::vector<std::string>& fields, char separator, std::string* out) {
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) *out += separator;
    const std::string& field = fields[i];
    const bool quote = field == "\\." || field.starts_with(' ') ||
                       field.find_first_of(std::string("\"\r\n") + separator) != std::string::npos;
    if (!quote) {
      *out += field;
      continue;
    }
    *out += '"';
    for (const char c : field) {
      if (c == '"') *out += '"';
      *out += c;
    }
    *out += '"';
  }
  *out += '\n';
}

size_t RuneCount(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

void AppendTable(const std::vector<std::vector<std::string>>& lines, std::string* out) {
  std::vector<size_t> widths(kColumnCount);
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], RuneCount(line[i]));
  }
  for (size_t n = 0; n < lines.size(); ++n) {
    for (size_t i = 0; i < lines[n].size(); ++i) {
      const std::string& text = lines[n][i];
      const size_t space = widths[i] - RuneCount(text);
      const size_t left = n == 0 ? space / 2 : 0;  // The heading is centred.
      *out += "| " + std::string(left, ' ') + text + std::string(space - left + 1, ' ');
    }
    *out += "|\n";
    if (n > 0) continue;
    for (const size_t width : widths) *out += "|" + std::string(width + 2, '-');
    *out += "|\n";
  }
}

}  // namespace

std::string LocalTime(int64_t ms) {
  const time_t seconds = Seconds(ms);
  std::tm local{};
  localtime_r(&seconds, &local);
  char text[64];
  const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &local);
  std::string out(text, size);
  if (local.tm_gmtoff == 0) return out + "Z";
  const long minutes = std::abs(local.tm_gmtoff) / 60;
  std::snprintf(text, sizeof text, "%c%02ld:%02ld", local.tm_gmtoff < 0 ? '-' : '+', minutes / 60,
                minutes % 60);
  return out + text;
}

Status WriteListing(const bucketblocks::MetaMap& metas, const std::string& format,
                    std::string* out) {
  std::optional<MetaTemplate> compiled;
  if (!format.empty() && format != "wide" && format != "json") {
    THANOS_ASSIGN_OR_RETURN(compiled, MetaTemplate::Parse(format));
  }
  for (const auto& [ulid, meta] : metas) {
    if (compiled) {
      THANOS_RETURN_IF_ERROR(compiled->Append(*meta, out));
      *out += '\n';
    } else if (format.empty()) {
      *out += ulid.ToString() + "\n";
    } else {
      *out += format == "wide" ? Wide(*meta) : block::WriteMeta(*meta);
    }
  }
  return OkStatus();
}

std::span<const std::string_view> InspectColumns() { return kColumns; }

Status WriteInspection(const bucketblocks::MetaMap& metas, const model::Matchers& matchers,
                       const std::vector<std::string>& sort_by, TableFormat format,
                       std::string* out) {
  std::vector<size_t> columns;
  for (const std::string& name : sort_by) {
    const auto at = std::find(std::begin(kColumns), std::end(kColumns), name);
    if (at == std::end(kColumns)) return InvalidArgumentError("column " + name + " not found");
    columns.push_back(static_cast<size_t>(at - std::begin(kColumns)));
  }
  std::vector<Row> rows;
  for (const auto& [ulid, meta] : metas) {
    if (model::AllMatch(matchers, meta->ExternalLabels())) rows.push_back(RowOf(*meta));
  }
  std::sort(rows.begin(), rows.end(),
            [&](const Row& a, const Row& b) { return Before(a, b, columns); });
  std::vector<std::vector<std::string>> lines;
  lines.emplace_back(std::begin(kColumns), std::end(kColumns));
  for (Row& row : rows) {
    auto& line = lines.emplace_back();
    for (Cell& cell : row) line.push_back(std::move(cell.text));
  }
  if (format == TableFormat::kTable) {
    AppendTable(lines, out);
    return OkStatus();
  }
  for (const auto& line : lines)
    AppendSeparated(line, format == TableFormat::kCsv ? ',' : '\t', out);
  return OkStatus();
}

Result<std::pair<std::string, std::string>> ParseLabelFlag(std::string_view text) {
  const auto wrong = [&] {
    return InvalidArgumentError("unrecognized label \"" + std::string(text) +
                                "\": expected name=\"value\"");
  };
  auto matchers = promql::ParseSelector("{" + std::string(text) + "}");
  if (!matchers.ok() || matchers->size() != 1) return wrong();
  const model::Matcher& matcher = (*matchers)[0];
  if (matcher.type() != model::MatchType::kEqual) return wrong();
  return std::pair(std::string(matcher.name()), std::string(matcher.value()));
}

}  // namespace thanos::tools
