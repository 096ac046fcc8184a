#include "base/time_text.h"

#include <array>
#include <chrono>
#include <cstdio>

#include "base/number_text.h"

namespace thanos::base {
namespace {

// Days since the epoch of a civil date, and back (H. Hinnant, "chrono-compatible low-level date
// algorithms").
int64_t DaysFromCivil(int64_t y, unsigned m, unsigned d) {
  y -= m <= 2;
  const int64_t era = (y >= 0 ? y : y - 399) / 400;
  const auto yoe = static_cast<unsigned>(y - era * 400);
  const unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
  const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + static_cast<int64_t>(doe) - 719468;
}

struct Civil {
  int64_t year;
  unsigned month, day;
};

Civil CivilFromDays(int64_t z) {
  z += 719468;
  const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const auto doe = static_cast<unsigned>(z - era * 146097);
  const unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const unsigned mp = (5 * doy + 2) / 153;
  const unsigned month = mp < 10 ? mp + 3 : mp - 9;
  return {static_cast<int64_t>(yoe) + era * 400 + (month <= 2), month,
          doy - (153 * mp + 2) / 5 + 1};
}

// `count` digits at *p, or false.
bool Digits(std::string_view text, size_t* at, int count, int64_t* value) {
  *value = 0;
  for (int i = 0; i < count; ++i, ++*at) {
    if (*at >= text.size() || text[*at] < '0' || text[*at] > '9') return false;
    *value = *value * 10 + (text[*at] - '0');
  }
  return true;
}

bool Take(std::string_view text, size_t* at, char c) {
  if (*at >= text.size() || text[*at] != c) return false;
  ++*at;
  return true;
}

std::string DateTime(int64_t seconds) {
  int64_t days = seconds / 86400;
  int64_t rest = seconds % 86400;
  if (rest < 0) {
    rest += 86400;
    --days;
  }
  const Civil date = CivilFromDays(days);
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), "%04lld-%02u-%02uT%02d:%02d:%02d",
                static_cast<long long>(date.year), date.month, date.day,
                static_cast<int>(rest / 3600), static_cast<int>(rest / 60 % 60),
                static_cast<int>(rest % 60));
  return buffer;
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) {
      char buffer[8];
      std::snprintf(buffer, sizeof(buffer), "\\x%02x", byte);
      out += buffer;
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out += '"';
}

}  // namespace

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string FormatRfc3339Ms(int64_t ms) {
  int64_t seconds = ms / 1000;
  int64_t rest = ms % 1000;
  if (rest < 0) {
    rest += 1000;
    --seconds;
  }
  char buffer[16];
  std::snprintf(buffer, sizeof(buffer), ".%03dZ", static_cast<int>(rest));
  return DateTime(seconds) + buffer;
}

std::string FormatRfc3339Nano(int64_t seconds, int64_t nanos) {
  std::string text = DateTime(seconds);
  if (nanos != 0) {
    char buffer[16];
    std::snprintf(buffer, sizeof(buffer), ".%09d", static_cast<int>(nanos));
    text += buffer;
    while (text.back() == '0') text.pop_back();
  }
  return text += 'Z';
}

Result<int64_t> ParseRfc3339Ms(std::string_view text) {
  const Status bad = InvalidArgumentError("not an RFC 3339 time: " + Quoted(text));
  size_t at = 0;
  int64_t year, month, day, hour, minute, second;
  if (!Digits(text, &at, 4, &year) || !Take(text, &at, '-') || !Digits(text, &at, 2, &month) ||
      !Take(text, &at, '-') || !Digits(text, &at, 2, &day) || !Take(text, &at, 'T') ||
      !Digits(text, &at, 2, &hour) || !Take(text, &at, ':') || !Digits(text, &at, 2, &minute) ||
      !Take(text, &at, ':') || !Digits(text, &at, 2, &second)) {
    return bad;
  }
  constexpr std::array<int, 13> kDays = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return bad;
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (day < 1 || day > kDays[static_cast<size_t>(month)] + (month == 2 && leap)) return bad;
  int64_t ms = 0;
  if (at < text.size() && (text[at] == '.' || text[at] == ',')) {
    const size_t start = ++at;
    int64_t scale = 100;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      ms += (text[at++] - '0') * scale;
      scale /= 10;
    }
    if (at == start) return bad;
  }
  int64_t zone = 0;
  if (Take(text, &at, 'Z')) {
  } else if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    const int64_t sign = text[at++] == '-' ? -1 : 1;
    int64_t zone_hour, zone_minute;
    if (!Digits(text, &at, 2, &zone_hour) || !Take(text, &at, ':') ||
        !Digits(text, &at, 2, &zone_minute) || zone_hour > 24 || zone_minute > 60) {
      return bad;
    }
    zone = sign * (zone_hour * 3600 + zone_minute * 60);
  } else {
    return bad;
  }
  if (at != text.size()) return bad;
  const int64_t days =
      DaysFromCivil(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
  return (days * 86400 + hour * 3600 + minute * 60 + second - zone) * 1000 + ms;
}

