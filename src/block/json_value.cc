#include "block/json_value.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <utility>

#include "base/json_text.h"
#include "base/number_text.h"

namespace thanos::block {
namespace {

constexpr int kDepthMax = 10000;

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return LowerAscii(x) == LowerAscii(y); });
}

void AppendRune(uint32_t rune, std::string* out) {
  if (rune < 0x80) {
    out->push_back(static_cast<char>(rune));
  } else if (rune < 0x800) {
    out->push_back(static_cast<char>(0xc0 | rune >> 6));
    out->push_back(static_cast<char>(0x80 | (rune & 63)));
  } else if (rune < 0x10000) {
    out->push_back(static_cast<char>(0xe0 | rune >> 12));
    out->push_back(static_cast<char>(0x80 | (rune >> 6 & 63)));
    out->push_back(static_cast<char>(0x80 | (rune & 63)));
  } else {
    out->push_back(static_cast<char>(0xf0 | rune >> 18));
    out->push_back(static_cast<char>(0x80 | (rune >> 12 & 63)));
    out->push_back(static_cast<char>(0x80 | (rune >> 6 & 63)));
    out->push_back(static_cast<char>(0x80 | (rune & 63)));
  }
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  // Iterative over containers, so that nesting costs no stack.
  Status Parse(JsonValue* out) {
    std::vector<JsonValue*> open;
    JsonValue* target = out;
    while (true) {
      THANOS_RETURN_IF_ERROR(Scalar(target));
      const bool container =
          target->kind == JsonValue::Kind::kArray || target->kind == JsonValue::Kind::kObject;
      if (container) {
        if (open.size() >= kDepthMax) return Malformed("exceeded max depth");
        open.push_back(target);
      }
      bool first = container;
      while (true) {  // Close what ends here, or find the place of the next value.
        if (open.empty()) return OkStatus();
        JsonValue* parent = open.back();
        const bool array = parent->kind == JsonValue::Kind::kArray;
        SkipSpace();
        if (Take(array ? ']' : '}')) {
          open.pop_back();
          first = false;
          continue;
        }
        if (!first && !Take(',')) return Malformed("',' or the end of a list expected");
        THANOS_RETURN_IF_ERROR(NextPlace(parent, array, &target));
        break;
      }
    }
  }

 private:
  Status NextPlace(JsonValue* parent, bool array, JsonValue** target) {
    if (array) {
      *target = &parent->items.emplace_back();
      return OkStatus();
    }
    SkipSpace();
    std::string name;
    if (!Take('"')) return Malformed("a field name expected");
    THANOS_RETURN_IF_ERROR(String(&name));
    SkipSpace();
    if (!Take(':')) return Malformed("':' expected");
    parent->names.push_back(std::move(name));
    *target = &parent->items.emplace_back();
    return OkStatus();
  }

  // A whole scalar, or the opening of a container.
  Status Scalar(JsonValue* out) {
    SkipSpace();
    if (at_ >= text_.size()) return Malformed("unexpected end");
    switch (text_[at_]) {
      case '{':
        ++at_;
        out->kind = JsonValue::Kind::kObject;
        return OkStatus();
      case '[':
        ++at_;
        out->kind = JsonValue::Kind::kArray;
        return OkStatus();
      case '"':
        ++at_;
        out->kind = JsonValue::Kind::kString;
        return String(&out->text);
      case 'n':
        return Word("null", JsonValue::Kind::kNull, out);
      case 't':
        return Word("true", JsonValue::Kind::kTrue, out);
      case 'f':
        return Word("false", JsonValue::Kind::kFalse, out);
      default:
        return Number(out);
    }
  }

  Status Word(std::string_view word, JsonValue::Kind kind, JsonValue* out) {
    if (text_.substr(at_, word.size()) != word) return Malformed("invalid character");
    at_ += word.size();
    out->kind = kind;
    return OkStatus();
  }

  bool Digits() {
    const size_t begin = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ > begin;
  }

  Status Number(JsonValue* out) {
    const size_t begin = at_;
    Take('-');
    if (!Take('0') && !Digits()) return Malformed("invalid character");
    if (Take('.') && !Digits()) return Malformed("digits expected");
    if (Take('e') || Take('E')) {
      if (!Take('+')) Take('-');
      if (!Digits()) return Malformed("digits expected");
    }
    out->kind = JsonValue::Kind::kNumber;
    out->text = text_.substr(begin, at_ - begin);
    return OkStatus();
  }

  Status String(std::string* out) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return OkStatus();
      }
      if (static_cast<unsigned char>(c) < 0x20) return Malformed("control character in a string");
      if (c == '\\') {
        ++at_;
        THANOS_RETURN_IF_ERROR(Escape(out));
        continue;
      }
      const size_t length = base::Utf8RuneLength(text_.substr(at_));
      if (length == 0) {
        AppendRune(0xfffd, out);
        ++at_;
      } else {
        out->append(text_, at_, length);
        at_ += length;
      }
    }
    return Malformed("unexpected end of a string");
  }

  Status Escape(std::string* out) {
    if (at_ >= text_.size()) return Malformed("unexpected end of a string");
    constexpr std::string_view kFrom = "\"\\/bfnrt";
    constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
    const char c = text_[at_++];
    if (c == 'u') return UnicodeEscape(out);
    const size_t index = kFrom.find(c);
    if (index == std::string_view::npos) return Malformed("invalid escape");
    out->push_back(kTo[index]);
    return OkStatus();
  }

  bool Hex4(size_t at, uint32_t* value) const {
    if (at + 4 > text_.size()) return false;
    *value = 0;
    for (size_t i = at; i < at + 4; ++i) {
      const char c = LowerAscii(text_[i]);
      if (c >= '0' && c <= '9') {
        *value = *value * 16 + static_cast<uint32_t>(c - '0');
      } else if (c >= 'a' && c <= 'f') {
        *value = *value * 16 + static_cast<uint32_t>(c - 'a' + 10);
      } else {
        return false;
      }
    }
    return true;
  }

  Status UnicodeEscape(std::string* out) {
    uint32_t rune = 0;
    if (!Hex4(at_, &rune)) return Malformed("invalid escape");
    at_ += 4;
    if (rune >= 0xd800 && rune < 0xe000) {
      uint32_t low = 0;
      const bool pair = rune < 0xdc00 && text_.substr(at_, 2) == "\\u" && Hex4(at_ + 2, &low) &&
                        low >= 0xdc00 && low < 0xe000;
      if (pair) at_ += 6;
      rune = pair ? 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
    }
    AppendRune(rune, out);
    return OkStatus();
  }

  bool Take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void SkipSpace() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
      ++at_;
    }
  }
  Status Malformed(std::string_view what) const {
    return DataLossError("invalid JSON: " + std::string(what) + " at byte " + std::to_string(at_));
  }

  std::string_view text_;
  size_t at_ = 0;
};

