#include "objstore/factory.h"

#include <algorithm>
#include <cctype>

#include "config/yaml.h"
#include "objstore/decorators.h"
#include "objstore/filesystem.h"

namespace thanos::objstore {
namespace {

constexpr std::string_view kOtherProviders[] = {"S3",         "GCS", "AZURE", "SWIFT", "COS",
                                                "ALIYUNOSS", "BOS", "OCI",   "OBS"};

Result<std::unique_ptr<Bucket>> MakeProvider(const std::string& type,
                                             const config::YamlNode& settings) {
  std::string upper = type;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (upper == "FILESYSTEM") {
    std::string directory;
    config::YamlMap map(settings, "config");
    THANOS_RETURN_IF_ERROR(map.Text("directory", &directory).AllowUnknown().Finish());
    return OpenFilesystemBucket(std::move(directory));
  }
  if (std::find(std::begin(kOtherProviders), std::end(kOtherProviders), upper) !=
      std::end(kOtherProviders)) {
    return UnimplementedError("bucket with type " + upper + " is not built yet");
  }
  return InvalidArgumentError("bucket with type " + type + " is not supported");
}

std::string TrimSlashes(std::string text) {
  text.erase(0, text.find_first_not_of('/'));
  while (!text.empty() && text.back() == '/') text.pop_back();
  return text;
}

}  // namespace

Result<std::unique_ptr<Bucket>> MakeBucket(std::string_view yaml, metrics::Registry* registry) {
  auto root = config::ParseYaml(yaml);
  if (!root.ok()) return root.status().WithContext("parsing config YAML file");
  std::string type, prefix;
  config::YamlNode settings;
  config::YamlMap map(*root, "bucket configuration");
  map.Text("type", &type).Text("prefix", &prefix).Node("config", [&](const auto& node) {
    settings = node;
    return OkStatus();
  });
  if (Status status = map.Finish(); !status.ok()) {
    return status.WithContext("parsing config YAML file");
  }
  auto provider = MakeProvider(type, settings);
  if (!provider.ok()) return provider.status().WithContext("create bucket client");
  std::unique_ptr<Bucket> bucket = *std::move(provider);
  if (registry != nullptr) bucket = WithMetrics(std::move(bucket), registry);
  bucket = WithRetry(std::move(bucket), {});
  prefix = TrimSlashes(std::move(prefix));
  if (!prefix.empty()) bucket = WithPrefix(std::move(bucket), std::move(prefix));
  return bucket;
}

}  // namespace thanos::objstore
