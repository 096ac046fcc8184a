#include "base/number_text.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

namespace thanos::base {
namespace {

// Shortest digits of a finite value and the decimal exponent of the first one.
struct Decimal {
  char digits[24];
  int count = 0;
  int exponent = 0;
  bool negative = false;
};

Decimal Shortest(double value) {
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific).ptr;
  Decimal decimal;
  const char* p = buffer;
  if (*p == '-') {
    decimal.negative = true;
    ++p;
  }
  for (; p != end && *p != 'e'; ++p) {
    if (*p != '.') decimal.digits[decimal.count++] = *p;
  }
  ++p;
  if (*p == '+') ++p;
  std::from_chars(p, end, decimal.exponent);
  return decimal;
}

bool AppendSpecial(double value, std::string* out) {
  if (std::isnan(value)) {
    *out += "NaN";
    return true;
  }
  if (std::isinf(value)) {
    *out += value > 0 ? "+Inf" : "-Inf";
    return true;
  }
  return false;
}

void LayOutFixed(const Decimal& decimal, std::string* out) {
  if (decimal.negative) *out += '-';
  const std::string_view digits(decimal.digits, static_cast<size_t>(decimal.count));
  if (decimal.exponent < 0) {
    *out += "0.";
    out->append(static_cast<size_t>(-decimal.exponent - 1), '0');
    out->append(digits);
    return;
  }
  const auto whole = static_cast<size_t>(decimal.exponent) + 1;
  if (digits.size() <= whole) {
    out->append(digits);
    out->append(whole - digits.size(), '0');
  } else {
    out->append(digits.substr(0, whole));
    *out += '.';
    out->append(digits.substr(whole));
  }
}

void LayOutExponent(const Decimal& decimal, std::string* out) {
  if (decimal.negative) *out += '-';
  *out += decimal.digits[0];
  if (decimal.count > 1) {
    *out += '.';
    out->append(decimal.digits + 1, static_cast<size_t>(decimal.count - 1));
  }
  *out += 'e';
  *out += decimal.exponent < 0 ? '-' : '+';
  const int size = std::abs(decimal.exponent);
  if (size < 10) *out += '0';
  *out += std::to_string(size);
}

// Integers below 2^53, but -0, print exactly: the common case of counters.
bool AppendInteger(double value, std::string* out) {
  if (!(value > -9007199254740992.0 && value < 9007199254740992.0)) return false;
  const auto integer = static_cast<int64_t>(value);
  if (static_cast<double>(integer) != value || (integer == 0 && std::signbit(value))) return false;
  char buffer[24];
  out->append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), integer).ptr);
  return true;
}

}  // namespace

void AppendFloatF(double value, std::string* out) {
  if (AppendInteger(value, out) || AppendSpecial(value, out)) return;
  LayOutFixed(Shortest(value), out);
}

void AppendFloatE(double value, std::string* out) {
  if (AppendSpecial(value, out)) return;
  LayOutExponent(Shortest(value), out);
}

void AppendFloatG(double value, std::string* out) {
  if (AppendSpecial(value, out)) return;
  const Decimal decimal = Shortest(value);
  constexpr int kExponentFrom = 6;  // What Go takes for the precision when digits are shortest.
  if (decimal.exponent < -4 || decimal.exponent >= kExponentFrom) {
    LayOutExponent(decimal, out);
  } else {
    LayOutFixed(decimal, out);
  }
}

void AppendFloatApi(double value, std::string* out) {
  if (AppendInteger(value, out) || AppendSpecial(value, out)) return;
  const double size = std::abs(value);
  if (size == 0 || (size >= 1e-6 && size < 1e21)) {
    LayOutFixed(Shortest(value), out);
  } else {
    LayOutExponent(Shortest(value), out);
  }
}

std::string FormatFloatF(double value) {
  std::string out;
  AppendFloatF(value, &out);
  return out;
}

std::string FormatFloatG(double value) {
  std::string out;
  AppendFloatG(value, &out);
  return out;
}

