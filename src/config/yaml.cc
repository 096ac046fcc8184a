#include "config/yaml.h"

#include <algorithm>

#include <yaml-cpp/yaml.h>

#include "base/number_text.h"
#include "base/time_text.h"

namespace thanos::config {
namespace {

constexpr size_t kNodesMax = 1'000'000;
constexpr int kDepthMax = 100;

struct Converter {
  size_t nodes = 0;

  Result<YamlNode> Convert(const YAML::Node& in, int depth) {
    YamlNode out;
    out.line = in.Mark().line + 1;
    if (++nodes > kNodesMax || depth > kDepthMax) {
      return InvalidArgumentError("yaml: line " + std::to_string(out.line) +
                                  ": document is too large or too deep");
    }
    switch (in.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        return out;
      case YAML::NodeType::Scalar:
        out.kind = YamlNode::Kind::kScalar;
        out.scalar = in.Scalar();
        out.quoted = in.Tag() == "!";
        return out;
      case YAML::NodeType::Sequence:
        out.kind = YamlNode::Kind::kSequence;
        for (const YAML::Node& item : in) {
          THANOS_ASSIGN_OR_RETURN(YamlNode child, Convert(item, depth + 1));
          out.items.push_back(std::move(child));
        }
        return out;
      case YAML::NodeType::Map:
        break;
    }
    out.kind = YamlNode::Kind::kMap;
    for (const auto& field : in) {
      if (!field.first.IsScalar() && !field.first.IsNull()) {
        return InvalidArgumentError("yaml: line " + std::to_string(field.first.Mark().line + 1) +
                                    ": key is not a scalar");
      }
      const std::string key = field.first.IsNull() ? "" : field.first.Scalar();
      if (out.Find(key) != nullptr) {
        return InvalidArgumentError("yaml: line " + std::to_string(field.first.Mark().line + 1) +
                                    ": field " + key + " already set");
      }
      THANOS_ASSIGN_OR_RETURN(YamlNode child, Convert(field.second, depth + 1));
      child.line = field.first.Mark().line + 1;
      out.fields.emplace_back(key, std::move(child));
    }
    return out;
  }
};

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

}  // namespace

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (const auto& [name, value] : fields) {
    if (name == key) return &value;
  }
  return nullptr;
}

Result<YamlNode> ParseYaml(std::string_view text) {
  try {
    // The library takes a quoted text that never ends for one that ends with the file; behind an
    // end of the document it does not.
    YAML::Load(std::string(text) + "\n...\n");
    const YAML::Node root = YAML::Load(std::string(text));
    return Converter().Convert(root, 0);
  } catch (const YAML::Exception& error) {
    return InvalidArgumentError("yaml: line " + std::to_string(error.mark.line + 1) + ": " +
                                error.msg);
  }
}

Status ExpectList(const YamlNode& node, std::string_view what) {
  if (node.kind == YamlNode::Kind::kSequence || node.kind == YamlNode::Kind::kNull) {
    return OkStatus();
  }
  return InvalidArgumentError("line " + std::to_string(node.line) + ": " + std::string(what) +
                              " are not a list");
}

YamlMap::YamlMap(const YamlNode& node, std::string what) : node_(node), what_(std::move(what)) {
  if (node.kind != YamlNode::Kind::kMap && node.kind != YamlNode::Kind::kNull) {
    FailType(node, "a map");
  }
}

const YamlNode* YamlMap::Take(std::string_view key) {
  taken_.emplace_back(key);
  if (!status_.ok()) return nullptr;
  const YamlNode* node = node_.Find(key);
  return node == nullptr || node->kind == YamlNode::Kind::kNull ? nullptr : node;
}

void YamlMap::Fail(const YamlNode& node, const std::string& why) {
  if (!status_.ok()) return;
  status_ = InvalidArgumentError("line " + std::to_string(node.line) + ": " + what_ + ": " + why);
}

void YamlMap::FailType(const YamlNode& node, std::string_view type) {
  std::string shown = node.kind == YamlNode::Kind::kScalar
                          ? "`" + node.scalar.substr(0, 40) + "`"
                          : (node.kind == YamlNode::Kind::kMap ? "a map" : "a list");
  Fail(node, "cannot unmarshal " + shown + " into " + std::string(type));
}

YamlMap& YamlMap::Text(std::string_view key, std::string* target) {
  if (const YamlNode* node = Take(key)) {
    if (node->kind != YamlNode::Kind::kScalar) {
      FailType(*node, "string");
    } else {
      *target = node->scalar;
    }
  }
  return *this;
}

