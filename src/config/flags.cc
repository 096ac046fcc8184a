#include "config/flags.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>

#include <boost/program_options.hpp>

#include "base/number_text.h"
#include "base/time_text.h"
#include "base/usable_memory.h"

namespace po = boost::program_options;

namespace thanos::config {
namespace {

struct Flag {
  std::string name;
  std::vector<std::string> aliases;
  char letter = 0;
  std::string help;
  std::string value_name;
  std::string fallback;  // As text, for help and status/flags.
  FlagClass flag_class = FlagClass::kWorking;
  bool is_bool = false, repeatable = false, hidden = false, required = false;
  std::function<Status(const std::string&)> apply;
  std::function<std::string(const std::string&)> show;  // A good value as status/flags has it.
  std::vector<std::string> given;                       // As text, in order.
};

struct ContentPair {
  std::string name;
  bool required, substitute_env;
  std::string content, path;
  std::string* target;
  std::string* source;  // May be null.
};

Status WithFlag(const std::string& name, const Status& status) {
  return status.WithContext("--" + name);
}

// Arguments `@path` stand for the lines of a file.
Result<std::vector<std::string>> ExpandFiles(const std::vector<std::string>& arguments) {
  std::vector<std::string> all;
  for (const std::string& argument : arguments) {
    if (argument.size() < 2 || argument[0] != '@') {
      all.push_back(argument);
      continue;
    }
    std::ifstream file(argument.substr(1));
    if (!file) return InvalidArgumentError("cannot read arguments from " + argument.substr(1));
    for (std::string line; std::getline(file, line);) {
      if (!line.empty()) all.push_back(line);
    }
  }
  return all;
}

}  // namespace

Result<std::string> ReadFileText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return ErrnoError(errno, "open " + path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return InternalError("read " + path + " failed");
  return text;
}

Result<std::string> SubstituteEnv(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t at = text.find("$(");
    out.append(text.substr(0, at));
    if (at == std::string_view::npos) break;
    text.remove_prefix(at);
    size_t end = 2;
    const auto is_name = [](char c) {
      return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    while (end < text.size() && is_name(text[end])) ++end;
    if (end == 2 || end >= text.size() || text[end] != ')') {
      out.append(text.substr(0, 2));
      text.remove_prefix(2);
      continue;
    }
    const std::string variable(text.substr(2, end - 2));
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr) {
      return InvalidArgumentError("found reference to unset environment variable \"" + variable +
                                  "\"");
    }
    out += value;
    text.remove_prefix(end + 1);
  }
  return out;
}

Result<TimeOrDuration> ParseTimeOrDuration(std::string_view text) {
  TimeOrDuration out;
  if (const auto time = base::ParseRfc3339Ms(text); time.ok()) {
    out.ms = *time;
    return out;
  }
  const auto duration = base::ParsePromDurationAllowNegative(text);
  if (!duration.ok()) {
    return InvalidArgumentError("\"" + std::string(text) +
                                "\" is neither an RFC 3339 time nor a duration");
  }
  out.is_time = false;
  out.ms = *duration / 1000000;
  return out;
}

struct FlagSet::Impl {
  std::string command, summary;
  std::vector<Flag> flags;
  std::vector<std::unique_ptr<ContentPair>> contents;
  bool help = false, version = false;

  Flag& Add(std::string name, std::string text) {
    flags.emplace_back();
    flags.back().name = std::move(name);
    flags.back().help = std::move(text);
    return flags.back();
  }

  Flag* Find(std::string_view name) {
    for (Flag& flag : flags) {
      if (flag.name == name) return &flag;
      for (const std::string& alias : flag.aliases) {
        if (alias == name) return &flag;
      }
    }
    return nullptr;
  }

  // kingpin's --no-flag, and its words for what is wrong.
  Status Take(const std::string& key, const std::vector<std::string>& values) {
    Flag* flag = Find(key);
    std::string value = values.empty() ? "true" : values.front();
    if (flag == nullptr && key.starts_with("no-")) {
      flag = Find(std::string_view(key).substr(3));
      if (flag != nullptr && !flag->is_bool) flag = nullptr;
      value = "false";
    }
    if (flag == nullptr) return InvalidArgumentError("unknown long flag '--" + key + "'");
    if (flag->flag_class == FlagClass::kNotBuilt) {
      return UnimplementedError("flag --" + flag->name +
                                " is not built yet: this version cannot do what it asks for");
    }
    if (!flag->repeatable && !flag->given.empty()) {
      return InvalidArgumentError("flag '" + flag->name + "' cannot be repeated");
    }
    flag->given.push_back(value);
    if (!flag->apply) return OkStatus();
    Status status = flag->apply(value);
    return status.ok() ? status : WithFlag(flag->name, status);
  }

