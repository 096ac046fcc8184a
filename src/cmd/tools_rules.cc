// thanos tools rules-check: are rule files well-formed?
#include <glob.h>

#include "cmd/tool_command.h"
#include "tools/rule_file.h"

namespace thanos::cmd {
namespace {

Result<std::vector<std::string>> FilesOf(const std::string& pattern) {
  glob_t found{};
  const int result = glob(pattern.c_str(), GLOB_ERR, nullptr, &found);
  std::vector<std::string> paths(found.gl_pathv,
                                 found.gl_pathv + (result == 0 ? found.gl_pathc : 0));
  globfree(&found);
  if (result == GLOB_NOMATCH) {
    return NotFoundError("matching file not found: " + pattern);
  }
  if (result != 0) return InternalError("cannot read what matches " + pattern);
  return paths;
}

class RulesCheckCommand : public ToolCommand {
 public:
  std::string name() const override { return "tools rules-check"; }
  std::string summary() const override { return "Check if the rule files are valid or not."; }
  void AddFlags(config::FlagSet* flags) override {
    flags->Strings("rules", "The rule files glob to check.", &patterns_).Required();
  }

 protected:
  // Every file is looked at, so that all that is wrong is told at once.
  Status Run(const CallContext& context, const Process& process) override {
    size_t failed = 0;
    for (const std::string& pattern : patterns_) {
      auto paths = FilesOf(pattern);
      if (!paths.ok()) {
        process.logger.Error("FAILED", {{"error", paths.status()}});
        ++failed;
        continue;
      }
      for (const std::string& path : *paths) {
        THANOS_RETURN_IF_ERROR(context.Check());
        if (!CheckOne(path, process.logger)) ++failed;
      }
    }
    if (failed == 0) return OkStatus();
    return InvalidArgumentError(std::to_string(failed) + " rule files or patterns are not valid");
  }

 private:
  static bool CheckOne(const std::string& path, const base::Logger& logger) {
    logger.Info("checking", {{"filename", path}});
    const auto text = config::ReadFileText(path);
    if (!text.ok()) {
      logger.Error("FAILED", {{"filename", path}, {"error", text.status()}});
      return false;
    }
    const tools::RuleFileCheck check = tools::CheckRuleFile(*text);
    for (const std::string& error : check.errors) {
      logger.Error("FAILED", {{"filename", path}, {"error", error}});
    }
    if (check.errors.empty()) {
      logger.Info("SUCCESS", {{"filename", path}, {"rules found", check.rules}});
    }
    return check.errors.empty();
  }

  std::vector<std::string> patterns_;
};

}  // namespace

std::unique_ptr<Command> MakeRulesCheckCommand() { return std::make_unique<RulesCheckCommand>(); }

}  // namespace thanos::cmd
