#include "net/http_types.h"

#include <algorithm>
#include <array>

namespace thanos::net {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string Escape(std::string_view text, bool query) {
  constexpr char kHex[] = "0123456789ABCDEF";
  // What Go leaves alone beyond letters and digits, in a query and in a part of a path.
  const std::string_view kept = query ? "-_.~" : "-_.~$&+=:@";
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  for (const char c : text) {
    const bool alphanumeric =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (alphanumeric || kept.find(c) != std::string_view::npos) {
      out += c;
    } else if (query && c == ' ') {
      out += '+';
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

}  // namespace

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return Lower(x) == Lower(y); });
}

void HttpHeaders::Add(std::string name, std::string value) {
  fields_.emplace_back(std::move(name), std::move(value));
}

void HttpHeaders::Set(std::string name, std::string value) {
  std::erase_if(fields_, [&](const auto& field) { return EqualsIgnoringCase(field.first, name); });
  fields_.emplace_back(std::move(name), std::move(value));
}

std::string_view HttpHeaders::Get(std::string_view name) const {
  for (const auto& [field, value] : fields_) {
    if (EqualsIgnoringCase(field, name)) return value;
  }
  return "";
}

bool HttpHeaders::Has(std::string_view name) const {
  return std::any_of(fields_.begin(), fields_.end(),
                     [&](const auto& field) { return EqualsIgnoringCase(field.first, name); });
}

std::vector<std::string_view> HttpHeaders::GetAll(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [field, value] : fields_) {
    if (EqualsIgnoringCase(field, name)) values.push_back(value);
  }
  return values;
}

std::string_view Values::Get(std::string_view name) const {
  for (const auto& [key, value] : items_) {
    if (key == name) return value;
  }
  return "";
}

bool Values::Has(std::string_view name) const {
  return std::any_of(items_.begin(), items_.end(),
                     [&](const auto& item) { return item.first == name; });
}

std::vector<std::string> Values::GetAll(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : items_) {
    if (key == name) values.push_back(value);
  }
  return values;
}

std::string Values::Encode() const {
  std::string out;
  for (const auto& [name, value] : items_) {
    if (!out.empty()) out += '&';
    out += QueryEscape(name);
    out += '=';
    out += QueryEscape(value);
  }
  return out;
}

Status ParseQuery(std::string_view text, Values* out) {
  Status first_error;
  const auto fail = [&](Status status) {
    if (first_error.ok()) first_error = std::move(status);
  };
  while (!text.empty()) {
    const size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (pair.empty()) continue;
    if (pair.find(';') != std::string_view::npos) {
      fail(InvalidArgumentError("invalid semicolon separator in query"));
      continue;
    }
    if (out->items().size() >= kParametersMax) {
      return InvalidArgumentError("more than " + std::to_string(kParametersMax) + " parameters");
    }
    const size_t equals = pair.find('=');
    Result<std::string> name = UrlUnescape(pair.substr(0, equals), true);
    Result<std::string> value = UrlUnescape(
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!name.ok()) {
      fail(name.status());
    } else if (!value.ok()) {
      fail(value.status());
    } else {
      out->Add(std::move(*name), std::move(*value));
    }
  }
  return first_error;
}

namespace {

// The value of `key="value"` or `key=value` among parameters split by ';'; "" when there is none.
std::string_view Parameter(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const size_t end = text.find(';');
    std::string_view part = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    while (part.starts_with(' ')) part.remove_prefix(1);
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos || !EqualsIgnoringCase(part.substr(0, equals), key)) {
      continue;
    }
    part.remove_prefix(equals + 1);
    if (part.size() >= 2 && part.front() == '"' && part.back() == '"') {
      part = part.substr(1, part.size() - 2);
    }
    return part;
  }
  return {};
}

// The Content-Disposition among the header lines of a part.
std::string_view Disposition(std::string_view headers) {
  constexpr std::string_view kName = "Content-Disposition:";
  while (!headers.empty()) {
    const size_t end = headers.find("\r\n");
    const std::string_view line = headers.substr(0, end);
    headers = end == std::string_view::npos ? std::string_view() : headers.substr(end + 2);
    if (EqualsIgnoringCase(line.substr(0, kName.size()), kName)) return line.substr(kName.size());
  }
  return {};
}

}  // namespace

Status ParseMultipart(std::string_view body, std::string_view content_type, Values* out) {
  const std::string_view boundary = Parameter(content_type, "boundary");
  if (boundary.empty()) return InvalidArgumentError("no multipart boundary param in Content-Type");
  const std::string delimiter = "\r\n--" + std::string(boundary);
  // The first delimiter has no line break of its own before it.
  if (!body.starts_with(std::string_view(delimiter).substr(2))) {
    return InvalidArgumentError("multipart: body does not begin with its boundary");
  }
  body.remove_prefix(delimiter.size() - 2);
  while (!body.starts_with("--")) {
    const size_t content = body.find("\r\n\r\n");
    const size_t end = body.find(delimiter, content == std::string_view::npos ? 0 : content + 2);
    if (!body.starts_with("\r\n") || content == std::string_view::npos ||
        end == std::string_view::npos) {
      return InvalidArgumentError("multipart: NextPart: EOF");
    }
    if (out->items().size() >= kParametersMax) {
      return InvalidArgumentError("more than " + std::to_string(kParametersMax) + " parameters");
    }
    const std::string_view disposition = Disposition(body.substr(2, content - 2));
    const std::string_view name = Parameter(disposition, "name");
    const size_t begin = content + 4;
    if (!name.empty() && Parameter(disposition, "filename").empty() && begin <= end) {
      out->Add(std::string(name), std::string(body.substr(begin, end - begin)));
    } else if (!name.empty() && begin > end) {
      out->Add(std::string(name), "");
    }
    body.remove_prefix(end + delimiter.size());
  }
  return OkStatus();
}

Result<std::string> UrlUnescape(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 1 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return InvalidArgumentError("invalid URL escape \"" + std::string(text.substr(i, 3)) +
                                    "\"");
      }
      out += static_cast<char>(high << 4 | low);
      i += 2;
    }
  }
  return out;
}

std::string QueryEscape(std::string_view text) { return Escape(text, true); }
std::string PathEscape(std::string_view text) { return Escape(text, false); }

std::string_view HttpStatusText(int status) {
  static constexpr std::pair<int, std::string_view> kTexts[] = {
      {100, "Continue"},
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {206, "Partial Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {303, "See Other"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Request Entity Too Large"},
      {414, "Request URI Too Long"},
      {415, "Unsupported Media Type"},
      {416, "Requested Range Not Satisfiable"},
      {417, "Expectation Failed"},
      {422, "Unprocessable Entity"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"}};
  for (const auto& [code, text] : kTexts) {
    if (code == status) return text;
  }
  return "";
}

}  // namespace thanos::net
