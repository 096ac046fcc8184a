// label_replace and label_join.
#include <cstring>
#include <utility>
#include <vector>

#include <re2/re2.h>

#include "base/json_text.h"
#include "promql/rowwise.h"

namespace thanos::promql {
namespace {

bool IsValidName(std::string_view name) { return !name.empty() && base::IsValidUtf8(name); }

OperatorTraits Named(std::string name) {
  OperatorTraits traits;
  traits.name = std::move(name);
  return traits;
}

// Base: sets one label.
class SetLabel : public RowwiseOperator {
 public:
  SetLabel(std::string name, std::string destination, OperatorPtr input,
           std::shared_ptr<QueryState> state)
      : RowwiseOperator(Named(std::move(name)), NameRule::kKeep, std::move(input), std::move(state),
                        /*changes_labels=*/true),
        destination_(std::move(destination)) {}

 protected:
  // False: the row stays as it is.
  virtual bool ValueOf(LabelsView labels, std::string* value) = 0;

  Status Transform(const Row& in, Scratch* scratch, Row* out) final {
    value_.clear();
    if (!ValueOf(in.labels, &value_)) return OkStatus();
    builder_.Reset(in.labels);
    if (value_.empty()) {
      builder_.Remove(destination_);
    } else {
      builder_.Set(destination_, value_);
    }
    builder_.BuildTo(&scratch->labels);
    out->labels = LabelsView(scratch->labels);
    if (destination_ == kMetricName) out->drop_name = false;
    return OkStatus();
  }

  const std::string destination_;

 private:
  LabelsBuilder builder_;
  std::string value_;
};

// A piece of a replacement: literal text, or a group of the regex (-1: one that does not exist).
struct Piece {
  std::string text;
  bool is_group = false;
  int group = -1;
};

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Go's templates: $1, ${1}, $name, ${name}, $$.
std::vector<Piece> ParseReplacement(std::string_view text, const re2::RE2& regex) {
  std::vector<Piece> pieces;
  const auto literal = [&pieces](std::string_view part) {
    if (pieces.empty() || pieces.back().is_group) pieces.emplace_back();
    pieces.back().text += part;
  };
  while (!text.empty()) {
    if (text[0] != '$') {
      const std::string_view part = text.substr(0, text.find('$'));
      literal(part);
      text.remove_prefix(part.size());
      continue;
    }
    text.remove_prefix(1);
    if (text.starts_with('$')) {
      literal("$");
      text.remove_prefix(1);
      continue;
    }
    const bool braces = text.starts_with('{');
    size_t end = braces ? 1 : 0;
    while (end < text.size() && IsWordByte(text[end])) ++end;
    const std::string_view name = text.substr(braces ? 1 : 0, end - (braces ? 1 : 0));
    if (name.empty() || (braces && (end == text.size() || text[end] != '}'))) {
      literal("$");  // Malformed: a dollar like any other character.
      continue;
    }
    text.remove_prefix(end + (braces ? 1 : 0));
    Piece piece;
    piece.is_group = true;
    if (name.find_first_not_of("0123456789") == std::string_view::npos) {
      const bool leading_zero = name.size() > 1 && name[0] == '0';
      const int number = name.size() < 9 && !leading_zero ? std::stoi(std::string(name)) : -1;
      if (number <= regex.NumberOfCapturingGroups()) piece.group = number;
    } else if (const auto at = regex.NamedCapturingGroups().find(std::string(name));
               at != regex.NamedCapturingGroups().end()) {
      piece.group = at->second;
    }
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

class LabelReplace final : public SetLabel {
 public:
  LabelReplace(LabelReplaceSpec spec, OperatorPtr input, std::shared_ptr<QueryState> state)
      : SetLabel("label_replace " + spec.destination, spec.destination, std::move(input),
                 std::move(state)),
        spec_(std::move(spec)) {}

 protected:
  Status Prepare() override {
    re2::RE2::Options options;
    options.set_log_errors(false);
    regex_ = std::make_unique<re2::RE2>("^(?s:" + spec_.regex + ")$", options);
    if (!regex_->ok()) {
      return FailedPreconditionError("invalid regular expression in label_replace(): " +
                                     spec_.regex);
    }
    if (!IsValidName(spec_.destination)) {
      return FailedPreconditionError("invalid destination label name in label_replace(): " +
                                     spec_.destination);
    }
    pieces_ = ParseReplacement(spec_.replacement, *regex_);
    groups_.resize(static_cast<size_t>(regex_->NumberOfCapturingGroups()) + 1);
    return OkStatus();
  }

  bool ValueOf(LabelsView labels, std::string* value) override {
    const std::string_view source = labels.Get(spec_.source);
    if (!regex_->Match(re2::StringPiece(source.data(), source.size()), 0, source.size(),
                       re2::RE2::UNANCHORED, groups_.data(), static_cast<int>(groups_.size()))) {
      return false;
    }
    for (const Piece& piece : pieces_) {
      if (!piece.is_group) {
        *value += piece.text;
      } else if (piece.group >= 0) {
        const re2::StringPiece& group = groups_[static_cast<size_t>(piece.group)];
        if (group.data() != nullptr) value->append(group.data(), group.size());
      }
    }
    return true;
  }

 private:
  const LabelReplaceSpec spec_;
  std::unique_ptr<re2::RE2> regex_;
  std::vector<Piece> pieces_;
  std::vector<re2::StringPiece> groups_;
};

class LabelJoin final : public SetLabel {
 public:
  LabelJoin(std::string destination, std::string separator, std::vector<std::string> sources,
            OperatorPtr input, std::shared_ptr<QueryState> state)
      : SetLabel("label_join " + destination, destination, std::move(input), std::move(state)),
        separator_(std::move(separator)),
        sources_(std::move(sources)) {}

 protected:
  Status Prepare() override {
    for (const std::string& source : sources_) {
      if (IsValidName(source)) continue;
      return FailedPreconditionError("invalid source label name in label_join(): " + source);
    }
    if (!IsValidName(destination_)) {
      return FailedPreconditionError("invalid destination label name in label_join(): " +
                                     destination_);
    }
    return OkStatus();
  }
  bool ValueOf(LabelsView labels, std::string* value) override {
    for (size_t i = 0; i < sources_.size(); ++i) {
      if (i > 0) *value += separator_;
      *value += labels.Get(sources_[i]);
    }
    return true;
  }

 private:
  const std::string separator_;
  const std::vector<std::string> sources_;
};

}  // namespace

OperatorPtr MakeLabelReplace(LabelReplaceSpec spec, OperatorPtr input,
                             std::shared_ptr<QueryState> state) {
  return std::make_unique<LabelReplace>(std::move(spec), std::move(input), std::move(state));
}
OperatorPtr MakeLabelJoin(std::string destination, std::string separator,
                          std::vector<std::string> sources, OperatorPtr input,
                          std::shared_ptr<QueryState> state) {
  return std::make_unique<LabelJoin>(std::move(destination), std::move(separator),
                                     std::move(sources), std::move(input), std::move(state));
}

}  // namespace thanos::promql
