#include "net/file_follower.h"

#include <sys/stat.h>

namespace thanos::net {

FileFollower::FileFollower(std::vector<std::string> paths) : paths_(std::move(paths)) {
  std::erase(paths_, "");
  for (const std::string& path : paths_) stamps_.push_back(Look(path));
}

FileFollower::Stamp FileFollower::Look(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_size, info.st_ino,
          info.st_dev};
}

bool FileFollower::Changed() {
  bool changed = false;
  for (size_t i = 0; i < paths_.size(); ++i) {
    const Stamp now = Look(paths_[i]);
    changed |= !(now == stamps_[i]);
    stamps_[i] = now;
  }
  return changed;
}

}  // namespace thanos::net
