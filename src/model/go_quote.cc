#include "model/go_quote.h"

#include <cstdint>

#include "base/json_text.h"

namespace thanos::model {
namespace {

constexpr char kHex[] = "0123456789abcdef";

uint32_t DecodeRune(std::string_view text, size_t length) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  if (length == 2) return (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f);
  if (length == 3) return (byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
  return (byte(0) & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
}

// The runes beyond ASCII that Go does not print: controls, separators, surrogates, private use,
// format characters and the unassigned ends of planes. Go's table is Unicode's categories L, M, N,
// P, S; the ranges here are those of the other categories that occur in practice.
bool IsPrintable(uint32_t rune) {
  if (rune < 0xa1) return false;  // C1 controls and U+00A0.
  if (rune == 0xad || rune == 0x61c || rune == 0x6dd || rune == 0x70f || rune == 0x1680 ||
      rune == 0x180e || rune == 0x3000 || rune == 0xfeff) {
    return false;
  }
  if (rune >= 0x600 && rune <= 0x605) return false;
  if (rune >= 0x2000 && rune <= 0x200f) return false;
  if (rune >= 0x2028 && rune <= 0x202f) return false;
  if (rune >= 0x205f && rune <= 0x206f) return false;
  if (rune >= 0xd800 && rune <= 0xf8ff) return false;
  if (rune >= 0xfff0 && rune <= 0xfffb) return false;
  if ((rune & 0xfffe) == 0xfffe) return false;
  if (rune >= 0xfdd0 && rune <= 0xfdef) return false;
  if (rune >= 0xe0000 && rune <= 0xe00ff) return false;
  return rune < 0xf0000;
}

void AppendHex(uint32_t value, int digits, std::string* out) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) *out += kHex[value >> shift & 15];
}

void AppendEscapedAscii(char c, std::string* out) {
  switch (c) {
    case '\a':
      *out += "\\a";
      return;
    case '\b':
      *out += "\\b";
      return;
    case '\f':
      *out += "\\f";
      return;
    case '\n':
      *out += "\\n";
      return;
    case '\r':
      *out += "\\r";
      return;
    case '\t':
      *out += "\\t";
      return;
    case '\v':
      *out += "\\v";
      return;
    case '"':
      *out += "\\\"";
      return;
    case '\\':
      *out += "\\\\";
      return;
    default:
      break;
  }
  *out += "\\x";
  AppendHex(static_cast<uint8_t>(c), 2, out);
}

template <typename Extra>
bool IsPlain(std::string_view name, Extra extra) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name) {
    const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || extra(c);
    if (!ok) return false;
  }
  return true;
}

}  // namespace

void AppendGoQuoted(std::string_view text, std::string* out) {
  *out += '"';
  while (!text.empty()) {
    const char c = text[0];
    size_t length = 1;
    if (static_cast<uint8_t>(c) < 0x80) {
      if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {
        *out += c;
      } else {
        AppendEscapedAscii(c, out);
      }
    } else if (length = base::Utf8RuneLength(text); length == 0) {
      length = 1;
      AppendEscapedAscii(c, out);
    } else if (const uint32_t rune = DecodeRune(text, length); IsPrintable(rune)) {
      out->append(text.substr(0, length));
    } else {
      *out += rune < 0x10000 ? "\\u" : "\\U";
      AppendHex(rune, rune < 0x10000 ? 4 : 8, out);
    }
    text.remove_prefix(length);
  }
  *out += '"';
}

std::string GoQuoted(std::string_view text) {
  std::string out;
  AppendGoQuoted(text, &out);
  return out;
}

bool IsPlainLabelName(std::string_view name) {
  return IsPlain(name, [](char) { return false; });
}

bool IsPlainMetricName(std::string_view name) {
  return IsPlain(name, [](char c) { return c == ':'; });
}

void AppendLabelName(std::string_view name, std::string* out) {
  if (IsPlainLabelName(name)) {
    out->append(name);
  } else {
    AppendGoQuoted(name, out);
  }
}

}  // namespace thanos::model
