#include "base/json_text.h"

#include <cstdint>

namespace thanos::base {
namespace {

constexpr char kHex[] = "0123456789abcdef";

bool IsContinuation(unsigned char c) { return (c & 0xc0) == 0x80; }

}  // namespace

size_t Utf8RuneLength(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char c = byte(0);
  if (c < 0x80) return 1;
  if (c >= 0xc2 && c <= 0xdf) return text.size() >= 2 && IsContinuation(byte(1)) ? 2 : 0;
  if (c >= 0xe0 && c <= 0xef) {
    if (text.size() < 3 || !IsContinuation(byte(1)) || !IsContinuation(byte(2))) return 0;
    if (c == 0xe0 && byte(1) < 0xa0) return 0;
    if (c == 0xed && byte(1) > 0x9f) return 0;
    return 3;
  }
  if (c >= 0xf0 && c <= 0xf4) {
    if (text.size() < 4 || !IsContinuation(byte(1)) || !IsContinuation(byte(2)) ||
        !IsContinuation(byte(3))) {
      return 0;
    }
    if (c == 0xf0 && byte(1) < 0x90) return 0;
    if (c == 0xf4 && byte(1) > 0x8f) return 0;
    return 4;
  }
  return 0;
}

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8RuneLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void AppendJsonEscape(unsigned char c, std::string* out) {
  switch (c) {
    case '"':
      *out += "\\\"";
      return;
    case '\\':
      *out += "\\\\";
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
    default:
      *out += "\\u00";
      *out += kHex[c >> 4];
      *out += kHex[c & 15];
  }
}

void AppendJsonString(std::string_view text, std::string* out, bool html_escape) {
  *out += '"';
  size_t clean = 0;  // Start of the run that needs no escape.
  size_t i = 0;
  const auto flush = [&] { out->append(text.substr(clean, i - clean)); };
  while (i < text.size()) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\' && c < 0x80 &&
        !(html_escape && (c == '<' || c == '>' || c == '&'))) {
      ++i;
      continue;
    }
    size_t length = 1;
    if (c >= 0x80) {
      length = Utf8RuneLength(text.substr(i));
      const bool separator = length == 3 && c == 0xe2 && text[i + 1] == '\x80' &&
                             (text[i + 2] == '\xa8' || text[i + 2] == '\xa9');
      if (length != 0 && !separator) {
        i += length;
        continue;
      }
      flush();
      if (length == 0) {
        *out += "\\ufffd";
        length = 1;
      } else {
        *out += text[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
      }
    } else {
      flush();
      AppendJsonEscape(c, out);
    }
    i += length;
    clean = i;
  }
  flush();
  *out += '"';
}

}  // namespace thanos::base