YamlMap& YamlMap::Bool(std::string_view key, bool* target) {
  const YamlNode* node = Take(key);
  if (node == nullptr) return *this;
  const std::string& text = node->scalar;
  if (node->kind == YamlNode::Kind::kScalar && !node->quoted &&
      IsOneOf(text, {"true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON"})) {
    *target = true;
  } else if (node->kind == YamlNode::Kind::kScalar && !node->quoted &&
             IsOneOf(text, {"false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off",
                            "OFF"})) {
    *target = false;
  } else {
    FailType(*node, "bool");
  }
  return *this;
}

YamlMap& YamlMap::Int(std::string_view key, int64_t* target) {
  if (const YamlNode* node = Take(key)) {
    const auto value = base::ParseGoInt(node->scalar);
    if (node->kind != YamlNode::Kind::kScalar || node->quoted || !value.ok()) {
      FailType(*node, "int");
    } else {
      *target = *value;
    }
  }
  return *this;
}

YamlMap& YamlMap::Uint(std::string_view key, uint64_t* target) {
  int64_t value = static_cast<int64_t>(*target);
  const size_t before = taken_.size();
  Int(key, &value);
  if (status_.ok() && value < 0 && taken_.size() > before) {
    FailType(*node_.Find(key), "uint64");
  } else {
    *target = static_cast<uint64_t>(value);
  }
  return *this;
}

YamlMap& YamlMap::Float(std::string_view key, double* target) {
  if (const YamlNode* node = Take(key)) {
    const auto value = base::ParseGoFloat(node->scalar);
    if (node->kind != YamlNode::Kind::kScalar || node->quoted || !value.ok()) {
      FailType(*node, "float64");
    } else {
      *target = *value;
    }
  }
  return *this;
}

YamlMap& YamlMap::Duration(std::string_view key, int64_t* target_ns) {
  if (const YamlNode* node = Take(key)) {
    if (node->kind != YamlNode::Kind::kScalar) {
      FailType(*node, "duration");
      return *this;
    }
    const auto value = base::ParsePromDuration(node->scalar);
    if (!value.ok()) {
      Fail(*node, std::string(value.status().message()));
    } else {
      *target_ns = *value;
    }
  }
  return *this;
}

YamlMap& YamlMap::GoDuration(std::string_view key, int64_t* target_ns) {
  if (const YamlNode* node = Take(key)) {
    const auto value = base::ParseGoDuration(node->scalar);
    const auto number = base::ParseGoInt(node->scalar);
    if (node->kind != YamlNode::Kind::kScalar || (!value.ok() && (!number.ok() || node->quoted))) {
      FailType(*node, "time.Duration");
    } else {
      *target_ns = value.ok() ? *value : *number;
    }
  }
  return *this;
}

YamlMap& YamlMap::Texts(std::string_view key, std::vector<std::string>* target) {
  if (const YamlNode* node = Take(key)) {
    if (node->kind != YamlNode::Kind::kSequence) {
      FailType(*node, "[]string");
      return *this;
    }
    target->clear();
    for (const YamlNode& item : node->items) {
      if (item.kind != YamlNode::Kind::kScalar) {
        FailType(item, "string");
        return *this;
      }
      target->push_back(item.scalar);
    }
  }
  return *this;
}

YamlMap& YamlMap::TextMap(std::string_view key,
                          std::vector<std::pair<std::string, std::string>>* target) {
  if (const YamlNode* node = Take(key)) {
    if (node->kind != YamlNode::Kind::kMap) {
      FailType(*node, "map[string]string");
      return *this;
    }
    target->clear();
    for (const auto& [name, value] : node->fields) {
      const bool null = value.kind == YamlNode::Kind::kNull;
      if (value.kind != YamlNode::Kind::kScalar && !null) {
        FailType(value, "string");
        return *this;
      }
      target->emplace_back(name, null ? "" : value.scalar);
    }
  }
  return *this;
}

YamlMap& YamlMap::Node(std::string_view key, const std::function<Status(const YamlNode&)>& read) {
  if (const YamlNode* node = Take(key)) status_ = read(*node);
  return *this;
}

YamlMap& YamlMap::AllowUnknown() {
  allow_unknown_ = true;
  return *this;
}

Status YamlMap::Finish() {
  if (!status_.ok() || allow_unknown_) return status_;
  for (const auto& [name, value] : node_.fields) {
    if (std::find(taken_.begin(), taken_.end(), name) == taken_.end()) {
      Fail(value, "field " + name + " not found");
      break;
    }
  }
  return status_;
}

}  // namespace thanos::config
