// The files of the web UI inside this binary.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace thanos::ui {

/// A file of the bundle. All views are into .rodata and live as long as the process.
struct Asset {
  std::string_view path;          // Below the prefix: "static/index-B1xyz.js".
  std::string_view type;          // "text/javascript; charset=utf-8"
  std::string_view sha256;        // Of the file itself, hex.
  size_t size = 0;                // Of the file itself.
  std::string_view brotli, gzip;  // Both empty for a file that is kept as it is.
  std::string_view plain;         // Empty for all others.
};

/// All of them, sorted by path. Empty in a build without the UI.
std::span<const Asset> Assets();
/// Null when there is none of that path.
const Asset* FindAsset(std::string_view path);

}  // namespace thanos::ui
