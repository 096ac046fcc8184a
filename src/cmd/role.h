// What main() runs: a role is an object with Start and Stop. No globals, so that several can live
// in one process.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "config/flags.h"
#include "metrics/registry.h"
#include "thanos/status.h"
#include "tracing/tracing.h"

namespace thanos::cmd {

/// What a role gets from its process. Outlives the role.
struct Process {
  base::Logger logger;
  metrics::Registry* registry = nullptr;
  std::shared_ptr<tracing::Tracing> tracing;  // Null when there is none.
  std::map<std::string, std::string> flag_values;
  /// Ends the process in order: OK exits 0, an error exits 1. Any thread, more than once.
  std::function<void(Status)> end;
};

class Role {
 public:
  virtual ~Role() = default;
  /// Begins; returns soon. An error ends the process.
  virtual Status Start() = 0;
  /// Drains and stops everything; called once, after Start.
  virtual void Stop() = 0;
  /// After Stop: an error where a signal left work undone, which the exit code then tells.
  virtual Status Outcome() { return OkStatus(); }
};

/// A subcommand: its flags are bound to fields of its own.
class Command {
 public:
  virtual ~Command() = default;
  virtual std::string name() const = 0;
  virtual std::string summary() const = 0;
  virtual void AddFlags(config::FlagSet* flags) = 0;
  /// After parsing. The role may refer to the command, which outlives it.
  virtual Result<std::unique_ptr<Role>> MakeRole(const Process& process) = 0;
};

std::unique_ptr<Command> MakeQueryCommand();
std::unique_ptr<Command> MakeStoreCommand();
std::unique_ptr<Command> MakeSidecarCommand();
std::unique_ptr<Command> MakeCompactCommand();
/// "tools rules-check", "tools bucket ls", …
void AddToolsCommands(std::vector<std::unique_ptr<Command>>* commands);

}  // namespace thanos::cmd
