#include "block/meta.h"

#include <charconv>
#include <utility>

#include "base/json_text.h"
#include "base/time_text.h"
#include "block/json_value.h"

namespace thanos::block {
namespace {

using Kind = JsonValue::Kind;

// Reads the fields of one object with Go's rules: an absent field or null leaves the value alone.
// The first error sticks, so that a group of fields is read first and checked once.
class ObjectReader {
 public:
  ObjectReader(const JsonValue& value, std::string path, Status* status)
      : value_(value), path_(std::move(path)), status_(status) {
    if (value.kind != Kind::kObject && !value.is_null()) Fail("", "an object expected");
  }

  const JsonValue* Field(std::string_view name, Kind kind, std::string_view what) {
    const JsonValue* field = value_.Find(name);
    if (field == nullptr || field->is_null()) return nullptr;
    if (field->kind == kind) return field;
    Fail(name, what);
    return nullptr;
  }

  template <typename Integer>
  void Int(std::string_view name, Integer* out) {
    const JsonValue* field = Field(name, Kind::kNumber, "a number expected");
    if (field == nullptr) return;
    Integer value{};
    const char* end = field->text.data() + field->text.size();
    const auto [rest, error] = std::from_chars(field->text.data(), end, value);
    if (error != std::errc() || rest != end) {
      return Fail(name, "number " + field->text + " does not fit");
    }
    *out = value;
  }
  void Bool(std::string_view name, bool* out) {
    const JsonValue* field = value_.Find(name);
    if (field == nullptr || field->is_null()) return;
    if (field->kind != Kind::kTrue && field->kind != Kind::kFalse) {
      return Fail(name, "true or false expected");
    }
    *out = field->kind == Kind::kTrue;
  }
  void Text(std::string_view name, std::string* out) {
    if (const JsonValue* field = Field(name, Kind::kString, "a string expected")) {
      *out = field->text;
    }
  }
  void Id(std::string_view name, base::Ulid* out) {
    const JsonValue* field = Field(name, Kind::kString, "a ULID expected");
    if (field != nullptr) ParseId(*field, name, out);
  }
  void ParseId(const JsonValue& value, std::string_view name, base::Ulid* out) {
    auto id = base::Ulid::ParseLenient(value.text);
    if (value.kind != Kind::kString || !id.ok()) {
      return Fail(name, "ulid " + value.text + " is malformed");
    }
    *out = *id;
  }
  template <typename Body>
  void Object(std::string_view name, const Body& body) {
    if (const JsonValue* field = Field(name, Kind::kObject, "an object expected")) {
      ObjectReader reader(*field, PathOf(name), status_);
      body(reader);
    }
  }
  /// body(const JsonValue& item, std::string path) for each.
  template <typename Body>
  void Array(std::string_view name, const Body& body) {
    const JsonValue* field = Field(name, Kind::kArray, "an array expected");
    if (field == nullptr) return;
    for (const JsonValue& item : field->items) body(item, PathOf(name));
  }
  void Texts(std::string_view name, std::vector<std::string>* out) {
    Array(name, [&](const JsonValue& item, const std::string&) {
      if (item.kind != Kind::kString && !item.is_null()) return Fail(name, "a string expected");
      out->push_back(item.text);
    });
  }
  void Fail(std::string_view name, std::string_view what) {
    if (!status_->ok()) return;
    *status_ = DataLossError("meta.json: " + PathOf(name) + ": " + std::string(what));
  }
  // Well-formed, but of a format that is not known.
  void FailVersion(std::string_view what) {
    if (!status_->ok()) return;
    *status_ =
        FailedPreconditionError("meta.json: " + PathOf("version") + ": " + std::string(what));
  }
  Status* status() { return status_; }
  const JsonValue& value() const { return value_; }

