// YAML as a plain tree with line numbers, and reading of maps that knows which keys it expects.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "thanos/status.h"

namespace thanos::config {

struct YamlNode {
  enum class Kind : uint8_t { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  int line = 0;  // From 1.
  std::string scalar;
  bool quoted = false;  // A quoted scalar is a string, whatever it looks like.
  std::vector<YamlNode> items;
  std::vector<std::pair<std::string, YamlNode>> fields;  // In order; keys unique unless lenient.

  const YamlNode* Find(std::string_view key) const;

  // Spelled out below: clang with this library cannot make them up while the struct is incomplete.
  YamlNode();
  ~YamlNode();
  YamlNode(const YamlNode&);
  YamlNode(YamlNode&&) noexcept;
  YamlNode& operator=(const YamlNode&);
  YamlNode& operator=(YamlNode&&) noexcept;
};
inline YamlNode::YamlNode() = default;
inline YamlNode::~YamlNode() = default;
inline YamlNode::YamlNode(const YamlNode&) = default;
inline YamlNode::YamlNode(YamlNode&&) noexcept = default;
inline YamlNode& YamlNode::operator=(const YamlNode&) = default;
inline YamlNode& YamlNode::operator=(YamlNode&&) noexcept = default;

/// The first document. An empty text gives kNull. Duplicate keys are errors: "line 2: field x
/// already set". Nodes are bounded (aliases counted as copies).
Result<YamlNode> ParseYaml(std::string_view text);

/// kInvalidArgument unless the node is a list, or null: "line 2: rules are not a list".
Status ExpectList(const YamlNode& node, std::string_view what);

/// Reads one map. After the first error everything else is skipped and Finish() returns it.
///   YamlMap map(node, "config");
///   map.Text("directory", &directory);
///   THANOS_RETURN_IF_ERROR(map.Finish());       // Unknown keys are errors unless told otherwise.
class YamlMap {
 public:
  /// `what` names the map in errors. A null node counts as an empty map.
  YamlMap(const YamlNode& node, std::string what);

  // Targets keep their value when the key is absent or null.
  YamlMap& Text(std::string_view key, std::string* target);
  YamlMap& Bool(std::string_view key, bool* target);
  YamlMap& Int(std::string_view key, int64_t* target);
  YamlMap& Uint(std::string_view key, uint64_t* target);
  YamlMap& Float(std::string_view key, double* target);
  /// Prometheus' durations, nanoseconds.
  YamlMap& Duration(std::string_view key, int64_t* target_ns);
  /// Go's durations, nanoseconds.
  YamlMap& GoDuration(std::string_view key, int64_t* target_ns);
  YamlMap& Texts(std::string_view key, std::vector<std::string>* target);
  YamlMap& TextMap(std::string_view key, std::vector<std::pair<std::string, std::string>>* target);
  /// Hands the node (when present) to `read`.
  YamlMap& Node(std::string_view key, const std::function<Status(const YamlNode&)>& read);
  YamlMap& AllowUnknown();
  Status Finish();

 private:
  const YamlNode* Take(std::string_view key);
  void Fail(const YamlNode& node, const std::string& why);
  void FailType(const YamlNode& node, std::string_view type);

  const YamlNode& node_;
  std::string what_;
  std::vector<std::string> taken_;
  bool allow_unknown_ = false;
  Status status_;
};

}  // namespace thanos::config
