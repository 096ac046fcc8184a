#include "model/label_names.h"

#include <algorithm>
#include <cstdint>

#include "base/json_text.h"
#include "codec/hash.h"
#include "model/go_quote.h"

namespace thanos::model {
namespace {

struct Rune {
  uint32_t value;
  size_t length;
};

// Invalid bytes are U+FFFD, one byte wide, as in Go.
Rune NextRune(std::string_view text) {
  const size_t length = base::Utf8RuneLength(text);
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  switch (length) {
    case 1:
      return {byte(0), 1};
    case 2:
      return {(byte(0) & 0x1f) << 6 | (byte(1) & 0x3f), 2};
    case 3:
      return {(byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f), 3};
    case 4:
      return {
          (byte(0) & 7) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f),
          4};
    default:
      return {0xfffd, 1};
  }
}

bool Allowed(uint32_t rune, bool first) {
  return (rune >= 'a' && rune <= 'z') || (rune >= 'A' && rune <= 'Z') || rune == '_' ||
         rune == ':' || (!first && rune >= '0' && rune <= '9');
}

void AppendHex(uint32_t value, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  int shift = 28;
  while (shift > 0 && (value >> shift & 15) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) *out += kDigits[value >> shift & 15];
}

void AppendUtf8(uint32_t rune, std::string* out) {
  const auto put = [out](uint32_t byte) { *out += static_cast<char>(byte); };
  if (rune < 0x80) {
    put(rune);
  } else if (rune < 0x800) {
    put(0xc0 | rune >> 6);
    put(0x80 | (rune & 0x3f));
  } else if (rune < 0x10000) {
    put(0xe0 | rune >> 12);
    put(0x80 | (rune >> 6 & 0x3f));
    put(0x80 | (rune & 0x3f));
  } else {
    put(0xf0 | rune >> 18);
    put(0x80 | (rune >> 12 & 0x3f));
    put(0x80 | (rune >> 6 & 0x3f));
    put(0x80 | (rune & 0x3f));
  }
}

template <typename Append>
std::string MapRunes(std::string_view name, Append append) {
  std::string out;
  for (size_t at = 0; at < name.size();) {
    const Rune rune = NextRune(name.substr(at));
    append(rune.value, at == 0, &out);
    at += rune.length;
  }
  return out;
}

// The rune that `_<hex>_` at the head of `text` (behind the first '_') stands for.
bool TakeHex(std::string_view* text, uint32_t* rune) {
  *rune = 0;
  size_t i = 0;
  for (; i < text->size() && (*text)[i] != '_'; ++i) {
    const char c = (*text)[i];
    uint32_t digit;
    if (c >= '0' && c <= '9')
      digit = static_cast<uint32_t>(c - '0');
    else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
      digit = static_cast<uint32_t>((c | 0x20) - 'a' + 10);
    else
      return false;
    if (i >= 6) return false;
    *rune = *rune << 4 | digit;
  }
  if (i == 0 || i == text->size()) return false;
  if (*rune > 0x10ffff || (*rune >= 0xd800 && *rune <= 0xdfff)) return false;
  text->remove_prefix(i + 1);
  return true;
}

bool IsNamed(std::span<const std::string> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <typename Keep>
uint64_t HashOf(LabelsView labels, Keep keep) {
  std::string bytes;
  for (const Label& label : labels) {
    if (!keep(label.name)) continue;
    bytes.append(label.name).push_back('\xff');
    bytes.append(label.value).push_back('\xff');
  }
  return codec::Xxh64(bytes);
}

template <typename Keep>
Labels SubsetOf(LabelsView labels, Keep keep) {
  std::string encoded;
  LabelsEncoder encoder(&encoded);
  for (const Label& label : labels) {
    if (keep(label.name)) encoder.Add(label.name, label.value);
  }
  return Labels::FromEncoded(std::move(encoded));
}

}  // namespace

std::string EscapeNameAsValues(std::string_view name) {
  if (name.empty() || IsPlainMetricName(name)) return std::string(name);
  return "U__" + MapRunes(name, [](uint32_t rune, bool first, std::string* out) {
           if (rune == '_') {
             *out += "__";
           } else if (Allowed(rune, first)) {
             AppendUtf8(rune, out);
           } else {
             *out += '_';
             AppendHex(rune, out);
             *out += '_';
           }
         });
}

std::string EscapeNameAsUnderscores(std::string_view name) {
  return MapRunes(name, [](uint32_t rune, bool first, std::string* out) {
    *out += Allowed(rune, first) ? static_cast<char>(rune) : '_';
  });
}

std::string EscapeNameAsDots(std::string_view name) {
  return MapRunes(name, [](uint32_t rune, bool first, std::string* out) {
    if (rune == '_') {
      *out += "__";
    } else if (rune == '.') {
      *out += "_dot_";
    } else if (Allowed(rune, first)) {
      *out += static_cast<char>(rune);
    } else {
      *out += "__";
    }
  });
}

std::string UnescapeName(std::string_view name) {
  if (!name.starts_with("U__")) return std::string(name);
  std::string out;
  std::string_view rest = name.substr(3);
  while (!rest.empty()) {
    const char c = rest[0];
    rest.remove_prefix(1);
    if (c != '_') {
      out += c;
      continue;
    }
    if (rest.starts_with("_")) {
      out += '_';
      rest.remove_prefix(1);
      continue;
    }
    uint32_t rune;
    if (!TakeHex(&rest, &rune)) return std::string(name);
    AppendUtf8(rune, &out);
  }
  return out;
}

std::string UnescapeDotsName(std::string_view name) {
  std::string out;
  for (size_t at = 0; at < name.size();) {
    if (name.substr(at).starts_with("_dot_")) {
      out += '.';
      at += 5;
    } else if (name.substr(at).starts_with("__")) {
      out += '_';
      at += 2;
    } else {
      out += name[at++];
    }
  }
  return out;
}

uint64_t HashFor(LabelsView labels, std::span<const std::string> names) {
  return HashOf(labels, [&](std::string_view name) { return IsNamed(names, name); });
}

uint64_t HashWithout(LabelsView labels, std::span<const std::string> names) {
  return HashOf(
      labels, [&](std::string_view name) { return name != kMetricName && !IsNamed(names, name); });
}

Labels KeepLabels(LabelsView labels, std::span<const std::string> names) {
  return SubsetOf(labels, [&](std::string_view name) { return IsNamed(names, name); });
}

Labels DropLabels(LabelsView labels, std::span<const std::string> names) {
  return SubsetOf(
      labels, [&](std::string_view name) { return name != kMetricName && !IsNamed(names, name); });
}

Status ValidateExternalLabels(std::span<const Label> labels) {
  constexpr std::string_view kEmpty = "label set contains a label with empty name or value";
  if (labels.empty()) return InvalidArgumentError(std::string(kEmpty));
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i].name.empty() || labels[i].value.empty()) {
      return InvalidArgumentError(std::string(kEmpty));
    }
    if (i == 0) continue;
    if (labels[i].name == labels[i - 1].name) {
      return InvalidArgumentError("label set contains duplicate label names");
    }
    if (labels[i].name < labels[i - 1].name) return InvalidArgumentError("out of order labels");
  }
  return OkStatus();
}

std::string GroupKey(int64_t resolution_ms, LabelsView external_labels) {
  return std::to_string(resolution_ms) + "@" + std::to_string(external_labels.Hash());
}

}  // namespace thanos::model
