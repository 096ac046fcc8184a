#include "requestlog/config.h"

#include <algorithm>

#include "config/yaml.h"

namespace thanos::requestlog {
namespace {

using config::YamlMap;
using config::YamlNode;

struct Options {
  std::string level;
  bool log_start = false, log_end = false;
  bool empty() const { return level.empty() && !log_start && !log_end; }
};

Status ReadOptions(const YamlNode& node, Options* out) {
  YamlMap map(node, "options");
  map.Text("level", &out->level).Node("decision", [out](const YamlNode& decision) {
    YamlMap inner(decision, "decision");
    inner.Bool("log_start", &out->log_start).Bool("log_end", &out->log_end);
    return inner.Finish();
  });
  THANOS_RETURN_IF_ERROR(map.Finish());
  if (out->level.empty() && !out->empty()) {
    return InvalidArgumentError("line " + std::to_string(node.line) +
                                ": options: level field is empty");
  }
  return OkStatus();
}

Status ReadAllowed(const YamlNode& node, bool grpc, std::vector<std::string>* allowed) {
  if (node.kind != YamlNode::Kind::kSequence) {
    return InvalidArgumentError("line " + std::to_string(node.line) + ": config: must be a list");
  }
  for (const YamlNode& item : node.items) {
    std::string first, second;
    uint64_t port = 0;
    YamlMap map(item, "config");
    if (grpc) {
      map.Text("service", &first).Text("method", &second);
    } else {
      map.Text("path", &first).Uint("port", &port);
    }
    THANOS_RETURN_IF_ERROR(map.Finish());
    allowed->push_back(grpc ? "/" + first + "/" + second : first + ":" + std::to_string(port));
  }
  return OkStatus();
}

struct Protocol {
  Options options;
  std::vector<std::string> allowed;
};

Status ReadProtocol(const YamlNode& node, bool grpc, Protocol* out) {
  YamlMap map(node, grpc ? "grpc" : "http");
  map.Node("options",
           [out](const YamlNode& options) { return ReadOptions(options, &out->options); })
      .Node("config",
            [out, grpc](const YamlNode& list) { return ReadAllowed(list, grpc, &out->allowed); });
  return map.Finish();
}

Result<ProtocolConfig> Resolve(std::string_view protocol, const Options& global, Protocol own) {
  Options options = own.options.empty() ? global : own.options;
  if (options.empty()) options.level = "ERROR";
  ProtocolConfig out{options.log_start, options.log_end, base::LogLevel::kError,
                     std::move(own.allowed)};
  const std::string where = std::string(protocol) + ": ";
  if (options.level == "DEBUG") {
    out.level = base::LogLevel::kDebug;
  } else if (options.level == "INFO") {
    out.level = base::LogLevel::kInfo;
  } else if (options.level == "WARNING") {
    out.level = base::LogLevel::kWarn;
  } else if (options.level != "ERROR") {
    return InvalidArgumentError(
        where + "the format of level is invalid. Expected INFO/DEBUG/ERROR/WARNING, got this " +
        options.level);
  }
  if (out.log_start && !out.log_end) {
    return InvalidArgumentError(where + "log start call is not supported without log end");
  }
  return out;
}

}  // namespace

bool ProtocolConfig::Allows(std::string_view name) const {
  return allowed.empty() || std::find(allowed.begin(), allowed.end(), name) != allowed.end();
}

Result<Config> ParseConfig(std::string_view yaml) {
  THANOS_ASSIGN_OR_RETURN(const YamlNode root, config::ParseYaml(yaml));
  Options global;
  Protocol http, grpc;
  YamlMap map(root, "request logging configuration");
  map.Node("options", [&](const YamlNode& node) { return ReadOptions(node, &global); })
      .Node("http", [&](const YamlNode& node) { return ReadProtocol(node, false, &http); })
      .Node("grpc", [&](const YamlNode& node) { return ReadProtocol(node, true, &grpc); });
  THANOS_RETURN_IF_ERROR(map.Finish());
  Config out;
  THANOS_ASSIGN_OR_RETURN(out.http, Resolve("http", global, std::move(http)));
  THANOS_ASSIGN_OR_RETURN(out.grpc, Resolve("grpc", global, std::move(grpc)));
  return out;
}

}  // namespace thanos::requestlog
