#include "bucketblocks/marks.h"

#include <nlohmann/json.hpp>

namespace thanos::bucketblocks {

Result<DeletionMark> ParseDeletionMark(std::string_view json) {
  const auto document = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return DataLossError("deletion mark: not a JSON object");
  const auto integer = [&](const char* key) -> int64_t {
    const auto it = document.find(key);
    return it != document.end() && it->is_number_integer() ? it->get<int64_t>() : 0;
  };
  const auto text = [&](const char* key) -> std::string {
    const auto it = document.find(key);
    return it != document.end() && it->is_string() ? it->get<std::string>() : "";
  };
  if (integer("version") != 1) {
    return FailedPreconditionError("deletion mark: unexpected version " +
                                   std::to_string(integer("version")) + ", expected 1");
  }
  auto ulid = base::Ulid::Parse(text("id"));
  if (!ulid.ok()) return DataLossError("deletion mark: id is not a ULID");
  return DeletionMark{*ulid, integer("deletion_time"), text("details")};
}

}  // namespace thanos::bucketblocks