namespace {

Status FloatError(std::string_view text, std::string_view why) {
  return InvalidArgumentError("strconv.ParseFloat: parsing \"" + std::string(text) +
                              "\": " + std::string(why));
}

bool EqualsIgnoreCase(std::string_view a, std::string_view lower) {
  if (a.size() != lower.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if ((a[i] | 0x20) != lower[i]) return false;
  }
  return true;
}

// Underscores may stand between digits, and between a base prefix and a digit.
bool UnderscoresOk(std::string_view body, bool hex) {
  if (body.find('_') == std::string_view::npos) return true;
  char before = hex ? '0' : 'x';  // '0' stands for any digit; the prefix counts as one.
  for (const char c : body) {
    const bool digit = (c >= '0' && c <= '9') || (hex && (c | 0x20) >= 'a' && (c | 0x20) <= 'f');
    if (c == '_' && before != '0') return false;
    if (!digit && c != '_' && before == '_') return false;
    before = digit ? '0' : c;
  }
  return before != '_';
}

}  // namespace

Result<double> ParseGoFloat(std::string_view text) {
  std::string_view body = text;
  bool negative = false;
  if (!body.empty() && (body[0] == '+' || body[0] == '-')) {
    negative = body[0] == '-';
    body.remove_prefix(1);
  }
  const double sign = negative ? -1.0 : 1.0;
  if (EqualsIgnoreCase(body, "inf") || EqualsIgnoreCase(body, "infinity")) {
    return sign * std::numeric_limits<double>::infinity();
  }
  if (EqualsIgnoreCase(text, "nan")) return std::bit_cast<double>(uint64_t{0x7ff8000000000001});
  const bool hex = body.size() > 2 && body[0] == '0' && (body[1] | 0x20) == 'x';
  if (hex) body.remove_prefix(2);
  if (!UnderscoresOk(body, hex)) return FloatError(text, "invalid syntax");
  std::string cleaned;
  if (body.find('_') != std::string_view::npos) {
    for (const char c : body) {
      if (c != '_') cleaned += c;
    }
    body = cleaned;
  }
  // from_chars takes neither a second sign nor a bare exponent; Go wants 'p' in hex floats.
  if (body.empty() || body[0] == '-' || body[0] == '+') return FloatError(text, "invalid syntax");
  if ((body[0] | 0x20) == 'i' || (body[0] | 0x20) == 'n') {
    return FloatError(text, "invalid syntax");
  }
  if (hex && body.find_first_of("pP") == std::string_view::npos) {
    return FloatError(text, "invalid syntax");
  }
  double value = 0;
  const auto [end, error] =
      std::from_chars(body.data(), body.data() + body.size(), value,
                      hex ? std::chars_format::hex : std::chars_format::general);
  if (end != body.data() + body.size() || error == std::errc::invalid_argument) {
    return FloatError(text, "invalid syntax");
  }
  if (error == std::errc::result_out_of_range) {
    // Too small is zero without an error; strtod tells which of the two it was.
    value = std::strtod((std::string(hex ? "0x" : "") + std::string(body)).c_str(), nullptr);
    if (std::isinf(value)) return FloatError(text, "value out of range");
  }
  return sign * value;
}

Result<int64_t> ParseGoInt(std::string_view text) {
  std::string_view body = text;
  if (!body.empty() && body[0] == '+') body.remove_prefix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), value);
  const std::string prefix = "strconv.ParseInt: parsing \"" + std::string(text) + "\": ";
  if (error == std::errc::result_out_of_range) {
    return InvalidArgumentError(prefix + "value out of range");
  }
  if (body.empty() || error != std::errc() || end != body.data() + body.size() ||
      (text[0] == '+' && body[0] == '-')) {
    return InvalidArgumentError(prefix + "invalid syntax");
  }
  return value;
}

Result<bool> ParseGoBool(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) return false;
  }
  return InvalidArgumentError("strconv.ParseBool: parsing \"" + std::string(text) +
                              "\": invalid syntax");
}

}  // namespace thanos::base
