#include "relabel/runes.h"

#include <cwctype>

#include <locale.h>
#include <wctype.h>

namespace thanos::relabel {
namespace {

constexpr uint32_t kReplacement = 0xFFFD;

// Built into the C library; null where it is not, which leaves all but ASCII as it is.
locale_t Utf8Locale() {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return locale;
}

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

}  // namespace

uint32_t TakeRune(std::string_view* text) {
  const auto first = static_cast<uint8_t>((*text)[0]);
  const size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  uint32_t rune = length == 1 ? first : first & (0x7Fu >> length);
  bool good = first < 0x80 || (first >= 0xC2 && first <= 0xF4);
  good = good && text->size() >= length;
  for (size_t i = 1; good && i < length; ++i) {
    good = IsContinuation((*text)[i]);
    rune = rune << 6 | (static_cast<uint8_t>((*text)[i]) & 0x3Fu);
  }
  constexpr uint32_t kFirstOfLength[] = {0, 0, 0x80, 0x800, 0x10000};
  good = good && rune >= kFirstOfLength[length] && rune <= 0x10FFFF &&
         (rune < 0xD800 || rune > 0xDFFF);
  text->remove_prefix(good ? length : 1);
  return good ? rune : kReplacement;
}

void AppendRune(uint32_t rune, std::string* out) {
  const auto add = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (rune < 0x80) return add(rune);
  if (rune < 0x800) {
    add(0xC0 | rune >> 6);
  } else {
    if (rune < 0x10000) {
      add(0xE0 | rune >> 12);
    } else {
      add(0xF0 | rune >> 18);
      add(0x80 | (rune >> 12 & 0x3F));
    }
    add(0x80 | (rune >> 6 & 0x3F));
  }
  add(0x80 | (rune & 0x3F));
}

uint32_t UpperRune(uint32_t rune) {
  if (rune < 0x80) return rune >= 'a' && rune <= 'z' ? rune - 32 : rune;
  return Utf8Locale() == nullptr ? rune : static_cast<uint32_t>(towupper_l(rune, Utf8Locale()));
}

uint32_t LowerRune(uint32_t rune) {
  if (rune < 0x80) return rune >= 'A' && rune <= 'Z' ? rune + 32 : rune;
  return Utf8Locale() == nullptr ? rune : static_cast<uint32_t>(towlower_l(rune, Utf8Locale()));
}

}  // namespace thanos::relabel