  // --name= becomes --name and an empty value: Program_options refuses the former.
  std::vector<std::string> WithoutEmptyValues(const std::vector<std::string>& arguments) {
    std::vector<std::string> out;
    for (const std::string& argument : arguments) {
      const Flag* flag = nullptr;
      if (argument.starts_with("--") && argument.find('=') + 1 == argument.size()) {
        flag = Find(std::string_view(argument).substr(2, argument.size() - 3));
      }
      if (flag == nullptr || flag->is_bool) {
        out.push_back(argument);
        continue;
      }
      out.push_back(argument.substr(0, argument.size() - 1));
      out.emplace_back();
    }
    return out;
  }

  // -o wide, -owide and -r become --output=wide and --repair.
  std::vector<std::string> WithoutLetters(const std::vector<std::string>& arguments) {
    std::vector<std::string> out;
    for (size_t i = 0; i < arguments.size(); ++i) {
      const std::string& argument = arguments[i];
      const Flag* flag = nullptr;
      if (argument.size() >= 2 && argument[0] == '-' && argument[1] != '-') {
        for (const Flag& candidate : flags) {
          if (candidate.letter == argument[1]) flag = &candidate;
        }
      }
      if (flag != nullptr && !flag->is_bool) {
        std::string value = argument.substr(2);
        if (value.empty() && i + 1 < arguments.size()) value = arguments[++i];
        out.push_back("--" + flag->name + "=" + value);
        continue;
      }
      out.push_back(flag != nullptr && argument.size() == 2 ? "--" + flag->name : argument);
      // A value that begins with '-' is a value.
      const bool named = argument.starts_with("--") && argument.find('=') == std::string::npos;
      const Flag* long_flag = named ? Find(std::string_view(argument).substr(2)) : nullptr;
      if (long_flag != nullptr && !long_flag->is_bool && i + 1 < arguments.size()) {
        out.push_back(arguments[++i]);
      }
    }
    return out;
  }

  Status ResolveContents() {
    for (auto& pair : contents) {
      if (!pair->content.empty() && !pair->path.empty()) {
        return FailedPreconditionError("both " + pair->name + " and " + pair->name +
                                       "-file flags set.");
      }
      std::string text = pair->content;
      if (!pair->path.empty()) {
        auto file = ReadFileText(pair->path);
        if (!file.ok()) return file.status().WithContext("--" + pair->name + "-file");
        text = *std::move(file);
      }
      if (text.empty() && pair->required) {
        return FailedPreconditionError("flag " + pair->name + " or " + pair->name +
                                       "-file is required for running this command and content "
                                       "cannot be empty.");
      }
      if (pair->substitute_env) {
        auto substituted = SubstituteEnv(text);
        if (!substituted.ok()) {
          return WithFlag(pair->name,
                          FailedPreconditionError(std::string(substituted.status().message())));
        }
        text = *std::move(substituted);
      }
      *pair->target = std::move(text);
      if (pair->source) *pair->source = pair->path.empty() ? "--" + pair->name : pair->path;
    }
    return OkStatus();
  }
};

FlagSet::FlagSet(std::string command, std::string summary) : impl_(std::make_unique<Impl>()) {
  impl_->command = std::move(command);
  impl_->summary = std::move(summary);
  Bool("help", "Show this help.", false, &impl_->help);
  Bool("version", "Show the version.", false, &impl_->version);
}
FlagSet::~FlagSet() = default;
FlagSet::FlagSet(FlagSet&&) noexcept = default;

FlagSet& FlagSet::Hidden() {
  impl_->flags.back().hidden = true;
  return *this;
}

FlagSet& FlagSet::Required() {
  impl_->flags.back().required = true;
  return *this;
}

FlagSet& FlagSet::Alias(std::string name) {
  impl_->flags.back().aliases.push_back(std::move(name));
  return *this;
}