Result<int64_t> ParseGoDuration(std::string_view text) {
  const std::string original = Quoted(text);
  const auto invalid = [&] { return InvalidArgumentError("time: invalid duration " + original); };
  std::string_view rest = text;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  if (rest == "0") return 0;
  if (rest.empty()) return invalid();
  constexpr uint64_t kTop = uint64_t{1} << 63;
  uint64_t total = 0;
  while (!rest.empty()) {
    uint64_t whole = 0, fraction = 0;
    double scale = 1;
    if (rest[0] != '.' && (rest[0] < '0' || rest[0] > '9')) return invalid();
    size_t i = 0;
    for (; i < rest.size() && rest[i] >= '0' && rest[i] <= '9'; ++i) {
      if (whole > kTop / 10) return invalid();
      whole = whole * 10 + static_cast<uint64_t>(rest[i] - '0');
      if (whole > kTop) return invalid();
    }
    bool any = i > 0;
    rest.remove_prefix(i);
    if (!rest.empty() && rest[0] == '.') {
      rest.remove_prefix(1);
      bool overflow = false;
      for (i = 0; i < rest.size() && rest[i] >= '0' && rest[i] <= '9'; ++i) {
        if (overflow) continue;
        if (fraction > (kTop - 1) / 10) {
          overflow = true;
          continue;
        }
        const uint64_t next = fraction * 10 + static_cast<uint64_t>(rest[i] - '0');
        if (next > kTop) {
          overflow = true;
          continue;
        }
        fraction = next;
        scale *= 10;
      }
      any |= i > 0;
      rest.remove_prefix(i);
    }
    if (!any) return invalid();
    for (i = 0; i < rest.size() && rest[i] != '.' && (rest[i] < '0' || rest[i] > '9'); ++i) {
    }
    if (i == 0) return InvalidArgumentError("time: missing unit in duration " + original);
    const std::string_view unit = rest.substr(0, i);
    rest.remove_prefix(i);
    uint64_t factor;
    if (unit == "ns")
      factor = 1;
    else if (unit == "us" || unit == "\xc2\xb5s" || unit == "\xce\xbcs")
      factor = 1000;
    else if (unit == "ms")
      factor = 1000000;
    else if (unit == "s")
      factor = 1000000000;
    else if (unit == "m")
      factor = 60000000000;
    else if (unit == "h")
      factor = 3600000000000;
    else {
      return InvalidArgumentError("time: unknown unit " + Quoted(unit) + " in duration " +
                                  original);
    }
    if (whole > kTop / factor) return invalid();
    uint64_t part = whole * factor;
    if (fraction > 0) {
      part += static_cast<uint64_t>(static_cast<double>(fraction) *
                                    (static_cast<double>(factor) / scale));
      if (part > kTop) return invalid();
    }
    total += part;
    if (total > kTop) return invalid();
  }
  if (negative) return static_cast<int64_t>(0 - total);
  if (total > kTop - 1) return invalid();
  return static_cast<int64_t>(total);
}

std::string FormatGoDuration(int64_t ns) {
  if (ns == 0) return "0s";
  uint64_t left = ns < 0 ? 0 - static_cast<uint64_t>(ns) : static_cast<uint64_t>(ns);
  std::string text;
  const auto with_fraction = [](uint64_t value, uint64_t unit) {
    std::string out = std::to_string(value / unit);
    uint64_t rest = value % unit;
    if (rest == 0) return out;
    std::string digits;
    for (uint64_t scale = unit / 10; scale > 0; scale /= 10) {
      digits += static_cast<char>('0' + rest / scale % 10);
    }
    while (digits.back() == '0') digits.pop_back();
    return out + "." + digits;
  };
  if (left < 1000) {
    text = std::to_string(left) + "ns";
  } else if (left < 1000000) {
    text = with_fraction(left, 1000) + "\xc2\xb5s";
  } else if (left < 1000000000) {
    text = with_fraction(left, 1000000) + "ms";
  } else {
    const uint64_t hours = left / 3600000000000, minutes = left / 60000000000 % 60;
    if (hours > 0) text += std::to_string(hours) + "h";
    if (hours > 0 || minutes > 0) text += std::to_string(minutes) + "m";
    text += with_fraction(left % 60000000000, 1000000000) + "s";
  }
  return ns < 0 ? "-" + text : text;
}

namespace {

struct PromUnit {
  std::string_view name;
  int order;  // Units must come large to small, each once.
  uint64_t ms;
};
constexpr PromUnit kPromUnits[] = {{"ms", 7, 1},         {"s", 6, 1000},     {"m", 5, 60000},
                                   {"h", 4, 3600000},    {"d", 3, 86400000}, {"w", 2, 604800000},
                                   {"y", 1, 31536000000}};

}  // namespace