 private:
  std::string PathOf(std::string_view name) const {
    if (path_.empty()) return std::string(name);
    return name.empty() ? path_ : path_ + "." + std::string(name);
  }
  const JsonValue& value_;
  std::string path_;
  Status* status_;
};

void ReadStats(ObjectReader& in, BlockStats* out) {
  in.Int("numSamples", &out->samples);
  in.Int("numFloatSamples", &out->float_samples);
  in.Int("numHistogramSamples", &out->histogram_samples);
  in.Int("numSeries", &out->series);
  in.Int("numChunks", &out->chunks);
  in.Int("numTombstones", &out->tombstones);
}

void ReadCompaction(ObjectReader& in, CompactionMeta* out) {
  in.Int("level", &out->level);
  in.Array("sources", [&](const JsonValue& item, const std::string&) {
    base::Ulid id;
    if (!item.is_null()) in.ParseId(item, "sources", &id);
    out->sources.push_back(id);
  });
  in.Bool("deletable", &out->deletable);
  in.Array("parents", [&](const JsonValue& item, const std::string& path) {
    ObjectReader parent(item, path, in.status());
    BlockParent& read = out->parents.emplace_back();
    parent.Id("ulid", &read.ulid);
    parent.Int("minTime", &read.min_ms);
    parent.Int("maxTime", &read.max_ms);
  });
  in.Bool("failed", &out->failed);
  in.Texts("hints", &out->hints);
}

void ReadFile(ObjectReader& in, FileMeta* out) {
  in.Text("rel_path", &out->path);
  in.Int("size_bytes", &out->size_bytes);
  in.Object("hash", [out](ObjectReader& hash) {
    out->has_hash = true;
    hash.Text("hashFunc", &out->hash_function);
    hash.Text("value", &out->hash_value);
  });
}

// Rewrites are history: their shape is checked, their content kept as it is.
void CheckRewrites(ObjectReader& in) {
  in.Array("rewrites", [&](const JsonValue& item, const std::string& path) {
    ObjectReader rewrite(item, path, in.status());
    rewrite.Array("sources", [&](const JsonValue& source, const std::string&) {
      base::Ulid id;
      rewrite.ParseId(source, "sources", &id);
    });
    rewrite.Array("deletions_applied", [&](const JsonValue& deletion, const std::string& where) {
      ObjectReader reader(deletion, where, in.status());
      reader.Field("matchers", Kind::kArray, "an array of matchers expected");
      reader.Field("intervals", Kind::kArray, "an array of intervals expected");
      reader.Field("request_id", Kind::kString, "a string expected");
    });
    rewrite.Field("relabels_applied", Kind::kArray, "an array expected");
  });
}

// Objects whose fields Go writes in the order of its structs.
constexpr std::string_view kRewriteOrder[] = {"sources",
                                              "deletions_applied",
                                              "relabels_applied",
                                              "matchers",
                                              "intervals",
                                              "request_id",
                                              "source_labels",
                                              "separator",
                                              "regex",
                                              "modulus",
                                              "target_label",
                                              "replacement",
                                              "action",
                                              "Type",
                                              "Name",
                                              "Value",
                                              "Mint",
                                              "Maxt"};

void AppendOrdered(const JsonValue& value, int depth, std::string* out);

void AppendItem(bool first, int depth, std::string* out) {
  if (!first) out->push_back(',');
  out->push_back('\n');
  out->append(static_cast<size_t>(depth) + 1, '\t');
}

void AppendOrdered(const JsonValue& value, int depth, std::string* out) {
  const bool object = value.kind == Kind::kObject;
  if (!object && value.kind != Kind::kArray) return AppendJson(value, depth, out);
  bool first = true;
  out->push_back(object ? '{' : '[');
  for (const JsonValue& item : value.items) {
    if (object) break;
    AppendItem(first, depth, out);
    first = false;
    AppendOrdered(item, depth + 1, out);
  }
  for (const std::string_view name : kRewriteOrder) {
    const JsonValue* field = object ? value.Find(name) : nullptr;
    if (field == nullptr || field->is_null()) continue;
    AppendItem(first, depth, out);
    first = false;
    base::AppendJsonString(name, out, true);
    out->append(": ");
    AppendOrdered(*field, depth + 1, out);
  }
  if (!first) {
    out->push_back('\n');
    out->append(static_cast<size_t>(depth), '\t');
  }
  out->push_back(object ? '}' : ']');
}

constexpr int kSectionDepth = 2;  // Tabs in front of the fields of the Thanos section.

void ReadThanos(ObjectReader& in, ThanosMeta* out) {
  in.Int("version", &out->version);
  if (out->version != 0 && out->version != 1) {
    in.FailVersion("unexpected meta file Thanos section version " + std::to_string(out->version));
  }
  in.Object("labels", [out](ObjectReader& labels) {
    for (size_t i = 0; i < labels.value().names.size(); ++i) {
      const std::string& name = labels.value().names[i];
      const JsonValue& value = labels.value().items[i];
      if (value.kind != Kind::kString && !value.is_null()) labels.Fail(name, "a string expected");
      out->labels[name] = value.text;
    }
  });
  in.Object("downsample",
            [out](ObjectReader& downsample) { downsample.Int("resolution", &out->resolution_ms); });
  in.Text("source", &out->source);
  in.Texts("segment_files", &out->segment_files);
  in.Array("files", [&](const JsonValue& item, const std::string& path) {
    ObjectReader file(item, path, in.status());
    ReadFile(file, &out->files.emplace_back());
  });
  CheckRewrites(in);
  const JsonValue* rewrites = in.value().Find("rewrites");
  const JsonValue* extensions = in.value().Find("extensions");
  for (const JsonValue* kept : {rewrites, extensions}) {
    if (kept == nullptr || JsonDepth(*kept) <= kJsonWriteDepthMax) continue;
    return in.Fail(kept == rewrites ? "rewrites" : "extensions", "nested too deep");
  }
  if (rewrites != nullptr && !rewrites->items.empty()) {
    AppendOrdered(*rewrites, kSectionDepth, &out->rewrites_json);
  }
  in.Object("index_stats", [out](ObjectReader& stats) {
    stats.Int("series_max_size", &out->series_size_max);
    stats.Int("chunk_max_size", &out->chunk_size_max);
  });
  if (extensions != nullptr && !extensions->is_null()) {
    AppendJson(*extensions, kSectionDepth, &out->extensions_json);
  }
  in.Text("upload_time", &out->upload_time);
  if (!base::ParseRfc3339Ms(out->upload_time).ok()) {
    in.Fail("upload_time", "not a time: " + out->upload_time);
  }
}

// Writes objects and arrays with tab indent; a list of fields needs no care for commas.
class Writer {
 public:
  explicit Writer(std::string* out) : out_(out) {}

