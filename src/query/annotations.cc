#include "query/annotations.h"

#include <string_view>

namespace thanos::query {

std::string WithoutPosition(const std::string& text) {
  if (!text.ends_with(')')) return text;
  const size_t open = text.rfind(" (");
  if (open == std::string::npos) return text;
  const std::string_view inner = std::string_view(text).substr(open + 2, text.size() - open - 3);
  const bool position =
      !inner.empty() && inner.find_first_not_of("0123456789:") == std::string::npos;
  return position ? text.substr(0, open) : text;
}

}  // namespace thanos::query
