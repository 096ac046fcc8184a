#include "tools/script.h"

#include <cstdlib>
#include <utility>

#include "base/number_text.h"
#include "base/time_text.h"
#include "promql/histogram_math.h"
#include "promql/parser.h"

namespace thanos::promqltest {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::string_view(" \t\r\n").find(text.front()) != text.npos) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::string_view(" \t\r\n").find(text.back()) != text.npos) {
    text.remove_suffix(1);
  }
  return text;
}

// The word in front; *text becomes the trimmed rest.
std::string_view TakeWord(std::string_view* text) {
  const std::string_view word = text->substr(0, text->find_first_of(" \t"));
  *text = Trim(text->substr(word.size()));
  return word;
}

// Takes a number from the front.
std::optional<double> TakeNumber(std::string_view* text) {
  size_t n = 0;
  const auto at = [&](size_t i) { return i < text->size() ? (*text)[i] : '\0'; };
  if (at(n) == '+' || at(n) == '-') ++n;
  for (const std::string_view word : {"Inf", "inf", "NaN", "nan"}) {
    if (text->substr(n).starts_with(word)) {
      const Result<double> value = base::ParseGoFloat(text->substr(0, n + word.size()));
      text->remove_prefix(n + word.size());
      return value.ok() ? std::optional(*value) : std::nullopt;
    }
  }
  const auto digits = [&] {
    while ((at(n) >= '0' && at(n) <= '9') || at(n) == '.') ++n;
  };
  digits();
  if ((at(n) == 'e' || at(n) == 'E') && n > 0) {
    const size_t before = n++;
    if (at(n) == '+' || at(n) == '-') ++n;
    if (at(n) < '0' || at(n) > '9') {
      n = before;
    } else {
      digits();
    }
  }
  const Result<double> value = base::ParseGoFloat(text->substr(0, n));
  if (!value.ok()) return std::nullopt;
  text->remove_prefix(n);
  return *value;
}

// "xN" at the front: N, else 0.
std::optional<size_t> TakeTimes(std::string_view* text) {
  if (!text->starts_with("x")) return size_t{0};
  size_t n = 1;
  size_t count = 0;
  for (; n < text->size() && (*text)[n] >= '0' && (*text)[n] <= '9'; ++n) {
    count = count * 10 + static_cast<size_t>((*text)[n] - '0');
  }
  if (n == 1) return std::nullopt;
  text->remove_prefix(n);
  return count;
}

// "[1 2 3]" at the front.
bool TakeList(std::string_view* text, std::vector<double>* out) {
  if (!text->starts_with("[")) return false;
  text->remove_prefix(1);
  while (true) {
    *text = Trim(*text);
    if (text->starts_with("]")) break;
    const std::optional<double> value = TakeNumber(text);
    if (!value) return false;
    out->push_back(*value);
  }
  text->remove_prefix(1);
  return true;
}

bool TakeHint(std::string_view* text, model::CounterResetHint* hint) {
  using Hint = model::CounterResetHint;
  const std::pair<std::string_view, Hint> kHints[] = {{"unknown", Hint::kUnknown},
                                                      {"not_reset", Hint::kNotReset},
                                                      {"reset", Hint::kReset},
                                                      {"gauge", Hint::kGauge}};
  for (const auto& [word, value] : kHints) {
    if (!text->starts_with(word)) continue;
    text->remove_prefix(word.size());
    *hint = value;
    return true;
  }
  return false;
}

// {{schema:1 count:2 buckets:[1 1]}}
bool TakeHistogram(std::string_view* text, model::FloatHistogram* out, bool* hint_is_given) {
  text->remove_prefix(2);
  int32_t offset = 0;
  int32_t negative_offset = 0;
  while (true) {
    *text = Trim(*text);
    if (text->starts_with("}}")) break;
    const size_t colon = text->find(':');
    if (colon == text->npos) return false;
    const std::string_view key = text->substr(0, colon);
    text->remove_prefix(colon + 1);
    if (key == "counter_reset_hint") {
      if (!TakeHint(text, &out->hint)) return false;
      *hint_is_given = true;
    } else if (key == "buckets" || key == "n_buckets" || key == "custom_values") {
      if (!TakeList(text, key == "buckets"     ? &out->positive_buckets
                          : key == "n_buckets" ? &out->negative_buckets
                                               : &out->custom_values)) {
        return false;
      }
    } else {
      const std::optional<double> value = TakeNumber(text);
      if (!value) return false;
      if (key == "schema") out->schema = static_cast<int32_t>(*value);
      if (key == "sum") out->sum = *value;
      if (key == "count") out->count = *value;
      if (key == "z_bucket") out->zero_count = *value;
      if (key == "z_bucket_w") out->zero_threshold = *value;
      if (key == "offset") offset = static_cast<int32_t>(*value);
      if (key == "n_offset") negative_offset = static_cast<int32_t>(*value);
    }
  }
  text->remove_prefix(2);
  const auto span = [](int32_t at, size_t n, std::vector<model::HistogramSpan>* spans) {
    if (n > 0) spans->push_back({at, static_cast<uint32_t>(n)});
  };
  span(offset, out->positive_buckets.size(), &out->positive_spans);
  span(negative_offset, out->negative_buckets.size(), &out->negative_spans);
  return true;
}