  void Open(char bracket) {
    out_->push_back(bracket);
    ++depth_;
    empty_ = true;
  }
  void Close(char bracket) {
    --depth_;
    if (!empty_) NewLine();
    out_->push_back(bracket);
    empty_ = false;
  }
  void Item() {
    if (!empty_) out_->push_back(',');
    empty_ = false;
    NewLine();
  }
  void Key(std::string_view name) {
    Item();
    base::AppendJsonString(name, out_, true);
    out_->append(": ");
  }
  void Text(std::string_view text) { base::AppendJsonString(text, out_, true); }
  template <typename Integer>
  void Number(std::string_view name, Integer value) {
    Key(name);
    out_->append(std::to_string(value));
  }
  template <typename Integer>
  void NumberUnlessZero(std::string_view name, Integer value) {
    if (value != 0) Number(name, value);
  }
  void TextField(std::string_view name, std::string_view value) {
    Key(name);
    Text(value);
  }
  void TrueField(std::string_view name, bool value) {
    if (!value) return;
    Key(name);
    out_->append("true");
  }
  void Raw(std::string_view json) { out_->append(json); }
  template <typename List, typename Body>
  void ListUnlessEmpty(std::string_view name, const List& list, const Body& body) {
    if (list.empty()) return;
    Key(name);
    Open('[');
    for (const auto& item : list) {
      Item();
      body(item);
    }
    Close(']');
  }

