#include "tools/meta_template.h"

#include <algorithm>
#include <functional>
#include <map>

namespace thanos::tools {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string List(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) out += (out.size() > 1 ? " " : "") + item;
  return out + "]";
}

std::string Bool(bool value) { return value ? "true" : "false"; }

template <typename Items>
std::string Ids(const Items& ulids) {
  std::vector<std::string> texts;
  for (const auto& ulid : ulids) texts.push_back(ulid.ToString());
  return List(texts);
}

std::string LabelMap(const std::map<std::string, std::string>& labels) {
  std::string out = "map[";
  for (const auto& [name, value] : labels) {
    out += (out.size() > 4 ? " " : "") + name + ":" + value;
  }
  return out + "]";
}

using Getter = std::function<std::string(const block::BlockMeta&)>;

// As fmt's %v writes the fields.
const std::map<std::string, Getter, std::less<>>& Fields() {
  using Meta = block::BlockMeta;
  static const auto* const kFields = new std::map<std::string, Getter, std::less<>>{
      {"ULID", [](const Meta& m) { return m.ulid.ToString(); }},
      {"MinTime", [](const Meta& m) { return std::to_string(m.min_ms); }},
      {"MaxTime", [](const Meta& m) { return std::to_string(m.max_ms); }},
      {"Version", [](const Meta&) { return std::string("1"); }},
      {"Stats.NumSamples", [](const Meta& m) { return std::to_string(m.stats.samples); }},
      {"Stats.NumFloatSamples",
       [](const Meta& m) { return std::to_string(m.stats.float_samples); }},
      {"Stats.NumHistogramSamples",
       [](const Meta& m) { return std::to_string(m.stats.histogram_samples); }},
      {"Stats.NumSeries", [](const Meta& m) { return std::to_string(m.stats.series); }},
      {"Stats.NumChunks", [](const Meta& m) { return std::to_string(m.stats.chunks); }},
      {"Stats.NumTombstones", [](const Meta& m) { return std::to_string(m.stats.tombstones); }},
      {"Compaction.Level", [](const Meta& m) { return std::to_string(m.compaction.level); }},
      {"Compaction.Sources", [](const Meta& m) { return Ids(m.compaction.sources); }},
      {"Compaction.Deletable", [](const Meta& m) { return Bool(m.compaction.deletable); }},
      {"Compaction.Failed", [](const Meta& m) { return Bool(m.compaction.failed); }},
      {"Compaction.Hints", [](const Meta& m) { return List(m.compaction.hints); }},
      {"Thanos.Version", [](const Meta& m) { return std::to_string(m.thanos.version); }},
      {"Thanos.Labels", [](const Meta& m) { return LabelMap(m.thanos.labels); }},
      {"Thanos.Downsample.Resolution",
       [](const Meta& m) { return std::to_string(m.thanos.resolution_ms); }},
      {"Thanos.Source", [](const Meta& m) { return m.thanos.source; }},
      {"Thanos.SegmentFiles", [](const Meta& m) { return List(m.thanos.segment_files); }},
      {"Thanos.IndexStats.SeriesMaxSize",
       [](const Meta& m) { return std::to_string(m.thanos.series_size_max); }},
      {"Thanos.IndexStats.ChunkMaxSize",
       [](const Meta& m) { return std::to_string(m.thanos.chunk_size_max); }},
  };
  return *kFields;
}

std::string Join(const std::vector<std::string>& path) {
  std::string name;
  for (const std::string& part : path) name += (name.empty() ? "" : ".") + part;
  return name;
}

bool IsLabel(const std::vector<std::string>& path) {
  return path.size() == 3 && path[0] == "Thanos" && path[1] == "Labels";
}

Result<std::vector<std::string>> ParsePath(std::string_view action) {
  std::vector<std::string> path;
  std::string_view rest = action;
  while (rest.starts_with('.')) {
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find('.'), rest.size());
    const std::string_view name = rest.substr(0, end);
    if (name.empty() || !std::all_of(name.begin(), name.end(), [](char c) {
          return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                 (c >= 'A' && c <= 'Z');
        })) {
      path.clear();
      break;
    }
    path.emplace_back(name);
    rest.remove_prefix(end);
  }
  if (path.empty() || !rest.empty()) {
    return UnimplementedError("invalid template: {{" + std::string(action) +
                              "}}: only fields such as {{.ULID}} are built");
  }
  if (!IsLabel(path) && !Fields().contains(Join(path))) {
    return InvalidArgumentError("invalid template: {{" + std::string(action) +
                                "}}: there is no such field");
  }
  return path;
}

void TrimRight(std::string* text) {
  const size_t last = text->find_last_not_of(kSpace);
  text->erase(last == std::string::npos ? 0 : last + 1);
}

}  // namespace

Result<MetaTemplate> MetaTemplate::Parse(std::string_view text) {
  MetaTemplate out;
  bool trim = false;  // The action before ended with "-}}".
  while (!text.empty()) {
    const size_t open = text.find("{{");
    std::string plain(text.substr(0, open));
    if (trim) plain.erase(0, std::min(plain.find_first_not_of(kSpace), plain.size()));
    if (open == std::string_view::npos) {
      out.pieces_.push_back({std::move(plain), {}});
      break;
    }
    text.remove_prefix(open + 2);
    if (text.size() > 1 && text[0] == '-' && kSpace.find(text[1]) != std::string_view::npos) {
      TrimRight(&plain);
      text.remove_prefix(1);
    }
    out.pieces_.push_back({std::move(plain), {}});
    const size_t close = text.find("}}");
    if (close == std::string_view::npos) {
      return InvalidArgumentError("invalid template: unclosed action");
    }
    std::string_view action = text.substr(0, close);
    text.remove_prefix(close + 2);
    trim = action.size() > 1 && action.ends_with('-') &&
           kSpace.find(action[action.size() - 2]) != std::string_view::npos;
    if (trim) action.remove_suffix(1);
    const size_t first = action.find_first_not_of(kSpace);
    if (first == std::string_view::npos) {
      return InvalidArgumentError("invalid template: missing value for command");
    }
    action = action.substr(first, action.find_last_not_of(kSpace) + 1 - first);
    if (action.starts_with("/*") && action.ends_with("*/")) continue;
    THANOS_ASSIGN_OR_RETURN(auto path, ParsePath(action));
    out.pieces_.push_back({"", std::move(path)});
  }
  return out;
}

Status MetaTemplate::Append(const block::BlockMeta& meta, std::string* out) const {
  for (const Piece& piece : pieces_) {
    if (piece.path.empty()) {
      *out += piece.text;
    } else if (IsLabel(piece.path)) {
      const auto label = meta.thanos.labels.find(piece.path[2]);
      *out += label == meta.thanos.labels.end() ? "<no value>" : label->second;
    } else {
      *out += Fields().find(Join(piece.path))->second(meta);
    }
  }
  return OkStatus();
}

}  // namespace thanos::tools