Result<int64_t> ParsePromDuration(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty()) return InvalidArgumentError("empty duration string");
  // As Go's %q for what occurs here; text that is not ASCII stays as it is.
  const auto quoted = [](std::string_view s) {
    std::string out = "\"";
    for (const char c : s) {
      if (c == '"' || c == '\\') out += '\\';
      if (c == '\n') {
        out += "\\n";
      } else if (c == '\t') {
        out += "\\t";
      } else if (static_cast<unsigned char>(c) < 0x20) {
        char buffer[8];
        std::snprintf(buffer, sizeof(buffer), "\\x%02x", c);
        out += buffer;
      } else {
        out += c;
      }
    }
    return out + "\"";
  };
  const auto out_of_range = [] { return InvalidArgumentError("duration out of range"); };
  constexpr uint64_t kMax = (uint64_t{1} << 63) - 1;
  uint64_t total_ns = 0;
  int last_order = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    if (rest[0] < '0' || rest[0] > '9') {
      return InvalidArgumentError("not a valid duration string: " + quoted(text));
    }
    uint64_t value = 0;
    size_t i = 0;
    for (; i < rest.size() && rest[i] >= '0' && rest[i] <= '9'; ++i) {
      const auto digit = static_cast<uint64_t>(rest[i] - '0');
      if (value > (UINT64_MAX - digit) / 10) {
        return InvalidArgumentError("not a valid duration string: " + quoted(text));
      }
      value = value * 10 + digit;
    }
    rest.remove_prefix(i);
    for (i = 0; i < rest.size() && (rest[i] < '0' || rest[i] > '9'); ++i) {
    }
    if (i == 0) return InvalidArgumentError("not a valid duration string: " + quoted(text));
    const std::string_view name = rest.substr(0, i);
    rest.remove_prefix(i);
    const PromUnit* unit = nullptr;
    for (const PromUnit& candidate : kPromUnits) {
      if (candidate.name == name) unit = &candidate;
    }
    if (unit == nullptr) {
      return InvalidArgumentError("unknown unit " + quoted(name) + " in duration " + quoted(text));
    }
    if (unit->order <= last_order) {
      return InvalidArgumentError("not a valid duration string: " + quoted(text));
    }
    last_order = unit->order;
    if (value > kMax / (unit->ms * 1000000)) return out_of_range();
    total_ns += value * unit->ms * 1000000;
    if (total_ns > kMax) return out_of_range();
  }
  return static_cast<int64_t>(total_ns);
}

Result<int64_t> ParsePromDurationAllowNegative(std::string_view text) {
  if (text.empty() || text[0] != '-') return ParsePromDuration(text);
  THANOS_ASSIGN_OR_RETURN(const int64_t ns, ParsePromDuration(text.substr(1)));
  return -ns;
}

std::string FormatPromDuration(int64_t ms) {
  if (ms == 0) return "0s";
  std::string text;
  if (ms < 0) {
    text = "-";
    ms = -ms;
  }
  const auto part = [&](std::string_view unit, int64_t factor, bool exact) {
    if (exact && ms % factor != 0) return;
    if (const int64_t count = ms / factor; count > 0) {
      text.append(std::to_string(count)).append(unit);
      ms -= count * factor;
    }
  };
  // Years and weeks only when nothing is left over: 90s is 1m30s, but 8d is not 1w1d.
  part("y", 31536000000, true);
  part("w", 604800000, true);
  part("d", 86400000, false);
  part("h", 3600000, false);
  part("m", 60000, false);
  part("s", 1000, false);
  part("ms", 1, false);
  return text;
}

Result<int64_t> ParseBase2Bytes(std::string_view text) {
  const std::string original(text);
  const auto invalid = [&] { return InvalidArgumentError("units: invalid " + original); };
  bool negative = false;
  std::string_view rest = text;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  if (rest == "0") return 0;
  if (rest.empty()) return invalid();
  double total = 0;
  while (!rest.empty()) {
    size_t i = 0;
    while (i < rest.size() && ((rest[i] >= '0' && rest[i] <= '9') || rest[i] == '.')) ++i;
    const std::string_view number = rest.substr(0, i);
    rest.remove_prefix(i);
    if (number.empty() || number == ".") return invalid();
    std::string padded(number);
    if (padded.back() == '.') padded += '0';
    const Result<double> value = ParseGoFloat(padded);
    if (!value.ok()) return invalid();
    for (i = 0; i < rest.size() && rest[i] != '.' && (rest[i] < '0' || rest[i] > '9'); ++i) {
    }
    const std::string_view unit = rest.substr(0, i);
    rest.remove_prefix(i);
    constexpr std::string_view kPrefixes = "KMGTPE";
    double factor = 0;
    if (unit == "B") factor = 1;
    if ((unit.size() == 2 && unit[1] == 'B') || (unit.size() == 3 && unit.substr(1) == "iB")) {
      if (const size_t power = kPrefixes.find(unit[0]); power != std::string_view::npos) {
        factor = static_cast<double>(uint64_t{1} << (10 * (power + 1)));
      }
    }
    if (factor == 0) {
      return InvalidArgumentError("units: unknown unit " + std::string(unit) + " in " + original);
    }
    total += *value * factor;
  }
  if (total >= 9223372036854775808.0) return invalid();  // Go wraps around here; we refuse.
  const auto bytes = static_cast<int64_t>(total);
  return negative ? -bytes : bytes;
}

}  // namespace thanos::base