 private:
  void NewLine() {
    out_->push_back('\n');
    out_->append(depth_, '\t');
  }
  std::string* out_;
  size_t depth_ = 0;
  bool empty_ = true;
};

void WriteStats(Writer& out, const BlockStats& stats) {
  out.Key("stats");
  out.Open('{');
  out.NumberUnlessZero("numSamples", stats.samples);
  out.NumberUnlessZero("numFloatSamples", stats.float_samples);
  out.NumberUnlessZero("numHistogramSamples", stats.histogram_samples);
  out.NumberUnlessZero("numSeries", stats.series);
  out.NumberUnlessZero("numChunks", stats.chunks);
  out.NumberUnlessZero("numTombstones", stats.tombstones);
  out.Close('}');
}

void WriteCompaction(Writer& out, const CompactionMeta& compaction) {
  out.Key("compaction");
  out.Open('{');
  out.Number("level", compaction.level);
  out.ListUnlessEmpty("sources", compaction.sources,
                      [&](const base::Ulid& id) { out.Text(id.ToString()); });
  out.TrueField("deletable", compaction.deletable);
  out.ListUnlessEmpty("parents", compaction.parents, [&](const BlockParent& parent) {
    out.Open('{');
    out.TextField("ulid", parent.ulid.ToString());
    out.Number("minTime", parent.min_ms);
    out.Number("maxTime", parent.max_ms);
    out.Close('}');
  });
  out.TrueField("failed", compaction.failed);
  out.ListUnlessEmpty("hints", compaction.hints, [&](const std::string& hint) { out.Text(hint); });
  out.Close('}');
}

void WriteFile(Writer& out, const FileMeta& file) {
  out.Open('{');
  out.TextField("rel_path", file.path);
  out.NumberUnlessZero("size_bytes", file.size_bytes);
  if (file.has_hash) {
    out.Key("hash");
    out.Open('{');
    out.TextField("hashFunc", file.hash_function);
    out.TextField("value", file.hash_value);
    out.Close('}');
  }
  out.Close('}');
}

void WriteThanos(Writer& out, const ThanosMeta& thanos) {
  out.Key("thanos");
  out.Open('{');
  out.NumberUnlessZero("version", thanos.version);
  out.Key("labels");
  out.Open('{');
  for (const auto& [name, value] : thanos.labels) out.TextField(name, value);
  out.Close('}');
  out.Key("downsample");
  out.Open('{');
  out.Number("resolution", thanos.resolution_ms);
  out.Close('}');
  out.TextField("source", thanos.source);
  out.ListUnlessEmpty("segment_files", thanos.segment_files,
                      [&](const std::string& name) { out.Text(name); });
  out.ListUnlessEmpty("files", thanos.files, [&](const FileMeta& file) { WriteFile(out, file); });
  if (!thanos.rewrites_json.empty()) {
    out.Key("rewrites");
    out.Raw(thanos.rewrites_json);
  }
  out.Key("index_stats");
  out.Open('{');
  out.NumberUnlessZero("series_max_size", thanos.series_size_max);
  out.NumberUnlessZero("chunk_max_size", thanos.chunk_size_max);
  out.Close('}');
  if (!thanos.extensions_json.empty()) {
    out.Key("extensions");
    out.Raw(thanos.extensions_json);
  }
  out.TextField("upload_time", thanos.upload_time);
  out.Close('}');
}

}  // namespace

Labels BlockMeta::ExternalLabels() const {
  return Labels::Of(
      std::vector<std::pair<std::string, std::string>>(thanos.labels.begin(), thanos.labels.end()));
}

std::string BlockMeta::GroupKey() const {
  return std::to_string(thanos.resolution_ms) + "@" +
         std::to_string(ExternalLabels().view().Hash());
}

Result<BlockMeta> ParseMeta(std::string_view json) {
  auto value = ParseJson(json);
  if (!value.ok()) return value.status().WithContext("meta.json");
  Status status;
  BlockMeta meta;
  ObjectReader in(*value, "", &status);
  in.Id("ulid", &meta.ulid);
  in.Int("minTime", &meta.min_ms);
  in.Int("maxTime", &meta.max_ms);
  in.Object("stats", [&](ObjectReader& stats) { ReadStats(stats, &meta.stats); });
  in.Object("compaction",
            [&](ObjectReader& compaction) { ReadCompaction(compaction, &meta.compaction); });
  int64_t version = 0;
  in.Int("version", &version);
  if (version != 1) {
    in.FailVersion("unexpected meta file version " + std::to_string(version));
  }
  in.Object("thanos", [&](ObjectReader& thanos) { ReadThanos(thanos, &meta.thanos); });
  THANOS_RETURN_IF_ERROR(status);
  return meta;
}

std::string WriteMeta(const BlockMeta& meta) {
  std::string json;
  Writer out(&json);
  out.Open('{');
  out.TextField("ulid", meta.ulid.ToString());
  out.Number("minTime", meta.min_ms);
  out.Number("maxTime", meta.max_ms);
  WriteStats(out, meta.stats);
  WriteCompaction(out, meta.compaction);
  out.Number("version", 1);
  WriteThanos(out, meta.thanos);
  out.Close('}');
  json.push_back('\n');
  return json;
}

}  // namespace thanos::block