FlagSet& FlagSet::Short(char letter) {
  impl_->flags.back().letter = letter;
  return *this;
}

FlagSet& FlagSet::String(std::string name, std::string help, std::string fallback,
                         std::string* target) {
  Flag& flag = impl_->Add(std::move(name), std::move(help));
  *target = fallback;
  flag.fallback = std::move(fallback);
  flag.value_name = "TEXT";
  flag.apply = [target](const std::string& text) {
    *target = text;
    return OkStatus();
  };
  return *this;
}

FlagSet& FlagSet::Strings(std::string name, std::string help, std::vector<std::string>* target) {
  Flag& flag = impl_->Add(std::move(name), std::move(help));
  flag.repeatable = true;
  flag.value_name = "TEXT ...";
  flag.apply = [target](const std::string& text) {
    target->push_back(text);
    return OkStatus();
  };
  return *this;
}

FlagSet& FlagSet::Bool(std::string name, std::string help, bool fallback, bool* target) {
  Flag& flag = impl_->Add(std::move(name), std::move(help));
  *target = fallback;
  flag.fallback = fallback ? "true" : "false";
  flag.is_bool = true;
  flag.apply = [target](const std::string& text) {
    *target = text == "true";
    return OkStatus();
  };
  return *this;
}

namespace {

// A flag whose text goes through a parser that gives the target's type.
template <typename Target, typename Parser>
void SetParser(Flag* flag, std::string fallback, std::string value_name, Target* target,
               Parser parser) {
  flag->fallback = std::move(fallback);
  flag->value_name = std::move(value_name);
  flag->apply = [target, parser](const std::string& text) -> Status {
    auto value = parser(text);
    if (!value.ok()) return value.status();
    *target = static_cast<Target>(*value);
    return OkStatus();
  };
  const Status status = flag->apply(flag->fallback);
  THANOS_CHECK(status.ok());
}

// The same, where the value has a usual form.
template <typename Target, typename Parser, typename Format>
void SetParser(Flag* flag, std::string fallback, std::string value_name, Target* target,
               Parser parser, Format format) {
  SetParser(flag, std::move(fallback), std::move(value_name), target, parser);
  flag->show = [parser, format](const std::string& text) {
    auto value = parser(text);
    return value.ok() ? format(*value) : text;
  };
}

Result<int64_t> ParseCount(const std::string& text) {
  THANOS_ASSIGN_OR_RETURN(const int64_t value, base::ParseGoInt(text));
  if (value < 0) return InvalidArgumentError("must not be negative: " + text);
  return value;
}

Result<int64_t> ParseSize(const std::string& text) {
  THANOS_ASSIGN_OR_RETURN(const int64_t value, base::ParseBase2Bytes(text));
  if (value < 0) return InvalidArgumentError("must not be negative: " + text);
  return value;
}

Result<int64_t> ParseBudget(const std::string& text) {
  if (text == "auto") return static_cast<int64_t>(base::UsableMemory() / 10 * 6);
  return ParseSize(text);
}

std::string FormatWhole(double value) { return std::to_string(static_cast<int64_t>(value)); }
std::string FormatCount(int64_t value) { return std::to_string(value); }
std::string FormatPromNs(int64_t ns) { return base::FormatPromDuration(ns / 1'000'000); }

// As kingpin writes sizes: "1GiB512MiB", "0B".
std::string FormatSize(int64_t bytes) {
  static constexpr const char* kUnits[] = {"EiB", "PiB", "TiB", "GiB", "MiB", "KiB", "B"};
  std::string text;
  int shift = 60;
  for (const char* unit : kUnits) {
    const int64_t count = bytes >> shift;
    if (count > 0) text += std::to_string(count) + unit;
    bytes -= count << shift;
    shift -= 10;
  }
  return text.empty() ? "0B" : text;
}

// Where the values of flags without effect end.
template <typename Target>
Target* Nowhere() {
  static Target target;
  return &target;
}

}  // namespace

FlagSet& FlagSet::Int(std::string name, std::string help, int64_t fallback, int64_t* target) {
  SetParser(&impl_->Add(std::move(name), std::move(help)), std::to_string(fallback), "N", target,
            base::ParseGoFloat, FormatWhole);
  return *this;
}

