#include "fanout/discovery.h"

#include <algorithm>

#include <glob.h>
#include <sys/stat.h>

#include "config/flags.h"
#include "config/yaml.h"

namespace thanos::fanout {
namespace {

using Clock = std::chrono::steady_clock;
using config::YamlNode;

}  // namespace

Result<std::vector<std::string>> ParseTargetFile(std::string_view text) {
  THANOS_ASSIGN_OR_RETURN(const YamlNode root, config::ParseYaml(text));
  std::vector<std::string> targets;
  if (root.kind == YamlNode::Kind::kNull) return targets;
  if (root.kind != YamlNode::Kind::kSequence) {
    return InvalidArgumentError("line " + std::to_string(root.line) + ": not a list of groups");
  }
  for (const YamlNode& item : root.items) {
    config::YamlMap group(item, "target group");
    std::vector<std::pair<std::string, std::string>> labels;
    std::vector<std::string> of_group;
    group.Texts("targets", &of_group).TextMap("labels", &labels);
    THANOS_RETURN_IF_ERROR(group.Finish());
    targets.insert(targets.end(), of_group.begin(), of_group.end());
  }
  return targets;
}

TargetFiles::TargetFiles(std::vector<std::string> globs, std::chrono::nanoseconds interval,
                         base::Logger logger)
    : globs_(std::move(globs)), interval_(interval), logger_(std::move(logger)) {}

std::vector<std::string> TargetFiles::Paths() const {
  std::vector<std::string> paths;
  for (const std::string& pattern : globs_) {
    glob_t found{};
    if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
      paths.insert(paths.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
    }
    ::globfree(&found);
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  if (paths.size() > kFilesMax) {
    logger_.Error("--store.sd-files matches too many files; the rest is left out",
                  {{"found", std::to_string(paths.size())}, {"max", std::to_string(kFilesMax)}});
    paths.resize(kFilesMax);
  }
  return paths;
}

void TargetFiles::Read(const std::string& path, File* file) const {
  if (file->size > static_cast<int64_t>(kFileBytesMax)) {
    logger_.Error("target file is too large; its last targets stay",
                  {{"file", path}, {"bytes", std::to_string(file->size)}});
    return;
  }
  Result<std::vector<std::string>> targets = std::vector<std::string>();
  if (auto text = config::ReadFileText(path); text.ok()) {
    targets = ParseTargetFile(*text);
  } else {
    targets = text.status();
  }
  if (targets.ok()) {
    file->targets = *std::move(targets);
  } else {
    logger_.Error("target file could not be read; its last targets stay",
                  {{"file", path}, {"err", targets.status()}});
  }
}

std::vector<std::string> TargetFiles::Targets() {
  const bool all = Clock::now() >= next_read_;
  if (all) next_read_ = Clock::now() + interval_;
  std::map<std::string, File> now;
  for (const std::string& path : Paths()) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) continue;
    File& file = now[path];
    if (const auto known = files_.find(path); known != files_.end()) {
      file = std::move(known->second);
    }
    const int64_t modified = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec;
    const bool changed =
        file.modified_ns != modified || file.size != info.st_size || file.inode != info.st_ino;
    file.modified_ns = modified;
    file.size = info.st_size;
    file.inode = info.st_ino;
    if (all || changed) Read(path, &file);
  }
  files_ = std::move(now);
  std::vector<std::string> targets;
  for (const auto& [path, file] : files_) {
    targets.insert(targets.end(), file.targets.begin(), file.targets.end());
  }
  return targets;
}

Discovery::Discovery(DiscoveryOptions options, base::Logger logger)
    : options_(std::move(options)),
      logger_(logger),
      target_files_(options_.target_globs, options_.target_interval, std::move(logger)) {}

Result<std::unique_ptr<Discovery>> Discovery::Make(DiscoveryOptions options, base::Logger logger) {
  for (const EndpointSpec& spec : options.flags) THANOS_RETURN_IF_ERROR(CheckEndpoint(spec));
  std::unique_ptr<Discovery> discovery(new Discovery(std::move(options), std::move(logger)));
  const DiscoveryOptions& made = discovery->options_;
  discovery->config_text_ = made.config_text;
  if (!made.config_path.empty()) {
    THANOS_ASSIGN_OR_RETURN(discovery->config_text_, config::ReadFileText(made.config_path));
  }
  THANOS_ASSIGN_OR_RETURN(discovery->config_, discovery->Load(discovery->config_text_));
  discovery->next_reload_ = Clock::now() + made.reload_interval;
  return discovery;
}

Result<EndpointConfig> Discovery::Load(const std::string& text) const {
  auto config = ParseEndpointConfig(text, options_.global);
  if (!config.ok()) {
    return config.status().WithContext(options_.config_path.empty() ? "--endpoint.sd-config"
                                                                    : options_.config_path);
  }
  return config;
}

void Discovery::Reload() {
  if (options_.config_path.empty() || Clock::now() < next_reload_) return;
  next_reload_ = Clock::now() + options_.reload_interval;
  auto text = config::ReadFileText(options_.config_path);
  if (text.ok() && *text == config_text_) return;
  Result<EndpointConfig> config = text.ok() ? Load(*text) : text.status();
  if (!config.ok()) {
    logger_.Error("endpoint config could not be loaded again; the last one holds",
                  {{"err", config.status()}});
    return;
  }
  logger_.Info("endpoint config loaded again", {{"file", options_.config_path}});
  config_ = *std::move(config);
  config_text_ = *std::move(text);
}

std::vector<EndpointSpec> Discovery::Wanted() {
  Reload();
  std::vector<EndpointSpec> wanted = config_.endpoints;
  for (EndpointSpec spec : options_.flags) {
    spec.client = config_.default_client;
    wanted.push_back(std::move(spec));
  }
  for (std::string& target : target_files_.Targets()) {
    wanted.push_back({.address = std::move(target), .client = config_.default_client});
  }
  return wanted;
}

}  // namespace thanos::fanout