void AppendNumber(const std::string& text, std::string* out) {
  const auto value = base::ParseGoFloat(text);
  if (!value.ok()) {
    out->append(text);
    return;
  }
  const double size = std::abs(*value);
  if (size == 0 || (size >= 1e-6 && size < 1e21)) return base::AppendFloatF(*value, out);
  base::AppendFloatE(*value, out);
  // e-09 becomes e-9.
  const size_t n = out->size();
  if (n >= 4 && (*out)[n - 4] == 'e' && (*out)[n - 3] == '-' && (*out)[n - 2] == '0') {
    out->erase(n - 2, 1);
  }
}

void NewLine(int depth, std::string* out) {
  out->push_back('\n');
  out->append(static_cast<size_t>(depth), '\t');
}

}  // namespace

const JsonValue* JsonValue::Find(std::string_view name) const {
  for (size_t i = names.size(); i > 0; --i) {
    if (SameName(names[i - 1], name)) return &items[i - 1];
  }
  return nullptr;
}

JsonValue::~JsonValue() {
  if (items.empty()) return;
  std::vector<JsonValue> pending = std::move(items);
  while (!pending.empty()) {
    std::vector<JsonValue> inner = std::move(pending.back().items);
    pending.pop_back();
    std::move(inner.begin(), inner.end(), std::back_inserter(pending));
  }
}

int JsonDepth(const JsonValue& value) {
  std::vector<std::pair<const JsonValue*, int>> pending = {{&value, 1}};
  int deepest = 0;
  while (!pending.empty() && deepest <= kJsonWriteDepthMax) {
    const auto [at, depth] = pending.back();
    pending.pop_back();
    deepest = std::max(deepest, depth);
    for (const JsonValue& item : at->items) pending.emplace_back(&item, depth + 1);
  }
  return deepest;
}

Result<JsonValue> ParseJson(std::string_view text) {
  JsonValue value;
  THANOS_RETURN_IF_ERROR(Parser(text).Parse(&value));
  return value;
}

void AppendJson(const JsonValue& value, int depth, std::string* out) {
  switch (value.kind) {
    case JsonValue::Kind::kNull:
      out->append("null");
      return;
    case JsonValue::Kind::kFalse:
      out->append("false");
      return;
    case JsonValue::Kind::kTrue:
      out->append("true");
      return;
    case JsonValue::Kind::kNumber:
      AppendNumber(value.text, out);
      return;
    case JsonValue::Kind::kString:
      base::AppendJsonString(value.text, out, true);
      return;
    case JsonValue::Kind::kArray: {
      out->push_back('[');
      for (size_t i = 0; i < value.items.size(); ++i) {
        if (i > 0) out->push_back(',');
        NewLine(depth + 1, out);
        AppendJson(value.items[i], depth + 1, out);
      }
      if (!value.items.empty()) NewLine(depth, out);
      out->push_back(']');
      return;
    }
    case JsonValue::Kind::kObject: {
      std::vector<size_t> order(value.names.size());
      std::iota(order.begin(), order.end(), size_t{0});
      std::stable_sort(order.begin(), order.end(),
                       [&](size_t a, size_t b) { return value.names[a] < value.names[b]; });
      out->push_back('{');
      bool first = true;
      for (size_t i = 0; i < order.size(); ++i) {
        const std::string& name = value.names[order[i]];
        // Of equal names the last counts.
        if (i + 1 < order.size() && value.names[order[i + 1]] == name) continue;
        if (!first) out->push_back(',');
        first = false;
        NewLine(depth + 1, out);
        base::AppendJsonString(name, out, true);
        out->append(": ");
        AppendJson(value.items[order[i]], depth + 1, out);
      }
      if (!first) NewLine(depth, out);
      out->push_back('}');
    }
  }
}

}  // namespace thanos::block