FlagSet& FlagSet::Uint(std::string name, std::string help, uint64_t fallback, uint64_t* target) {
  SetParser(&impl_->Add(std::move(name), std::move(help)), std::to_string(fallback), "N", target,
            ParseCount, FormatCount);
  return *this;
}

FlagSet& FlagSet::Float(std::string name, std::string help, double fallback, double* target) {
  SetParser(&impl_->Add(std::move(name), std::move(help)), base::FormatFloatG(fallback), "X",
            target, base::ParseGoFloat, base::FormatFloatG);
  return *this;
}

FlagSet& FlagSet::GoDuration(std::string name, std::string help, std::string_view fallback,
                             int64_t* target_ns) {
  SetParser(&impl_->Add(std::move(name), std::move(help)), std::string(fallback), "DURATION",
            target_ns, base::ParseGoDuration, base::FormatGoDuration);
  return *this;
}

FlagSet& FlagSet::PromDuration(std::string name, std::string help, std::string_view fallback,
                               int64_t* target_ns) {
  SetParser(&impl_->Add(std::move(name), std::move(help)), std::string(fallback), "DURATION",
            target_ns, base::ParsePromDuration, FormatPromNs);
  return *this;
}

FlagSet& FlagSet::Bytes(std::string name, std::string help, std::string_view fallback,
                        uint64_t* target) {
  SetParser(&impl_->Add(std::move(name), std::move(help)), std::string(fallback), "SIZE", target,
            ParseSize, FormatSize);
  return *this;
}

FlagSet& FlagSet::MemoryBudget(std::string name, const std::string& help, uint64_t* target) {
  SetParser(&impl_->Add(std::move(name), help + " auto is 60 % of the memory that the process may "
                                                "use, by its control group; 0 is no limit."),
            std::string("auto"), "SIZE|auto", target, ParseBudget, FormatSize);
  return *this;
}

FlagSet& FlagSet::Enum(std::string name, std::string help, std::vector<std::string> choices,
                       std::string fallback, std::string* target) {
  Flag& flag = impl_->Add(std::move(name), std::move(help));
  *target = fallback;
  flag.fallback = std::move(fallback);
  for (const std::string& choice : choices) {
    flag.value_name += (flag.value_name.empty() ? "" : "|") + choice;
  }
  flag.apply = [target, choices = std::move(choices)](const std::string& text) {
    if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
      std::string all;
      for (const std::string& choice : choices) all += (all.empty() ? "" : ",") + choice;
      return InvalidArgumentError("enum value must be one of " + all + ", got '" + text + "'");
    }
    *target = text;
    return OkStatus();
  };
  return *this;
}

namespace {

std::string Joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ",") + text;
  return all;
}

}  // namespace

FlagSet& FlagSet::Enums(std::string name, std::string help, std::vector<std::string> choices,
                        std::vector<std::string> fallback, std::vector<std::string>* target) {
  *target = fallback;
  auto one = std::make_shared<std::string>();
  Enum(std::move(name), std::move(help), std::move(choices), Joined(fallback), one.get());
  Flag& flag = impl_->flags.back();
  flag.repeatable = true;
  auto given = std::make_shared<std::vector<std::string>>();
  flag.apply = [apply = flag.apply, one, given, target](const std::string& text) {
    const Status status = apply(text);
    if (!status.ok()) return status;
    given->push_back(*one);
    *target = *given;
    return OkStatus();
  };
  return *this;
}

FlagSet& FlagSet::GoDurations(std::string name, std::string help, std::vector<std::string> fallback,
                              std::vector<int64_t>* target_ns) {
  Flag& flag = impl_->Add(std::move(name), std::move(help));
  flag.repeatable = true;
  flag.fallback = Joined(fallback);
  flag.value_name = "DURATION ...";
  auto given = std::make_shared<std::vector<int64_t>>();
  flag.apply = [given, target_ns](const std::string& text) -> Status {
    THANOS_ASSIGN_OR_RETURN(const int64_t ns, base::ParseGoDuration(text));
    given->push_back(ns);
    *target_ns = *given;
    return OkStatus();
  };
  for (const std::string& text : fallback) THANOS_CHECK(flag.apply(text).ok());
  given->clear();
  return *this;
}