// "{{…}}", "{{…}}xN", "{{…}}+{{…}}xN".
bool TakeHistograms(std::string_view* text, SeriesLine* line) {
  model::FloatHistogram value, delta;
  bool hint = false;
  if (!TakeHistogram(text, &value, &hint)) return false;
  char sign = 0;
  if (text->starts_with("+{{") || text->starts_with("-{{")) {
    sign = text->front();
    text->remove_prefix(1);
    if (!TakeHistogram(text, &delta, &hint)) return false;
  }
  const std::optional<size_t> times = TakeTimes(text);
  if (!times) return false;
  for (size_t i = 0; i <= *times; ++i) {
    Item item;
    item.kind = Item::Kind::kHistogram;
    item.histogram = std::make_shared<const model::FloatHistogram>(value);
    item.hint_is_given = hint;
    line->items.push_back(std::move(item));
    if (sign == 0) continue;
    const model::CounterResetHint before = value.hint;
    promql::HistogramSum sum(value, /*compensated=*/false);
    if (!(sign == '+' ? sum.Add(delta) : sum.Subtract(delta))) return false;
    value = sum.Result();
    value.hint = before;
  }
  line->has_histogram = true;
  return true;
}

bool TakeItem(std::string_view* text, SeriesLine* line) {
  if (text->starts_with("{{")) return TakeHistograms(text, line);
  if (text->starts_with("_")) {
    text->remove_prefix(1);
    const bool repeated = text->starts_with("x");
    const std::optional<size_t> times = TakeTimes(text);
    if (!times) return false;
    line->items.insert(line->items.end(), repeated ? *times : 1, Item{});
    return true;
  }
  if (text->starts_with("stale")) {
    text->remove_prefix(5);
    line->items.push_back({Item::Kind::kStale, 0, nullptr, false});
    return true;
  }
  const std::optional<double> first = TakeNumber(text);
  if (!first) return false;
  double step = 0;
  if (text->starts_with("+") || text->starts_with("-")) {
    const std::optional<double> delta = TakeNumber(text);
    if (!delta) return false;
    step = *delta;
  }
  const std::optional<size_t> times = TakeTimes(text);
  if (!times) return false;
  double value = *first;
  for (size_t i = 0; i <= *times; ++i) {
    line->items.push_back({Item::Kind::kFloat, value, nullptr, false});
    value += step;
  }
  return true;
}

// Where the description of the series ends and its values begin.
size_t EndOfSeries(std::string_view text) {
  char quote = 0;
  bool braces = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == '\\' && quote != '`') ++i;
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'' || c == '`') {
      quote = c;
    } else if (c == '{') {
      if (!braces && i + 1 < text.size() && text[i + 1] == '{') return i;
      braces = true;
    } else if (c == '}') {
      return i + 1;
    } else if (!braces && (c == ' ' || c == '\t')) {
      // A space may stand between name and braces.
      const size_t next = text.find_first_not_of(" \t", i);
      if (next != text.npos && text[next] == '{' && !text.substr(next).starts_with("{{")) continue;
      return i;
    }
  }
  return text.size();
}

Result<SeriesLine> ReadSeries(std::string_view text) {
  SeriesLine line;
  const size_t end = EndOfSeries(text);
  const std::string_view description = Trim(text.substr(0, end));
  if (description != "{}") {
    THANOS_ASSIGN_OR_RETURN(const model::Matchers matchers, promql::ParseSelector(description));
    std::vector<std::pair<std::string, std::string>> labels;
    for (const model::Matcher& matcher : matchers) {
      if (!matcher.value().empty()) labels.emplace_back(matcher.name(), matcher.value());
    }
    line.labels = Labels::Of(std::move(labels));
  }
  std::string_view rest = Trim(text.substr(end));
  while (!rest.empty()) {
    if (!TakeItem(&rest, &line) || (!rest.empty() && rest[0] != ' ' && rest[0] != '\t')) {
      return InvalidArgumentError("bad item at \"" + std::string(rest) + "\"");
    }
    rest = Trim(rest);
  }
  return line;
}

