// Tokens lie in the text, in order, without overlap, and end after at most one a byte; strings can
// be unquoted.
#include <cstdint>
#include <string_view>

#include "promql/lexer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace thanos::promql;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Lexer lexer(text);
  uint32_t last = 0;
  for (size_t count = 0;; ++count) {
    const Token token = lexer.Next();
    if (token.kind == TokenKind::kError) {
      if (token.text.empty()) __builtin_trap();
      return 0;
    }
    if (token.begin < last || token.begin > size || count > size) __builtin_trap();
    if (token.kind == TokenKind::kEof) return 0;
    if (token.text.data() != text.data() + token.begin || token.end() > size) __builtin_trap();
    last = token.end();
    if (token.kind == TokenKind::kString) (void)Unquote(token.text);
  }
}
