// Words of Go's text/template. Private to the room.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "thanos/status.h"

namespace thanos::tools {

enum class TemplateWord : uint8_t {
  kText,
  kOpen,   // {{
  kClose,  // }}
  kSpace,
  kIdentifier,
  kKeyword,  // if, range, end, …
  kField,    // .Name
  kDot,
  kVariable,  // $name, $
  kNumber,
  kString,  // Of either kind.
  kCharacter,
  kBool,
  kNil,
  kPipe,
  kLeftParen,
  kRightParen,
  kDeclare,  // :=
  kAssign,   // =
  kComma,
  kOther,  // A character that has no meaning.
  kEnd,
};

struct TemplateToken {
  TemplateWord word = TemplateWord::kEnd;
  std::string text;
};

/// All tokens of a template, kEnd last; comments and what trimming takes away are left out.
/// kInvalidArgument for what is no token.
Result<std::vector<TemplateToken>> LexTemplate(std::string_view text);

}  // namespace thanos::tools
