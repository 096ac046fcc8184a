// Any text gives deletion requests with sorted intervals that can be told in a meta.json, or a
// status.
#include <cstdint>
#include <string_view>

#include "tools/meta_template.h"
#include "tools/rewrite_config.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto deletions = tools::ParseDeletions(text);
  if (deletions.ok()) {
    tools::RewriteRules rules;
    for (const tools::Deletion& deletion : *deletions) {
      for (size_t i = 1; i < deletion.intervals.size(); ++i) {
        if (deletion.intervals[i - 1].max_ms >= deletion.intervals[i].min_ms) __builtin_trap();
      }
    }
    rules.deletions = std::move(*deletions);
    block::BlockMeta meta;
    auto rewrites = tools::AppendRewrite("", {meta.ulid}, rules);
    if (!rewrites.ok()) __builtin_trap();
    meta.thanos.rewrites_json = *rewrites;
    if (!block::ParseMeta(block::WriteMeta(meta)).ok()) __builtin_trap();
  }
  if (const auto compiled = tools::MetaTemplate::Parse(text); compiled.ok()) {
    std::string out;
    if (!compiled->Append(block::BlockMeta(), &out).ok()) __builtin_trap();
  }
  return 0;
}
