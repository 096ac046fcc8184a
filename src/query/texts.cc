#include "query/texts.h"

#include <string_view>

#include "fanout/endpoint.h"

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

std::string SelectErrorText(const Status& status) {
  constexpr std::string_view kSelecting = "expanding series: ";
  const std::string_view text = status.message();
  if (!text.starts_with(kSelecting)) return std::string(text);
  const Status inner(status.code(), std::string(text.substr(kSelecting.size())));
  const bool own =
      status.code() == StatusCode::kAborted || status.code() == StatusCode::kInvalidArgument;
  return std::string(kSelecting) +
         "proxy Series(): " + (own ? fanout::RpcErrorText(inner) : std::string(inner.message()));
}

}  // namespace thanos::query
