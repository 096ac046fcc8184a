#include "ui/ui_config.h"

#include "base/json_text.h"
#include "base/number_text.h"
#include "thanos/version.h"

namespace thanos::ui {
namespace {

// An object, written member by member.
class ObjectWriter {
 public:
  void Text(std::string_view name, std::string_view value) {
    Name(name);
    base::AppendJsonString(value, &out_, true);
  }
  void Texts(std::string_view name, const std::vector<std::string>& values) {
    Name(name);
    out_ += '[';
    for (const std::string& value : values) {
      if (out_.back() != '[') out_ += ',';
      base::AppendJsonString(value, &out_, true);
    }
    out_ += ']';
  }
  void Flag(std::string_view name, bool value) {
    Name(name);
    out_ += value ? "true" : "false";
  }
  void Seconds(std::string_view name, int64_t ms) {
    Name(name);
    base::AppendFloatApi(static_cast<double>(ms) / 1000, &out_);
  }
  void Raw(std::string_view name, std::string_view json) {
    Name(name);
    out_ += json;
  }
  std::string Take() { return std::move(out_) + "}"; }

 private:
  void Name(std::string_view name) {
    if (out_.size() > 1) out_ += ',';
    base::AppendJsonString(name, &out_);
    out_ += ':';
  }
  std::string out_ = "{";
};

}  // namespace

std::string ConfigJson(const UiConfig& config, const std::string& path_prefix, int64_t now_ms) {
  ObjectWriter tenant;
  tenant.Flag("enabled", !config.tenant_header.empty());
  tenant.Text("header", config.tenant_header);
  tenant.Text("default", config.default_tenant);
  ObjectWriter all;
  all.Text("component", config.component);
  all.Text("version", kVersion);
  all.Text("pathPrefix", path_prefix);
  all.Text("queryMode", config.query_mode);
  all.Texts("engines", config.engines);
  all.Text("defaultEngine", config.default_engine);
  all.Seconds("defaultStep", config.default_step_ms);
  all.Seconds("lookbackDelta", config.lookback_ms);
  all.Flag("partialResponseDefault", config.partial_response);
  all.Texts("replicaLabels", config.replica_labels);
  all.Raw("tenant", tenant.Take());
  all.Text("traceUrlTemplate", config.trace_url);
  all.Flag("adminOperations", config.admin_operations);
  all.Texts("features", config.features);
  all.Raw("serverTimeMs", std::to_string(now_ms));
  return all.Take();
}

}  // namespace thanos::ui
