#include "relabel/rule.h"

#include <re2/re2.h>

namespace thanos::relabel {
namespace {

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The group that a reference means; nothing for one that does not exist.
std::optional<int> GroupOf(std::string_view name, const re2::RE2& regex) {
  if (name.find_first_not_of("0123456789") == std::string_view::npos) {
    if (name.size() > 8 || (name.size() > 1 && name[0] == '0')) return std::nullopt;
    const int number = std::stoi(std::string(name));
    return number <= regex.NumberOfCapturingGroups() ? std::optional(number) : std::nullopt;
  }
  const auto& names = regex.NamedCapturingGroups();
  const auto at = names.find(std::string(name));
  return at == names.end() ? std::nullopt : std::optional(at->second);
}

}  // namespace

Template Template::Parse(std::string_view text, const re2::RE2& regex) {
  Template out;
  const auto literal = [&out](std::string_view part) {
    if (out.pieces_.empty() || out.pieces_.back().group >= 0) out.pieces_.emplace_back();
    out.pieces_.back().text += part;
  };
  while (!text.empty()) {
    const std::string_view plain = text.substr(0, text.find('$'));
    literal(plain);
    text.remove_prefix(plain.size());
    if (text.empty()) break;
    text.remove_prefix(1);
    if (text.starts_with('$')) {
      literal("$");
      text.remove_prefix(1);
      continue;
    }
    const size_t begin = text.starts_with('{') ? 1 : 0;
    size_t end = begin;
    while (end < text.size() && IsWordByte(text[end])) ++end;
    const bool closed = begin == 0 || (end < text.size() && text[end] == '}');
    if (end == begin || !closed) {
      literal("$");  // Malformed: a dollar like any other character.
      continue;
    }
    if (const auto group = GroupOf(text.substr(begin, end - begin), regex)) {
      out.pieces_.push_back({"", *group});
    }
    text.remove_prefix(end + begin);
  }
  return out;
}

std::string Template::Expand(const std::vector<std::string_view>& groups) const {
  std::string out;
  for (const Piece& piece : pieces_) {
    if (piece.group < 0) {
      out += piece.text;
    } else {
      out += groups[static_cast<size_t>(piece.group)];
    }
  }
  return out;
}

std::vector<std::string_view> Rule::Match(std::string_view text) const {
  std::vector<re2::StringPiece> found(static_cast<size_t>(compiled->NumberOfCapturingGroups()) + 1);
  if (!compiled->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                       re2::RE2::ANCHOR_BOTH, found.data(), static_cast<int>(found.size()))) {
    return {};
  }
  std::vector<std::string_view> groups;
  for (const re2::StringPiece& group : found) groups.emplace_back(group.data(), group.size());
  return groups;
}

}  // namespace thanos::relabel
