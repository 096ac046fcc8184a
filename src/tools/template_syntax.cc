#include "tools/template_syntax.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/go_quote.h"
#include "tools/template_lexer.h"

namespace thanos::tools {
namespace {

using Word = TemplateWord;

constexpr int kDepthMax = 500;  // Of blocks and parentheses.

const std::set<std::string_view>& Functions() {
  static const auto* const kFunctions = new std::set<std::string_view>{"and",
                                                                       "or",
                                                                       "not",
                                                                       "eq",
                                                                       "ne",
                                                                       "lt",
                                                                       "le",
                                                                       "gt",
                                                                       "ge",
                                                                       "len",
                                                                       "index",
                                                                       "slice",
                                                                       "print",
                                                                       "println",
                                                                       "printf",
                                                                       "html",
                                                                       "js",
                                                                       "urlquery",
                                                                       "call",
                                                                       "query",
                                                                       "first",
                                                                       "label",
                                                                       "value",
                                                                       "strvalue",
                                                                       "sortByLabel",
                                                                       "args",
                                                                       "humanize",
                                                                       "humanize1024",
                                                                       "humanizeDuration",
                                                                       "humanizePercentage",
                                                                       "humanizeTimestamp",
                                                                       "toTime",
                                                                       "toDuration",
                                                                       "now",
                                                                       "parseDuration",
                                                                       "title",
                                                                       "toUpper",
                                                                       "toLower",
                                                                       "match",
                                                                       "reReplaceAll",
                                                                       "graphLink",
                                                                       "tableLink",
                                                                       "externalURL",
                                                                       "pathPrefix",
                                                                       "urlQueryEscape",
                                                                       "safeHtml",
                                                                       "stripPort",
                                                                       "stripDomain"};
  return *kFunctions;
}

// How a list of texts and actions ended.
enum class ListEnd : uint8_t { kNone, kEnd, kElse };
// What a term is, as far as what may follow depends on it.
enum class Term : uint8_t { kNone, kConstant, kName, kCallable };

class Parser {
 public:
  explicit Parser(std::vector<TemplateToken> tokens)
      : tokens_(std::move(tokens)),
        variables_({"$", "$labels", "$externalLabels", "$externalURL", "$value"}) {}

  Status Run();

 private:
  const TemplateToken& Peek() const { return tokens_[at_]; }
  const TemplateToken& Next() { return tokens_[at_ < tokens_.size() - 1 ? at_++ : at_]; }
  void SkipSpace() {
    while (Peek().word == Word::kSpace) ++at_;
  }
  const TemplateToken& PeekWord() {
    SkipSpace();
    return Peek();
  }
  const TemplateToken& NextWord() {
    SkipSpace();
    return Next();
  }
  bool PeekKeyword(std::string_view keyword) {
    return PeekWord().word == Word::kKeyword && Peek().text == keyword;
  }
  static Status Wrong(std::string why) { return InvalidArgumentError(std::move(why)); }
  static Status Unexpected(const TemplateToken& token, std::string_view context);
  Status Expect(Word word, std::string_view context);
  Result<std::string> Name(std::string_view context);

  Status List(ListEnd* end);
  Status Action(ListEnd* end);
  Status Keyword(const std::string& keyword, ListEnd* end);
  Status Control(const std::string& context);
  Status Body(const std::string& context, std::vector<std::string> variables);
  Status Define();
  Status Template(bool block);
  Status Jump(const std::string& keyword);
  Status Pipeline(const std::string& context, Word end);
  Status Declarations(const std::string& context);
  Status Command(bool first_stage, size_t stage);
  Result<Term> Operand();
  Result<Term> ReadTerm();