FlagSet& FlagSet::Time(std::string name, std::string help, std::string_view fallback,
                       TimeOrDuration* target) {
  SetParser(&impl_->Add(std::move(name), std::move(help)), std::string(fallback), "TIME", target,
            ParseTimeOrDuration);
  return *this;
}

FlagSet& FlagSet::PathOrContent(std::string name, std::string help, bool required,
                                bool substitute_env, std::string* content, std::string* source) {
  impl_->contents.push_back(std::make_unique<ContentPair>(
      ContentPair{name, required, substitute_env, "", "", content, source}));
  ContentPair* pair = impl_->contents.back().get();
  String(name + "-file", "Path to a file. " + help, "", &pair->path);
  String(name, "Alternative to --" + name + "-file: the content itself. " + help, "",
         &pair->content);
  return *this;
}

FlagSet& FlagSet::WithoutEffect(std::string name, ValueKind kind, std::string reason,
                                std::string fallback) {
  switch (kind) {
    case ValueKind::kText:
      String(std::move(name), std::move(reason), std::move(fallback), Nowhere<std::string>());
      impl_->flags.back().repeatable = true;
      break;
    case ValueKind::kBool:
      Bool(std::move(name), std::move(reason), fallback == "true", Nowhere<bool>());
      break;
    case ValueKind::kInt:
      Int(std::move(name), std::move(reason), std::atoll(fallback.c_str()), Nowhere<int64_t>());
      break;
    case ValueKind::kFloat:
      Float(std::move(name), std::move(reason), std::atof(fallback.c_str()), Nowhere<double>());
      break;
    case ValueKind::kBytes:
      Bytes(std::move(name), std::move(reason), fallback, Nowhere<uint64_t>());
      break;
    case ValueKind::kGoDuration:
      GoDuration(std::move(name), std::move(reason), fallback, Nowhere<int64_t>());
      break;
    case ValueKind::kPromDuration:
      PromDuration(std::move(name), std::move(reason), fallback, Nowhere<int64_t>());
      break;
  }
  impl_->flags.back().flag_class = FlagClass::kWithoutEffect;
  return *this;
}

FlagSet& FlagSet::NotBuilt(std::string name, bool is_bool) {
  Flag& flag = impl_->Add(std::move(name), "");
  flag.flag_class = FlagClass::kNotBuilt;
  flag.is_bool = is_bool;
  flag.value_name = "TEXT";
  return *this;
}

Status FlagSet::Parse(const std::vector<std::string>& arguments) {
  THANOS_ASSIGN_OR_RETURN(std::vector<std::string> expanded, ExpandFiles(arguments));
  for (std::string& argument : expanded) {
    if (argument == "-h" || argument == "--help-long" || argument == "--help-man") {
      argument = "--help";
    }
  }
  expanded = impl_->WithoutEmptyValues(impl_->WithoutLetters(expanded));
  po::options_description options;
  for (const Flag& flag : impl_->flags) {
    const auto add = [&](const std::string& name) {
      if (flag.is_bool) {
        options.add_options()(name.c_str(), "");
        options.add_options()(("no-" + name).c_str(), "");
      } else {
        options.add_options()(name.c_str(), po::value<std::vector<std::string>>(), "");
      }
    };
    add(flag.name);
    for (const std::string& alias : flag.aliases) add(alias);
  }
  try {
    namespace style = po::command_line_style;
    const auto parsed =
        po::command_line_parser(expanded)
            .options(options)
            .style(style::allow_long | style::long_allow_adjacent | style::long_allow_next)
            .run();
    for (const auto& option : parsed.options) {
      if (option.position_key >= 0) {
        return InvalidArgumentError("unexpected " +
                                    (option.value.empty() ? "argument" : option.value.front()));
      }
      THANOS_RETURN_IF_ERROR(impl_->Take(option.string_key, option.value));
    }
  } catch (const po::unknown_option& error) {
    std::string name = error.get_option_name();
    name.erase(0, name.find_first_not_of('-'));
    return InvalidArgumentError("unknown long flag '--" + name + "'");
  } catch (const po::invalid_command_line_syntax& error) {
    std::string name = error.get_option_name();
    name.erase(0, name.find_first_not_of('-'));
    if (error.kind() == po::invalid_command_line_syntax::extra_parameter) {
      return InvalidArgumentError("unexpected value for flag '--" + name + "'");
    }
    return InvalidArgumentError("expected argument for flag '--" + name + "'");
  } catch (const std::exception& error) {
    return InvalidArgumentError(error.what());
  }
  if (impl_->help || impl_->version) return OkStatus();
  for (const Flag& flag : impl_->flags) {
    if (flag.required && flag.given.empty()) {
      return InvalidArgumentError("required flag --" + flag.name + " not provided");
    }
  }
  return impl_->ResolveContents();
}

