// Whatever a client sends as Accept-Encoding, If-None-Match or a prefix: no crash; a prefix that is
// believed cannot leave its host or its attribute; a tag matches itself in any list.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "ui/encoding.h"
#include "ui/prefix.h"
#include "ui/ui.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace thanos::ui;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)thanos::net::NameOf(ChooseEncoding(text));
  const bool quiet = text.find_first_of("\",") == std::string_view::npos;
  if (quiet && !MatchesTag(std::string(text) + ", \"tag\"", "\"tag\"")) std::abort();
  if (IsPlainPrefix(text)) {
    if (text.find("//") != std::string_view::npos ||
        text.find_first_of("\"<>&:?# \\") != text.npos) {
      std::abort();
    }
  }
  const std::string html = ShellFor("<base href=\"/\">", text);
  // The attribute ends where it ended, whatever is in it.
  if (html.find('"', 12) != html.size() - 2 || html.find('>') != html.size() - 1) std::abort();
  return 0;
}
