// JSON as Go's encoding/json reads it: numbers keep their text, bad UTF-8 and lone surrogates
// become U+FFFD, nesting is bounded, what follows the first value is ignored. Private to the room.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "thanos/status.h"

namespace thanos::block {

struct JsonValue {
  enum class Kind : uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  std::string text;                // Of a number or a string.
  std::vector<JsonValue> items;    // Of an array, or the values of an object in order of the text.
  std::vector<std::string> names;  // Of an object: the names of its items.

  JsonValue() = default;
  JsonValue(const JsonValue&) = default;
  JsonValue(JsonValue&&) noexcept = default;
  JsonValue& operator=(const JsonValue&) = default;
  JsonValue& operator=(JsonValue&&) noexcept = default;
  /// Takes deep nesting apart without recursion.
  ~JsonValue();

  bool is_null() const { return kind == Kind::kNull; }
  /// The last field of this name (as Go, where letter case does not matter); null when absent.
  const JsonValue* Find(std::string_view name) const;
};

/// The first value of `text`. kDataLoss "… at byte N" when malformed or nested over 10,000 deep.
Result<JsonValue> ParseJson(std::string_view text);

/// How deep a value may be nested to be written.
inline constexpr int kJsonWriteDepthMax = 500;
int JsonDepth(const JsonValue& value);  // Stops at kJsonWriteDepthMax + 1.

/// Appends the value as Go's Marshal of `any` writes it after json.Indent with tabs: keys sorted,
/// numbers as float64, HTML escaped. `depth`: tabs in front of what is inside.
void AppendJson(const JsonValue& value, int depth, std::string* out);

}  // namespace thanos::block
