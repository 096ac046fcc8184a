#include "ui/assets.h"

#include <algorithm>

// Written by ui_embed into the build tree: the symbols of the blobs, and kAssets.
#include <ui_assets.inc>

namespace thanos::ui {

std::span<const Asset> Assets() { return kAssets; }

const Asset* FindAsset(std::string_view path) {
  const auto all = Assets();
  const auto found = std::ranges::lower_bound(all, path, {}, &Asset::path);
  return found != all.end() && found->path == path ? &*found : nullptr;
}

}  // namespace thanos::ui
