// `tools bucket ls` and `inspect`: metas as text. components/tools.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bucketblocks/fetcher.h"
#include "model/matcher.h"
#include "thanos/status.h"

namespace thanos::tools {

/// Appends each block as `format` says: "" its id, "wide" a line, "json" its meta.json, anything
/// else as a template (see MetaTemplate).
Status WriteListing(const bucketblocks::MetaMap& metas, const std::string& format,
                    std::string* out);

/// The columns of `inspect`, in order.
std::span<const std::string_view> InspectColumns();

enum class TableFormat : uint8_t { kTable, kCsv, kTsv };

/// One row a block whose external labels `matchers` match, sorted by the columns named, then by
/// the first one.
Status WriteInspection(const bucketblocks::MetaMap& metas, const model::Matchers& matchers,
                       const std::vector<std::string>& sort_by, TableFormat format,
                       std::string* out);

/// `2026-01-02T03:04:05+01:00` in the local time zone.
std::string LocalTime(int64_t ms);

/// `name="value"`, as flags take labels. kInvalidArgument for anything else.
Result<std::pair<std::string, std::string>> ParseLabelFlag(std::string_view text);

}  // namespace thanos::tools
