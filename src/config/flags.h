// Command-line flags with kingpin's rules: --name=value, --name value, --flag and --no-flag,
// repeatable flags, @file. Every flag is of one of three classes: working, accepted without
// effect, or not built yet.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "thanos/status.h"

namespace thanos::config {

/// A time, or a duration relative to now that is worked out at each use.
struct TimeOrDuration {
  bool is_time = true;
  int64_t ms = 0;  // Since the epoch, or relative.
  int64_t ResolveMs(int64_t now_ms) const { return is_time ? ms : now_ms + ms; }
};
Result<TimeOrDuration> ParseTimeOrDuration(std::string_view text);

enum class FlagClass : uint8_t { kWorking, kWithoutEffect, kNotBuilt };

/// What values a flag without effect takes, so that a mistake in one is still told.
enum class ValueKind : uint8_t { kText, kBool, kInt, kFloat, kBytes, kGoDuration, kPromDuration };

/// The flags of one command. Build, Parse once, then read the targets. One thread.
class FlagSet {
 public:
  FlagSet(std::string command, std::string summary);
  ~FlagSet();
  FlagSet(FlagSet&&) noexcept;

  /// Set on the flag defined last.
  FlagSet& Hidden();
  FlagSet& Required();
  /// Another name for the flag defined last.
  FlagSet& Alias(std::string name);
  /// A letter for the flag defined last: -o wide, -owide.
  FlagSet& Short(char letter);

  // Targets get the default at once and the value in Parse; they must outlive the set.
  FlagSet& String(std::string name, std::string help, std::string fallback, std::string* target);
  FlagSet& Strings(std::string name, std::string help, std::vector<std::string>* target);
  FlagSet& Bool(std::string name, std::string help, bool fallback, bool* target);
  /// As kingpin: read as a float, then cut.
  FlagSet& Int(std::string name, std::string help, int64_t fallback, int64_t* target);
  FlagSet& Uint(std::string name, std::string help, uint64_t fallback, uint64_t* target);
  FlagSet& Float(std::string name, std::string help, double fallback, double* target);
  /// Go's durations, nanoseconds.
  FlagSet& GoDuration(std::string name, std::string help, std::string_view fallback,
                      int64_t* target_ns);
  /// Prometheus' durations, nanoseconds.
  FlagSet& PromDuration(std::string name, std::string help, std::string_view fallback,
                        int64_t* target_ns);
  FlagSet& Bytes(std::string name, std::string help, std::string_view fallback, uint64_t* target);
  /// Bytes, 0 for none, or "auto": 60 % of the memory that the process may use, which is the
  /// default.
  FlagSet& MemoryBudget(std::string name, const std::string& help, uint64_t* target);
  FlagSet& Enum(std::string name, std::string help, std::vector<std::string> choices,
                std::string fallback, std::string* target);
  /// Repeatable; what is given replaces the fallback.
  FlagSet& Enums(std::string name, std::string help, std::vector<std::string> choices,
                 std::vector<std::string> fallback, std::vector<std::string>* target);
  FlagSet& GoDurations(std::string name, std::string help, std::vector<std::string> fallback,
                       std::vector<int64_t>* target_ns);
  FlagSet& Time(std::string name, std::string help, std::string_view fallback,
                TimeOrDuration* target);
  /// Two flags, NAME (the content) and NAME-file (a path): both set is an error, a missing file
  /// too. $(VAR) is replaced from the environment when `substitute_env`. `source` gets the path, or
  /// "--NAME", for errors of whoever reads the content.
  FlagSet& PathOrContent(std::string name, std::string help, bool required, bool substitute_env,
                         std::string* content, std::string* source = nullptr);

  /// Takes Go's values, changes nothing; `reason` is logged once when it is given.
  FlagSet& WithoutEffect(std::string name, ValueKind kind, std::string reason,
                         std::string fallback = "");
  FlagSet& WithoutEffect(std::string name, bool is_bool, std::string reason,
                         std::string fallback = "") {
    return WithoutEffect(std::move(name), is_bool ? ValueKind::kBool : ValueKind::kText,
                         std::move(reason), std::move(fallback));
  }
  /// Refused by name when given.
  FlagSet& NotBuilt(std::string name, bool is_bool);

  /// kInvalidArgument with kingpin's wording: "unknown long flag '--x'". Another code where the
  /// flags are right and what they refer to is not: a file that is missing, a variable not set.
  Status Parse(const std::vector<std::string>& arguments);
  bool help_asked() const;
  bool version_asked() const;
  bool WasSet(std::string_view name) const;
  /// The whole help text, grouped: working flags, without effect, not built yet.
  std::string Help() const;
  /// For /api/v1/status/flags, as Go writes values: durations and sizes in their usual form. Flags
  /// that are not built are there with their value, which is none. Contents of *.config flags are
  /// "<REDACTED>".
  std::map<std::string, std::string> Values() const;
  /// "--name: reason" for each flag without effect that was given.
  std::vector<std::string> NotesOnFlagsWithoutEffect() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// $(VAR) from the environment; an unset one is an error naming it.
Result<std::string> SubstituteEnv(std::string_view text);
Result<std::string> ReadFileText(const std::string& path);
/// The values of a repeatable flag whose value is a list: "a,b" and "c" to a, b, c.
std::vector<std::string> SplitCommas(const std::vector<std::string>& texts);

}  // namespace thanos::config