  const std::vector<TemplateToken> tokens_;
  size_t at_ = 0;
  std::vector<std::string> variables_;
  int range_depth_ = 0, depth_ = 0;
};

Status Parser::Unexpected(const TemplateToken& token, std::string_view context) {
  std::string what = model::GoQuoted(token.text);
  if (token.word == Word::kEnd) return Wrong("unexpected EOF");
  if (token.word == Word::kKeyword || token.word == Word::kDot) what = "<" + token.text + ">";
  return Wrong("unexpected " + what + " in " + std::string(context));
}

Status Parser::Expect(Word word, std::string_view context) {
  const TemplateToken& token = NextWord();
  return token.word == word ? OkStatus() : Unexpected(token, context);
}

Result<std::string> Parser::Name(std::string_view context) {
  const TemplateToken& token = NextWord();
  if (token.word != Word::kString) return Unexpected(token, context);
  return token.text;
}

Status Parser::Run() {
  while (PeekWord().word != Word::kEnd) {
    const size_t begin = at_;
    if (Next().word == Word::kOpen && PeekKeyword("define")) {
      Next();
      THANOS_RETURN_IF_ERROR(Define());
      continue;
    }
    at_ = begin;
    ListEnd end = ListEnd::kNone;
    THANOS_RETURN_IF_ERROR(Action(&end));
    if (end == ListEnd::kEnd) return Wrong("unexpected {{end}}");
    if (end == ListEnd::kElse) return Wrong("unexpected {{else}}");
  }
  return OkStatus();
}

// Texts and actions up to an end or an else, which are taken; the rest of an else is not.
Status Parser::List(ListEnd* end) {
  *end = ListEnd::kNone;
  while (PeekWord().word != Word::kEnd) {
    THANOS_RETURN_IF_ERROR(Action(end));
    if (*end != ListEnd::kNone) return OkStatus();
  }
  return Wrong("unexpected EOF");
}

Status Parser::Action(ListEnd* end) {
  const TemplateToken& token = NextWord();
  if (token.word == Word::kText) return OkStatus();
  if (token.word != Word::kOpen) return Unexpected(token, "input");
  if (PeekWord().word == Word::kKeyword) {
    const std::string keyword = Next().text;
    return Keyword(keyword, end);
  }
  // A declaration lives on to the end of its block, which cuts the list back.
  return Pipeline("command", Word::kClose);
}

Status Parser::Keyword(const std::string& keyword, ListEnd* end) {
  if (keyword == "end") {
    *end = ListEnd::kEnd;
    return Expect(Word::kClose, "end");
  }
  if (keyword == "else") {
    *end = ListEnd::kElse;
    if (PeekKeyword("if") || PeekKeyword("with")) return OkStatus();
    return Expect(Word::kClose, "else");
  }
  if (keyword == "template" || keyword == "block") return Template(keyword == "block");
  if (keyword == "break" || keyword == "continue") return Jump(keyword);
  if (keyword == "define") return Wrong("unexpected <define> in command");
  if (++depth_ > kDepthMax) return Wrong("blocks are nested too deeply");
  const size_t variables = variables_.size();
  const Status status = Control(keyword);
  variables_.resize(variables);
  --depth_;
  return status;
}

// if, with, range: behind their keyword.
Status Parser::Control(const std::string& context) {
  THANOS_RETURN_IF_ERROR(Pipeline(context, Word::kClose));
  ListEnd end = ListEnd::kNone;
  range_depth_ += context == "range" ? 1 : 0;
  const Status status = List(&end);
  range_depth_ -= context == "range" ? 1 : 0;
  THANOS_RETURN_IF_ERROR(status);
  if (end == ListEnd::kEnd) return OkStatus();
  if (context != "range" && PeekKeyword(context)) {
    Next();
    return Keyword(context, &end);
  }
  THANOS_RETURN_IF_ERROR(List(&end));
  return end == ListEnd::kEnd ? OkStatus() : Wrong("expected end; found {{else}}");
}

// A template of its own, with variables of its own.
Status Parser::Body(const std::string& context, std::vector<std::string> variables) {
  std::swap(variables_, variables);
  const int ranges = std::exchange(range_depth_, 0);
  ListEnd end = ListEnd::kNone;
  Status status = List(&end);
  if (status.ok() && end != ListEnd::kEnd) {
    status = Wrong("unexpected {{else}} in " + context);
  }
  range_depth_ = ranges;
  std::swap(variables_, variables);
  return status;
}

Status Parser::Define() {
  THANOS_RETURN_IF_ERROR(Name("define clause").status());
  THANOS_RETURN_IF_ERROR(Expect(Word::kClose, "define clause"));
  return Body("define clause", {"$"});
}

Status Parser::Template(bool block) {
  const std::string context = block ? "block clause" : "template clause";
  THANOS_RETURN_IF_ERROR(Name(context).status());
  if (!block && PeekWord().word == Word::kClose) {
    Next();
    return OkStatus();
  }
  THANOS_RETURN_IF_ERROR(Pipeline(context, Word::kClose));
  return block ? Body(context, {"$"}) : OkStatus();
}

Status Parser::Jump(const std::string& keyword) {
  THANOS_RETURN_IF_ERROR(Expect(Word::kClose, "{{" + keyword + "}}"));
  if (range_depth_ > 0) return OkStatus();
  return Wrong("{{" + keyword + "}} outside {{range}}");
}

// `$x :=`, `$x =`, `$i, $e :=` in front of a pipeline.
Status Parser::Declarations(const std::string& context) {
  for (int count = 0; PeekWord().word == Word::kVariable;) {
    const size_t begin = at_;
    const std::string name = Next().text;
    const Word next = PeekWord().word;
    if (next == Word::kDeclare || next == Word::kAssign) {
      Next();
      variables_.push_back(name);
      return OkStatus();
    }
    if (next != Word::kComma) {
      at_ = begin;
      return OkStatus();
    }
    Next();
    variables_.push_back(name);
    if (context != "range" || ++count > 1) return Wrong("too many declarations in " + context);
    if (PeekWord().word != Word::kVariable) {
      return Wrong("range can only initialize variables");
    }
  }
  return OkStatus();
}

Status Parser::Pipeline(const std::string& context, Word end) {
  if (++depth_ > kDepthMax) return Wrong("parentheses are nested too deeply");
  THANOS_RETURN_IF_ERROR(Declarations(context));
  size_t stages = 0;
  for (;; ++stages) {
    const TemplateToken& token = PeekWord();
    if (token.word == end) break;
    switch (token.word) {
      case Word::kBool:
      case Word::kCharacter:
      case Word::kDot:
      case Word::kField:
      case Word::kIdentifier:
      case Word::kNumber:
      case Word::kNil:
      case Word::kString:
      case Word::kVariable:
      case Word::kLeftParen:
        THANOS_RETURN_IF_ERROR(Command(stages == 0, stages + 1));
        break;
      default:
        return Unexpected(token, context);
    }
  }
  Next();
  --depth_;
  return stages > 0 ? OkStatus() : Wrong("missing value for " + context);
}

Status Parser::Command(bool first_stage, size_t stage) {
  bool first = true;
  for (;;) {
    SkipSpace();
    THANOS_ASSIGN_OR_RETURN(const Term term, Operand());
    if (term != Term::kNone) {
      if (first && !first_stage && term == Term::kConstant) {
        return Wrong("non executable command in pipeline stage " + std::to_string(stage));
      }
      first = false;
    }
    const TemplateToken& token = Next();
    if (token.word == Word::kSpace) continue;
    if (token.word == Word::kClose || token.word == Word::kRightParen)
      --at_;
    else if (token.word != Word::kPipe)
      return Unexpected(token, "operand");
    return first ? Wrong("empty command") : OkStatus();
  }
}

Result<Term> Parser::Operand() {
  const TemplateToken token = Peek();
  THANOS_ASSIGN_OR_RETURN(Term term, ReadTerm());
  if (term == Term::kNone || Peek().word != Word::kField) return term;
  if (term == Term::kConstant) {
    return Wrong("unexpected . after term " + model::GoQuoted(token.text));
  }
  while (Peek().word == Word::kField) Next();
  return Term::kCallable;
}

Result<Term> Parser::ReadTerm() {
  const TemplateToken& token = Peek();
  switch (token.word) {
    case Word::kIdentifier:
      if (!Functions().contains(token.text)) {
        return Wrong("function " + model::GoQuoted(token.text) + " not defined");
      }
      Next();
      return Term::kCallable;
    case Word::kVariable:
      if (std::find(variables_.begin(), variables_.end(), token.text) == variables_.end()) {
        return Wrong("undefined variable " + model::GoQuoted(token.text));
      }
      Next();
      return Term::kName;
    case Word::kField:
      Next();
      return Term::kName;
    case Word::kDot:
    case Word::kNil:
    case Word::kBool:
    case Word::kCharacter:
    case Word::kNumber:
    case Word::kString:
      Next();
      return Term::kConstant;
    case Word::kLeftParen:
      Next();
      THANOS_RETURN_IF_ERROR(Pipeline("parenthesized pipeline", Word::kRightParen));
      return Term::kCallable;
    default:
      return Term::kNone;
  }
}

}  // namespace

Status CheckAlertTemplate(std::string_view text) {
  THANOS_ASSIGN_OR_RETURN(auto tokens, LexTemplate(text));
  return Parser(std::move(tokens)).Run();
}

}  // namespace thanos::tools