Result<int64_t> ReadDuration(std::string_view text) {
  THANOS_ASSIGN_OR_RETURN(const int64_t ns, base::ParsePromDurationAllowNegative(text));
  return ns / 1000000;
}

class Reader {
 public:
  explicit Reader(const std::string& text) {
    std::string_view rest = text;
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      const std::string_view line = Trim(rest.substr(0, end));
      lines_.push_back(line.starts_with("#") ? std::string_view() : line);
      rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    }
  }

  Result<std::vector<Command>> Read() {
    std::vector<Command> commands;
    while (at_ < lines_.size()) {
      if (lines_[at_].empty()) {
        ++at_;
        continue;
      }
      const size_t line = at_ + 1;
      Result<Command> command = ReadCommand();
      if (!command.ok()) return command.status().WithContext("line " + std::to_string(line));
      commands.push_back(std::move(*command));
    }
    return commands;
  }

 private:
  Result<Command> ReadCommand() {
    std::string_view text = lines_[at_];
    const std::string_view word = TakeWord(&text);
    Command command;
    if (word == "clear") {
      ++at_;
      command.kind = Command::Kind::kClear;
      return command;
    }
    if (word == "load" || word == "load_with_nhcb") {
      command.kind = Command::Kind::kLoad;
      command.with_nhcb = word == "load_with_nhcb";
      THANOS_ASSIGN_OR_RETURN(command.step_ms, ReadDuration(TakeWord(&text)));
      for (++at_; at_ < lines_.size() && !lines_[at_].empty(); ++at_) {
        if (lines_[at_].find("@st ") != std::string_view::npos) {
          THANOS_RETURN_IF_ERROR(ReadStarts(lines_[at_]));
          continue;
        }
        THANOS_ASSIGN_OR_RETURN(SeriesLine line, ReadSeries(lines_[at_]));
        line.start_offsets_ms = std::exchange(starts_, {});
        if (!line.start_offsets_ms.empty() && line.start_offsets_ms.size() != line.items.size()) {
          return InvalidArgumentError("start times and values differ in number: " +
                                      std::string(lines_[at_]));
        }
        command.series.push_back(std::move(line));
      }
      return command;
    }
    if (!word.starts_with("eval")) return InvalidArgumentError("unknown command");
    command.kind = Command::Kind::kEval;
    command.eval.line = static_cast<int>(at_) + 1;
    const auto expect = [&](Expectation::Kind kind) {
      command.eval.expectations.push_back({kind, false, ""});
    };
    if (word == "eval_fail") expect(Expectation::Kind::kFail);
    if (word == "eval_warn") expect(Expectation::Kind::kWarn);
    if (word == "eval_info") expect(Expectation::Kind::kInfo);
    if (word == "eval_ordered") command.eval.ordered = true;
    THANOS_RETURN_IF_ERROR(ReadHead(text, &command.eval));
    for (++at_; at_ < lines_.size() && !lines_[at_].empty(); ++at_) {
      THANOS_ASSIGN_OR_RETURN(const bool last, ReadResultLine(lines_[at_], &command.eval));
      if (last) {
        ++at_;
        break;
      }
    }
    return command;
  }

  // "metric@st -1m-30sx3 _": kept for the line of values that follows.
  Status ReadStarts(std::string_view text) {
    text.remove_prefix(text.find("@st ") + 4);
    for (text = Trim(text); !text.empty();) {
      std::string_view word = TakeWord(&text);
      std::optional<int64_t> value;
      int64_t step = 0;
      bool once = false;
      if (word.starts_with("_")) {
        word.remove_prefix(1);
        once = word.starts_with("x");  // "_xN" is N gaps, "axN" N + 1 values.
      } else {
        THANOS_ASSIGN_OR_RETURN(value, TakeSignedDuration(&word));
        if (!word.empty() && word[0] != 'x') {
          THANOS_ASSIGN_OR_RETURN(step, TakeSignedDuration(&word));
        }
      }
      const std::optional<size_t> times = TakeTimes(&word);
      if (!times || !word.empty()) return InvalidArgumentError("bad start time");
      for (size_t i = once ? 1 : 0; i <= *times; ++i) {
        starts_.push_back(value);
        if (value) *value += step;
      }
    }
    return OkStatus();
  }

  static Result<int64_t> TakeSignedDuration(std::string_view* text) {
    const size_t end = std::min(text->find_first_of("+-x", 1), text->size());
    std::string_view word = text->substr(0, end);
    text->remove_prefix(end);
    const bool negative = word.starts_with("-");
    if (negative || word.starts_with("+")) word.remove_prefix(1);
    if (word == "0") return int64_t{0};
    THANOS_ASSIGN_OR_RETURN(const int64_t ms, ReadDuration(word));
    return negative ? -ms : ms;
  }

  static Status ReadHead(std::string_view text, Eval* eval) {
    const std::string_view mode = TakeWord(&text);
    TakeWord(&text);  // at, from
    THANOS_ASSIGN_OR_RETURN(eval->start_ms, ReadDuration(TakeWord(&text)));
    eval->end_ms = eval->start_ms;
    if (mode == "range") {
      TakeWord(&text);  // to
      THANOS_ASSIGN_OR_RETURN(eval->end_ms, ReadDuration(TakeWord(&text)));
      TakeWord(&text);  // step
      THANOS_ASSIGN_OR_RETURN(eval->step_ms, ReadDuration(TakeWord(&text)));
    }
    eval->expr = text;
    return OkStatus();
  }

  // True when the line ends the block.
  static Result<bool> ReadResultLine(std::string_view text, Eval* eval) {
    const auto fail_with = [&](bool regex, std::string_view what) {
      eval->expectations.push_back({Expectation::Kind::kFail, regex, std::string(what)});
    };
    if (text.starts_with("expected_fail_message ")) {
      return fail_with(false, Trim(text.substr(22))), true;
    }
    if (text.starts_with("expected_fail_regexp ")) {
      return fail_with(true, Trim(text.substr(21))), true;
    }
    if (text.starts_with("expect ")) {
      THANOS_RETURN_IF_ERROR(ReadExpect(Trim(text.substr(7)), eval));
      return false;
    }
    std::string_view number = text;
    if (const std::optional<double> value = TakeNumber(&number); value && number.empty()) {
      eval->scalar_result = *value;
      return true;
    }
    THANOS_ASSIGN_OR_RETURN(SeriesLine line, ReadSeries(text));
    eval->series.push_back(std::move(line));
    return false;
  }

  static Status ReadExpect(std::string_view text, Eval* eval) {
    const std::string_view word = TakeWord(&text);
    if (word == "ordered") {
      eval->ordered = true;
      return OkStatus();
    }
    if (word == "string") {
      if (text.size() < 2) return InvalidArgumentError("expect string without a string");
      eval->string_result = text.substr(1, text.size() - 2);
      return OkStatus();
    }
    if (word == "range") {
      eval->range_vector = true;
      TakeWord(&text);  // vector
      TakeWord(&text);  // from
      THANOS_ASSIGN_OR_RETURN(eval->vector_start_ms, ReadDuration(TakeWord(&text)));
      TakeWord(&text);  // to
      TakeWord(&text);
      TakeWord(&text);  // step
      THANOS_ASSIGN_OR_RETURN(eval->vector_step_ms, ReadDuration(TakeWord(&text)));
      return OkStatus();
    }
    Expectation expectation;
    if (word == "fail") {
      expectation.kind = Expectation::Kind::kFail;
    } else if (word == "warn") {
      expectation.kind = Expectation::Kind::kWarn;
    } else if (word == "info") {
      expectation.kind = Expectation::Kind::kInfo;
    } else if (word == "no_warn") {
      expectation.kind = Expectation::Kind::kNoWarn;
    } else if (word == "no_info") {
      expectation.kind = Expectation::Kind::kNoInfo;
    } else {
      return InvalidArgumentError("unknown expectation " + std::string(word));
    }
    if (text.starts_with("msg:")) {
      expectation.text = Trim(text.substr(4));
    } else if (text.starts_with("regex:")) {
      expectation.text = Trim(text.substr(6));
      expectation.is_regex = true;
    }
    eval->expectations.push_back(std::move(expectation));
    return OkStatus();
  }

  std::vector<std::string_view> lines_;
  std::vector<std::optional<int64_t>> starts_;
  size_t at_ = 0;
};

}  // namespace

Result<std::vector<Command>> ReadScript(const std::string& text) { return Reader(text).Read(); }

}  // namespace thanos::promqltest
