// Strings: quoted with escapes, and raw.
#include <optional>
#include <string>

#include "base/json_text.h"
#include "model/go_quote.h"
#include "promql/lexer.h"

namespace thanos::promql {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void AppendUtf8(uint32_t rune, std::string* out) {
  const auto put = [out](uint32_t byte) { *out += static_cast<char>(byte); };
  if (rune < 0x80) {
    put(rune);
  } else if (rune < 0x800) {
    put(0xc0 | rune >> 6), put(0x80 | (rune & 0x3f));
  } else if (rune < 0x10000) {
    put(0xe0 | rune >> 12), put(0x80 | (rune >> 6 & 0x3f)), put(0x80 | (rune & 0x3f));
  } else {
    put(0xf0 | rune >> 18), put(0x80 | (rune >> 12 & 0x3f)), put(0x80 | (rune >> 6 & 0x3f));
    put(0x80 | (rune & 0x3f));
  }
}

int DigitValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

// The kinds of numeric escapes: how many digits of which base, and the greatest value.
struct NumericEscape {
  int digits;
  int base;
  uint32_t max;
};
std::optional<NumericEscape> NumericEscapeOf(char c) {
  if (c >= '0' && c <= '7') return NumericEscape{3, 8, 255};
  if (c == 'x') return NumericEscape{2, 16, 255};
  if (c == 'u') return NumericEscape{4, 16, 0x10ffff};
  if (c == 'U') return NumericEscape{8, 16, 0x10ffff};
  return std::nullopt;
}

constexpr std::string_view kSimpleEscapes = "abfnrtv\\";
constexpr std::string_view kSimpleValues = "\a\b\f\n\r\t\v\\";

}  // namespace

Token Lexer::ScanString(char quote) {
  ++at_;
  while (true) {
    if (AtEnd() || Peek() == '\n') return Fail("unterminated quoted string");
    const char c = Peek();
    if (c == quote) break;
    if (c == '\\') {
      if (std::optional<Token> error = ScanEscape()) return *error;
      continue;
    }
    const size_t length = base::Utf8RuneLength(input_.substr(at_));
    if (length == 0) return Fail("invalid UTF-8 rune");
    at_ += length;
  }
  ++at_;
  return Emit(TokenKind::kString);
}

std::optional<Token> Lexer::ScanEscape() {
  const char quote = input_[begin_];
  ++at_;
  if (AtEnd()) return Fail("escape sequence not terminated");
  const char c = Peek();
  if (c == quote || kSimpleEscapes.find(c) != std::string_view::npos) {
    ++at_;
    return std::nullopt;
  }
  const auto rune_name = [this] {
    const size_t length = base::Utf8RuneLength(input_.substr(at_));
    uint32_t rune = 0xfffd;
    if (length == 1) rune = static_cast<uint8_t>(Peek());
    if (length > 1) rune = static_cast<uint8_t>(Peek()) & (0xff >> (length + 1));
    for (size_t i = 1; i < length; ++i) rune = rune << 6 | (static_cast<uint8_t>(Peek(i)) & 0x3f);
    std::string hex;
    for (int shift = 20; shift >= 0; shift -= 4) {
      const uint32_t digit = rune >> shift & 15;
      if (digit == 0 && hex.empty() && shift > 12) continue;
      hex += "0123456789ABCDEF"[digit];
    }
    return "U+" + hex + " " + TakeQuotedRune();
  };
  const std::optional<NumericEscape> numeric = NumericEscapeOf(c);
  if (!numeric) return Fail("unknown escape sequence " + rune_name());
  if (!IsDigit(c)) ++at_;
  uint32_t value = 0;
  for (int i = 0; i < numeric->digits; ++i) {
    if (AtEnd()) return Fail("escape sequence not terminated");
    const int digit = DigitValue(Peek());
    if (digit >= numeric->base) {
      return Fail("illegal character " + rune_name() + " in escape sequence");
    }
    value = value * static_cast<uint32_t>(numeric->base) + static_cast<uint32_t>(digit);
    ++at_;
  }
  if (value > numeric->max || (value >= 0xd800 && value < 0xe000)) {
    return Fail("escape sequence is an invalid Unicode code point");
  }
  return std::nullopt;
}

Token Lexer::ScanRawString() {
  ++at_;
  while (!AtEnd() && Peek() != '`') {
    const size_t length = base::Utf8RuneLength(input_.substr(at_));
    if (length == 0) return Fail("invalid UTF-8 rune");
    at_ += length;
  }
  if (AtEnd()) return Fail("unterminated raw string");
  ++at_;
  return Emit(TokenKind::kString);
}

std::string Unquote(std::string_view token_text) {
  const char quote = token_text.front();
  const std::string_view body = token_text.substr(1, token_text.size() - 2);
  if (quote == '`') return std::string(body);
  std::string out;
  out.reserve(body.size());
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\') {
      out += body[i];
      continue;
    }
    const char c = body[++i];
    const std::optional<NumericEscape> numeric = c == quote ? std::nullopt : NumericEscapeOf(c);
    if (!numeric) {
      const size_t simple = kSimpleEscapes.find(c);
      out += simple == std::string_view::npos ? c : kSimpleValues[simple];
      continue;
    }
    if (!IsDigit(c)) ++i;
    uint32_t value = 0;
    for (int digit = 0; digit < numeric->digits; ++digit) {
      value = value * static_cast<uint32_t>(numeric->base) +
              static_cast<uint32_t>(DigitValue(body[i + static_cast<size_t>(digit)]));
    }
    i += static_cast<size_t>(numeric->digits) - 1;
    // Octal and \x give single bytes.
    if (numeric->max == 255) {
      out += static_cast<char>(value);
    } else {
      AppendUtf8(value, &out);
    }
  }
  return out;
}

}  // namespace thanos::promql