bool FlagSet::help_asked() const { return impl_->help; }
bool FlagSet::version_asked() const { return impl_->version; }

bool FlagSet::WasSet(std::string_view name) const {
  const Flag* flag = impl_->Find(name);
  return flag != nullptr && !flag->given.empty();
}

namespace {

void AppendWrapped(const std::string& text, size_t indent, std::string* out) {
  size_t column = indent;
  size_t at = 0;
  while (at < text.size()) {
    size_t end = text.find(' ', at);
    if (end == std::string::npos) end = text.size();
    if (column + (end - at) > 100 && column > indent) {
      *out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      *out += ' ';
      ++column;
    }
    out->append(text, at, end - at);
    column += end - at;
    at = end + 1;
  }
  *out += '\n';
}

void AppendFlagHelp(const Flag& flag, std::string* out) {
  std::string head = "  ";
  if (flag.letter != 0) head += std::string("-") + flag.letter + ", ";
  head += (flag.is_bool ? "--[no-]" : "--") + flag.name;
  if (!flag.is_bool) head += "=" + (flag.fallback.empty() ? flag.value_name : flag.fallback);
  *out += head + "\n" + std::string(8, ' ');
  std::string text = flag.help;
  if (!flag.aliases.empty()) text += " Also:";
  for (const std::string& alias : flag.aliases) text += " --" + alias;
  if (flag.repeatable && flag.flag_class == FlagClass::kWorking) text += " May be repeated.";
  AppendWrapped(text, 8, out);
}

}  // namespace

std::string FlagSet::Help() const {
  std::string out =
      "usage: thanos " + impl_->command + " [<flags>]\n\n" + impl_->summary + "\n\nFlags:\n";
  for (const Flag& flag : impl_->flags) {
    if (flag.flag_class == FlagClass::kWorking && !flag.hidden) AppendFlagHelp(flag, &out);
  }
  std::string without_effect, not_built;
  for (const Flag& flag : impl_->flags) {
    if (flag.flag_class == FlagClass::kWithoutEffect) AppendFlagHelp(flag, &without_effect);
    if (flag.flag_class == FlagClass::kNotBuilt) not_built += "  --" + flag.name + "\n";
  }
  if (!without_effect.empty()) out += "\nAccepted without effect:\n" + without_effect;
  if (!not_built.empty()) out += "\nNot built yet (refused by name):\n" + not_built;
  return out;
}

std::map<std::string, std::string> FlagSet::Values() const {
  std::map<std::string, std::string> values;
  for (const Flag& flag : impl_->flags) {
    const auto show = [&](const std::string& given) {
      return flag.show ? flag.show(given) : given;
    };
    std::string text = show(flag.fallback);
    if (!flag.given.empty()) {
      text.clear();
      for (const std::string& given : flag.given) text += (text.empty() ? "" : ",") + show(given);
      if (flag.name.ends_with(".config") || flag.name.ends_with("http-client")) text = "<REDACTED>";
    }
    for (const std::string& alias : flag.aliases) values[alias] = text;
    values[flag.name] = std::move(text);
  }
  return values;
}

std::vector<std::string> FlagSet::NotesOnFlagsWithoutEffect() const {
  std::vector<std::string> notes;
  for (const Flag& flag : impl_->flags) {
    if (flag.flag_class == FlagClass::kWithoutEffect && !flag.given.empty()) {
      notes.push_back("--" + flag.name + ": " + flag.help);
    }
  }
  return notes;
}

std::vector<std::string> SplitCommas(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (const std::string& text : texts) {
    size_t at = 0;
    while (at <= text.size()) {
      const size_t comma = std::min(text.find(',', at), text.size());
      if (comma > at) out.push_back(text.substr(at, comma - at));
      at = comma + 1;
    }
  }
  return out;
}

}  // namespace thanos::config
