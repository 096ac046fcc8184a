#include "bucketblocks/marks.h"

#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "objstore/byte_sources.h"

namespace thanos::bucketblocks {
namespace {

constexpr size_t kMarkBytesMax = 1 << 20;

struct KindNames {
  std::string_view file, time_field, words;
};

const KindNames& NamesOf(MarkKind kind) {
  static constexpr KindNames kNames[] = {
      {kDeletionMarkFile, "deletion_time", "deletion mark"},
      {kNoCompactMarkFile, "no_compact_time", "no-compact mark"},
      {kNoDownsampleMarkFile, "no_downsample_time", "no-downsample mark"}};
  return kNames[static_cast<size_t>(kind)];
}

std::string ObjectName(const base::Ulid& ulid, MarkKind kind) {
  return ulid.ToString() + "/" + std::string(MarkFile(kind));
}

}  // namespace

std::string_view MarkFile(MarkKind kind) { return NamesOf(kind).file; }

std::optional<MarkKind> MarkKindOf(std::string_view file) {
  for (const MarkKind kind : kMarkKinds) {
    if (MarkFile(kind) == file) return kind;
  }
  return std::nullopt;
}

Result<Mark> ParseMark(MarkKind kind, std::string_view json) {
  const std::string what(NamesOf(kind).words);
  const auto document = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return DataLossError(what + ": not a JSON object");
  const auto integer = [&](std::string_view key) -> int64_t {
    const auto it = document.find(key);
    return it != document.end() && it->is_number_integer() ? it->get<int64_t>() : 0;
  };
  const auto text = [&](std::string_view key) -> std::string {
    const auto it = document.find(key);
    return it != document.end() && it->is_string() ? it->get<std::string>() : "";
  };
  if (integer("version") != 1) {
    return FailedPreconditionError(what + ": unexpected version " +
                                   std::to_string(integer("version")) + ", expected 1");
  }
  auto ulid = base::Ulid::Parse(text("id"));
  if (!ulid.ok()) return DataLossError(what + ": id is not a ULID");
  Mark mark{kind, *ulid, integer(NamesOf(kind).time_field), text("details"), ""};
  if (kind != MarkKind::kDeletion) mark.reason = text("reason");
  return mark;
}

std::string WriteMark(const Mark& mark) {
  std::string out = "{\"id\":\"" + mark.ulid.ToString() + "\",\"version\":1";
  if (!mark.details.empty()) {
    out += ",\"details\":";
    base::AppendJsonString(mark.details, &out, /*html_escape=*/true);
  }
  out += ",\"" + std::string(NamesOf(mark.kind).time_field) + "\":" + std::to_string(mark.time_s);
  if (mark.kind != MarkKind::kDeletion) {
    out += ",\"reason\":";
    base::AppendJsonString(mark.reason, &out, /*html_escape=*/true);
  }
  return out + "}";
}

Result<std::optional<Mark>> ReadMark(const CallContext& context, Bucket& bucket,
                                     const base::Ulid& ulid, MarkKind kind) {
  const std::string name = ObjectName(ulid, kind);
  auto text = objstore::ReadObject(context, bucket, name, kMarkBytesMax);
  if (!text.ok()) {
    if (text.status().code() == StatusCode::kNotFound) return std::optional<Mark>();
    return text.status();
  }
  auto mark = ParseMark(kind, *text);
  if (!mark.ok()) return mark.status().WithContext(name);
  return std::optional<Mark>(*std::move(mark));
}

Result<bool> PutMark(const CallContext& context, Bucket& bucket, const Mark& mark) {
  const std::string name = ObjectName(mark.ulid, mark.kind);
  THANOS_ASSIGN_OR_RETURN(const bool exists, objstore::Exists(context, bucket, name));
  if (exists) return false;
  auto content = objstore::MemorySource(WriteMark(mark));
  const Status status = bucket.Upload(context, name, *content, {});
  if (!status.ok()) return status.WithContext("upload " + name);
  return true;
}

Result<bool> RemoveMark(const CallContext& context, Bucket& bucket, const base::Ulid& ulid,
                        MarkKind kind) {
  const std::string name = ObjectName(ulid, kind);
  THANOS_ASSIGN_OR_RETURN(const bool exists, objstore::Exists(context, bucket, name));
  if (!exists) return false;
  const Status status = bucket.Delete(context, name);
  if (!status.ok()) return status.WithContext("delete " + name);
  return true;
}

}  // namespace thanos::bucketblocks
