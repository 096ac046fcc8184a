// Templates over a block's meta, as `tools bucket ls --output` takes them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "block/meta.h"
#include "thanos/status.h"

namespace thanos::tools {

/// The part of Go's text/template that names fields: `{{.ULID}} {{ .Stats.NumSeries -}}`, with the
/// names of Go's struct, keys of `.Thanos.Labels`, trimming and comments. Immutable.
class MetaTemplate {
 public:
  /// kInvalidArgument for a field that is not there, kUnimplemented naming an action that is more
  /// than a field.
  static Result<MetaTemplate> Parse(std::string_view text);
  Status Append(const block::BlockMeta& meta, std::string* out) const;

 private:
  struct Piece {
    std::string text;               // Copied, when there is no field.
    std::vector<std::string> path;  // {"Stats", "NumSeries"}
  };
  std::vector<Piece> pieces_;
};

}  // namespace thanos::tools
