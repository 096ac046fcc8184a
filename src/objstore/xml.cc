#include "objstore/xml.h"

#include <algorithm>
#include <cstdint>

namespace thanos::objstore {
namespace {

constexpr size_t kDepthMax = 32;
constexpr size_t kElementsMax = 200000;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == ':' || (c & 0x80) != 0;
}

// XML 1.0 knows tab, line feed, carriage return and what lies above the control characters.
bool IsCharacter(uint32_t code) {
  return code == 9 || code == 10 || code == 13 || (code >= 0x20 && code <= 0xd7ff) ||
         (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}

void AppendUtf8(uint32_t code, std::string* out) {
  const auto put = [out](uint32_t byte) { *out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | (code >> 6));
  } else if (code < 0x10000) {
    put(0xe0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3f));
  } else {
    put(0xf0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3f));
    put(0x80 | ((code >> 6) & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<XmlElement> Document() {
    if (text_.size() > kXmlBytesMax) return Bad("is larger than 16 MiB");
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
    THANOS_RETURN_IF_ERROR(Misc());
    XmlElement root;
    THANOS_RETURN_IF_ERROR(Element(&root, 1));
    THANOS_RETURN_IF_ERROR(Misc());
    if (at_ != text_.size()) return Bad("has something behind its root element");
    return root;
  }

 private:
  Status Bad(std::string_view what) const {
    return DataLossError("XML " + std::string(what) + ", at byte " + std::to_string(at_));
  }
  bool Take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  void Spaces() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }
  // Behind the next `end`.
  Status SkipPast(std::string_view end) {
    const size_t found = text_.find(end, at_);
    if (found == std::string_view::npos) return Bad("ends early");
    at_ = found + end.size();
    return OkStatus();
  }

  // Spaces, comments, processing instructions: what may stand around the root.
  Status Misc() {
    for (;;) {
      Spaces();
      if (Take("<?")) {
        THANOS_RETURN_IF_ERROR(SkipPast("?>"));
      } else if (Take("<!--")) {
        THANOS_RETURN_IF_ERROR(SkipPast("-->"));
      } else if (text_.substr(at_).starts_with("<!")) {
        return Bad("declares a document type");
      } else {
        return OkStatus();
      }
    }
  }

  Result<std::string_view> Name() {
    const size_t begin = at_;
    while (at_ < text_.size() && IsNameByte(text_[at_])) ++at_;
    if (at_ == begin) return Bad("has no name where one must be");
    return text_.substr(begin, at_ - begin);
  }

  Status Attributes(bool* closed) {
    for (;;) {
      const size_t before = at_;
      Spaces();
      if (Take("/>")) {
        *closed = true;
        return OkStatus();
      }
      if (Take(">")) return OkStatus();
      if (at_ == before) return Bad("has a malformed tag");
      THANOS_RETURN_IF_ERROR(Name().status());
      Spaces();
      if (!Take("=")) return Bad("has an attribute without a value");
      Spaces();
      const char quote = at_ < text_.size() ? text_[at_] : '\0';
      if (quote != '"' && quote != '\'') return Bad("has an attribute without quotes");
      ++at_;
      const size_t end = text_.find(quote, at_);
      if (end == std::string_view::npos) return Bad("ends early");
      if (text_.substr(at_, end - at_).find('<') != std::string_view::npos) {
        return Bad("has '<' in an attribute");
      }
      at_ = end + 1;
    }
  }

  Status Element(XmlElement* out, size_t depth) {
    if (depth > kDepthMax) return Bad("is nested too deep");
    if (++elements_ > kElementsMax) return Bad("has too many elements");
    if (!Take("<")) return Bad("has no element where one must be");
    THANOS_ASSIGN_OR_RETURN(const std::string_view name, Name());
    out->name = name.substr(name.rfind(':') + 1);
    bool closed = false;
    THANOS_RETURN_IF_ERROR(Attributes(&closed));
    if (closed) return OkStatus();
    for (;;) {
      if (at_ == text_.size()) return Bad("ends inside <" + out->name + ">");
      if (text_[at_] != '<') {
        THANOS_RETURN_IF_ERROR(Characters(&out->text));
      } else if (Take("</")) {
        THANOS_ASSIGN_OR_RETURN(const std::string_view end, Name());
        Spaces();
        if (end != name || !Take(">")) return Bad("closes <" + out->name + "> wrongly");
        return OkStatus();
      } else if (Take("<!--")) {
        THANOS_RETURN_IF_ERROR(SkipPast("-->"));
      } else if (Take("<![CDATA[")) {
        const size_t begin = at_;
        THANOS_RETURN_IF_ERROR(SkipPast("]]>"));
        out->text += text_.substr(begin, at_ - 3 - begin);
      } else if (Take("<?")) {
        THANOS_RETURN_IF_ERROR(SkipPast("?>"));
      } else {
        out->children.emplace_back();
        THANOS_RETURN_IF_ERROR(Element(&out->children.back(), depth + 1));
      }
    }
  }

  // Up to the next tag.
  Status Characters(std::string* out) {
    while (at_ < text_.size() && text_[at_] != '<') {
      const size_t plain = std::min(text_.find_first_of("<&", at_), text_.size());
      for (size_t i = at_; i < plain; ++i) {
        const auto c = static_cast<unsigned char>(text_[i]);
        if (c < 0x20 && !IsSpace(text_[i])) {
          at_ = i;
          return Bad("has a control character");
        }
      }
      out->append(text_.substr(at_, plain - at_));
      at_ = plain;
      if (at_ < text_.size() && text_[at_] == '&') THANOS_RETURN_IF_ERROR(Entity(out));
    }
    return OkStatus();
  }

  Status Entity(std::string* out) {
    const size_t end = text_.substr(at_, 12).find(';');
    if (end == std::string_view::npos) return Bad("has a bare '&'");
    const std::string_view name = text_.substr(at_ + 1, end - 1);
    constexpr std::pair<std::string_view, char> kNamed[] = {
        {"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    for (const auto& [known, character] : kNamed) {
      if (name != known) continue;
      *out += character;
      at_ += end + 1;
      return OkStatus();
    }
    const bool hex = name.starts_with("#x");
    uint32_t code = 0;
    const std::string_view digits = name.substr(std::min<size_t>(hex ? 2 : 1, name.size()));
    bool valid = name.starts_with('#') && !digits.empty();
    for (const char c : digits) {
      const bool decimal = c >= '0' && c <= '9';
      const bool letter = hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'));
      if (!decimal && !letter) valid = false;
      if (!valid || code > 0x10ffff) break;
      code =
          code * (hex ? 16 : 10) + static_cast<uint32_t>(decimal ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    if (!valid || !IsCharacter(code)) return Bad("has an unknown entity");
    AppendUtf8(code, out);
    at_ += end + 1;
    return OkStatus();
  }

  const std::string_view text_;
  size_t at_ = 0;
  size_t elements_ = 0;
};

}  // namespace

const XmlElement* XmlElement::Find(std::string_view child) const {
  for (const XmlElement& element : children) {
    if (element.name == child) return &element;
  }
  return nullptr;
}

std::string_view XmlElement::Text(std::string_view child) const {
  const XmlElement* found = Find(child);
  return found == nullptr ? std::string_view() : std::string_view(found->text);
}

Result<XmlElement> ParseXml(std::string_view text) { return Parser(text).Document(); }

std::string XmlEscape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace thanos::objstore
