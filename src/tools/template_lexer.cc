#include "tools/template_lexer.h"

#include <algorithm>
#include <array>

#include "base/json_text.h"
#include "base/number_text.h"
#include "model/go_quote.h"

namespace thanos::tools {
namespace {

using Word = TemplateWord;

constexpr std::array<std::string_view, 10> kKeywords = {
    "if", "else", "end", "range", "with", "template", "define", "block", "break", "continue"};

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
// Letters beyond ASCII are taken as such, byte by byte.
bool IsAlphaNumeric(char c) {
  return c == '_' || IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  Result<std::vector<TemplateToken>> Run();

 private:
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool Starts(std::string_view with) const { return text_.substr(at_).starts_with(with); }
  void Add(Word word, std::string text) { tokens_.push_back({word, std::move(text)}); }
  static Status Wrong(std::string why) { return InvalidArgumentError(std::move(why)); }

  Status LexText();
  Status LexComment();
  Status LexAction();
  Status LexOne();
  Status LexQuoted(char quote);
  Status LexNumber();
  bool ScanNumber();
  Status LexName();
  Status CheckTerminator() const;
  bool AtClose(size_t* size, bool* trim) const;

  const std::string_view text_;
  size_t at_ = 0;
  bool trim_ = false;  // White space in front of the next text goes.
  int parens_ = 0;
  std::vector<TemplateToken> tokens_;
};

Result<std::vector<TemplateToken>> Lexer::Run() {
  while (at_ < text_.size()) THANOS_RETURN_IF_ERROR(LexText());
  Add(Word::kEnd, "");
  return std::move(tokens_);
}

Status Lexer::LexText() {
  const size_t open = text_.find("{{", at_);
  std::string plain(text_.substr(at_, open == std::string_view::npos ? open : open - at_));
  if (trim_) plain.erase(0, std::min(plain.find_first_not_of(" \t\r\n"), plain.size()));
  trim_ = false;
  at_ = open == std::string_view::npos ? text_.size() : open + 2;
  if (open != std::string_view::npos && Peek() == '-' && IsSpace(Peek(1))) {
    plain.erase(plain.find_last_not_of(" \t\r\n") + 1);
    at_ += 2;
  }
  if (!plain.empty()) Add(Word::kText, std::move(plain));
  if (open == std::string_view::npos) return OkStatus();
  return Starts("/*") ? LexComment() : LexAction();
}

Status Lexer::LexComment() {
  const size_t end = text_.find("*/", at_ + 2);
  if (end == std::string_view::npos) return Wrong("unclosed comment");
  at_ = end + 2;
  size_t size = 0;
  if (!AtClose(&size, &trim_)) return Wrong("comment ends before closing delimiter");
  at_ += size;
  return OkStatus();
}

bool Lexer::AtClose(size_t* size, bool* trim) const {
  *trim = IsSpace(Peek()) && text_.substr(at_).substr(1).starts_with("-}}");
  *size = *trim ? 4 : 2;
  return *trim || Starts("}}");
}

Status Lexer::LexAction() {
  Add(Word::kOpen, "{{");
  parens_ = 0;
  for (;;) {
    size_t size = 0;
    bool trim = false;
    if (AtClose(&size, &trim)) {
      if (parens_ > 0) return Wrong("unclosed left paren");
      trim_ = trim;
      at_ += size;
      Add(Word::kClose, "}}");
      return OkStatus();
    }
    if (at_ >= text_.size()) return Wrong("unclosed action");
    THANOS_RETURN_IF_ERROR(LexOne());
  }
}

Status Lexer::LexOne() {
  const char c = Peek();
  const auto single = [this](Word word) {
    Add(word, std::string(1, Peek()));
    ++at_;
    return OkStatus();
  };
  if (IsSpace(c)) {
    size_t size = 0;
    bool trim = false;
    while (IsSpace(Peek()) && !AtClose(&size, &trim)) ++at_;
    Add(Word::kSpace, " ");
    return OkStatus();
  }
  switch (c) {
    case '=':
      return single(Word::kAssign);
    case '|':
      return single(Word::kPipe);
    case ',':
      return single(Word::kComma);
    case '(':
      ++parens_;
      return single(Word::kLeftParen);
    case ')':
      if (--parens_ < 0) return Wrong("unexpected right paren");
      return single(Word::kRightParen);
    case ':':
      if (Peek(1) != '=') return Wrong("expected :=");
      at_ += 2;
      Add(Word::kDeclare, ":=");
      return OkStatus();
    case '"':
    case '`':
    case '\'':
      return LexQuoted(c);
    default:
      break;
  }
  if (c == '$' || IsAlphaNumeric(c) || c == '.' || c == '+' || c == '-') {
    const bool number = IsDigit(c) || c == '+' || c == '-' || (c == '.' && IsDigit(Peek(1)));
    return number ? LexNumber() : LexName();
  }
  if (c > ' ' && c < 0x7f) return single(Word::kOther);
  return Wrong("unrecognized character in action: U+00" + std::to_string(c));
}

Status Lexer::LexQuoted(char quote) {
  const size_t begin = at_++;
  const std::string what = quote == '`' ? "raw quoted string" : "quoted string";
  for (;; ++at_) {
    if (at_ >= text_.size() || (quote != '`' && Peek() == '\n')) {
      return Wrong("unterminated " + (quote == '\'' ? "character constant" : what));
    }
    if (Peek() == quote) break;
    if (quote != '`' && Peek() == '\\') ++at_;
  }
  ++at_;
  const std::string_view constant = text_.substr(begin, at_ - begin);
  if (quote == '\'') {
    const std::string_view inside = constant.substr(1, constant.size() - 2);
    if (!inside.starts_with('\\') && base::Utf8RuneLength(inside) != inside.size()) {
      return Wrong("malformed character constant: " + std::string(constant));
    }
  }
  Add(quote == '\'' ? Word::kCharacter : Word::kString, std::string(constant));
  return OkStatus();
}

// Takes what can belong to a number; false when something else clings to it.
bool Lexer::ScanNumber() {
  if (Peek() == '+' || Peek() == '-') ++at_;
  std::string_view digits = "0123456789_";
  bool hex = false;
  if (Peek() == '0' && (Peek(1) == 'x' || Peek(1) == 'X')) {
    digits = "0123456789abcdefABCDEF_";
    hex = true;
    at_ += 2;
  } else if (Peek() == '0' &&
             (Peek(1) == 'o' || Peek(1) == 'O' || Peek(1) == 'b' || Peek(1) == 'B')) {
    at_ += 2;
  }
  const auto take = [&](std::string_view set) {
    while (Peek() != '\0' && set.find(Peek()) != std::string_view::npos) ++at_;
  };
  take(digits);
  if (Peek() == '.') {
    ++at_;
    take(digits);
  }
  const std::string_view exponents = hex ? "pP" : "eE";
  if (Peek() != '\0' && exponents.find(Peek()) != std::string_view::npos) {
    ++at_;
    if (Peek() == '+' || Peek() == '-') ++at_;
    take("0123456789_");
  }
  if (Peek() == 'i') ++at_;
  if (!IsAlphaNumeric(Peek())) return true;
  ++at_;
  return false;
}

Status Lexer::LexNumber() {
  const size_t begin = at_;
  bool good = ScanNumber();
  if (good && (Peek() == '+' || Peek() == '-')) good = ScanNumber() && text_[at_ - 1] == 'i';
  const std::string number(text_.substr(begin, at_ - begin));
  const auto quoted = [&] { return model::GoQuoted(number); };
  if (!good) return Wrong("bad number syntax: " + quoted());
  std::string digits = number;
  if (digits.starts_with('+') || digits.starts_with('-')) digits.erase(0, 1);
  if (digits.empty() || digits == ".") return Wrong("illegal number syntax: " + quoted());
  const bool prefixed = digits.size() > 1 && digits[0] == '0' && !IsDigit(digits[1]);
  const bool real = !prefixed && digits.find_first_of(".eEi") != std::string::npos;
  if (!prefixed && !real) {
    const bool octal = digits.size() > 1 && digits[0] == '0';
    const bool high = digits.find_first_of("89") != std::string::npos;
    std::string plain = digits;
    std::erase(plain, '_');
    const bool large = plain.size() > 20 || (plain.size() == 20 && plain > "18446744073709551615");
    if ((octal && high) || large) return Wrong("integer overflow: " + quoted());
  } else if (real && !digits.ends_with('i') && !base::ParseGoFloat(digits).ok()) {
    return Wrong("illegal number syntax: " + quoted());
  }
  Add(Word::kNumber, number);
  return OkStatus();
}

Status Lexer::CheckTerminator() const {
  const char c = Peek();
  if (at_ >= text_.size() || IsSpace(c) || Starts("}}") ||
      std::string_view(".,|:()=").find(c) != std::string_view::npos) {
    return OkStatus();
  }
  char code[16];
  std::snprintf(code, sizeof code, "U+%04X", static_cast<unsigned>(static_cast<unsigned char>(c)));
  return Wrong(std::string("bad character ") + code + " '" + c + "'");
}

// A field, a variable, the dot, a function, a keyword or a constant.
Status Lexer::LexName() {
  const size_t begin = at_;
  const char first = Peek();
  if (first == '.' || first == '$') ++at_;
  while (at_ < text_.size() && IsAlphaNumeric(Peek())) ++at_;
  const std::string name(text_.substr(begin, at_ - begin));
  if (first == '.' && name.size() == 1) {
    Add(Word::kDot, name);
    return OkStatus();
  }
  THANOS_RETURN_IF_ERROR(CheckTerminator());
  Word word = Word::kIdentifier;
  if (first == '.') word = Word::kField;
  if (first == '$') word = Word::kVariable;
  if (name == "true" || name == "false") word = Word::kBool;
  if (name == "nil") word = Word::kNil;
  if (std::find(kKeywords.begin(), kKeywords.end(), name) != kKeywords.end()) {
    word = Word::kKeyword;
  }
  Add(word, name);
  return OkStatus();
}

}  // namespace

Result<std::vector<TemplateToken>> LexTemplate(std::string_view text) { return Lexer(text).Run(); }

}  // namespace thanos::tools
