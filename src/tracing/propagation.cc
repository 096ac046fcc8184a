#include "tracing/propagation.h"

#include <algorithm>

#include "codec/hash.h"

namespace thanos::tracing {
namespace {

constexpr uint8_t kSampled = 1, kDebug = 2;

// Hexadecimal digits of either case, right-aligned into `out`. False for none, too many or others.
template <size_t N>
bool ReadHex(std::string_view text, std::array<uint8_t, N>* out) {
  out->fill(0);
  if (text.empty() || text.size() > 2 * N) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[text.size() - 1 - i];
    uint8_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint8_t>(c - '0');
    } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
      digit = static_cast<uint8_t>((c & 0x0f) + 9);
    } else {
      return false;
    }
    (*out)[N - 1 - i / 2] |= static_cast<uint8_t>(i % 2 == 0 ? digit : digit << 4);
  }
  return true;
}

template <size_t N>
bool IsZero(const std::array<uint8_t, N>& id) {
  return std::all_of(id.begin(), id.end(), [](uint8_t byte) { return byte == 0; });
}

// W3C wants lower case.
bool HasUpperCase(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

// The next part before `separator`; false when there is none.
bool TakePart(std::string_view* text, std::string_view separator, std::string_view* part) {
  const size_t at = text->find(separator);
  if (at == std::string_view::npos) return false;
  *part = text->substr(0, at);
  text->remove_prefix(at + separator.size());
  return true;
}

}  // namespace

std::string HexText(const uint8_t* bytes, size_t size) {
  return codec::ToHex(std::span(bytes, size));
}

std::optional<SpanIds> ParseTraceParent(std::string_view text) {
  constexpr size_t kSize = 2 + 1 + 32 + 1 + 16 + 1 + 2;
  if (text.size() < kSize || text[2] != '-' || text[35] != '-' || text[52] != '-') return {};
  if (HasUpperCase(text.substr(0, kSize))) return {};
  std::array<uint8_t, 1> version{}, flags{};
  SpanIds ids;
  if (!ReadHex(text.substr(0, 2), &version) || !ReadHex(text.substr(3, 32), &ids.trace) ||
      !ReadHex(text.substr(36, 16), &ids.span) || !ReadHex(text.substr(53, 2), &flags)) {
    return {};
  }
  // 255 is no version; what a version after 0 adds stands behind another dash.
  if (version[0] == 255 || (version[0] == 0 && text.size() != kSize)) return {};
  if (text.size() > kSize && text[kSize] != '-') return {};
  if (IsZero(ids.trace) || IsZero(ids.span)) return {};
  ids.sampled = (flags[0] & kSampled) != 0;
  return ids;
}

std::string FormatTraceParent(const SpanIds& ids) {
  return "00-" + HexText(ids.trace.data(), ids.trace.size()) + "-" +
         HexText(ids.span.data(), ids.span.size()) + (ids.sampled ? "-01" : "-00");
}

std::optional<SpanIds> ParseUberTraceId(std::string_view text) {
  const std::string_view separator = text.find(':') == std::string_view::npos ? "%3A" : ":";
  std::string_view trace, span, parent;
  if (!TakePart(&text, separator, &trace) || !TakePart(&text, separator, &span) ||
      !TakePart(&text, separator, &parent)) {
    return {};
  }
  SpanIds ids;
  std::array<uint8_t, 1> flags{};
  if (!ReadHex(trace, &ids.trace) || !ReadHex(span, &ids.span) || !ReadHex(text, &flags)) return {};
  if (IsZero(ids.trace) || IsZero(ids.span)) return {};
  ids.sampled = (flags[0] & kSampled) != 0;
  ids.forced = (flags[0] & kDebug) != 0;
  return ids;
}

std::string FormatUberTraceId(const SpanIds& ids) {
  const uint8_t flags =
      static_cast<uint8_t>((ids.sampled ? kSampled : 0) | (ids.forced ? kDebug : 0));
  return HexText(ids.trace.data(), ids.trace.size()) + ":" +
         HexText(ids.span.data(), ids.span.size()) + ":0:" + std::string(1, "0123"[flags]);
}

std::optional<SpanIds> ExtractParent(const HeaderLookup& headers) {
  std::optional<SpanIds> ids;
  if (const std::string_view text = headers(kTraceParent); !text.empty()) {
    ids = ParseTraceParent(text);
  }
  if (const std::string_view text = headers(kUberTraceId); !text.empty()) {
    const std::optional<SpanIds> jaeger = ParseUberTraceId(text);
    if (!ids) return jaeger;
    // traceparent has no word for it.
    ids->forced = jaeger && jaeger->trace == ids->trace && jaeger->forced;
  }
  return ids;
}

}  // namespace thanos::tracing
