#include "bucketblocks/local_files.h"

#include <cerrno>
#include <memory>

#include <fcntl.h>
#include <unistd.h>

#include "objstore/byte_sources.h"

namespace thanos::bucketblocks {
namespace {

Status WriteAndSync(const std::string& path, std::string_view content) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) return ErrnoError(errno, "create " + path);
  Status status;
  while (!content.empty() && status.ok()) {
    const ssize_t wrote = write(fd, content.data(), content.size());
    if (wrote < 0) {
      if (errno != EINTR) status = ErrnoError(errno, "write " + path);
    } else {
      content.remove_prefix(static_cast<size_t>(wrote));
    }
  }
  if (status.ok() && fsync(fd) != 0) status = ErrnoError(errno, "fsync " + path);
  if (close(fd) != 0 && status.ok()) status = ErrnoError(errno, "close " + path);
  return status;
}

}  // namespace

Result<std::string> ReadLocalFile(const std::string& path, size_t bytes_max) {
  THANOS_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, objstore::OpenFileSource(path));
  return objstore::ReadAll(*source, path, bytes_max);
}

Status WriteFileAtomically(const std::string& path, std::string_view content) {
  const std::string temporary = path + ".tmp";
  Status status = WriteAndSync(temporary, content);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoError(errno, "rename to " + path);
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  const std::string directory = path.substr(0, path.rfind('/'));
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, "open directory " + directory);
  if (fsync(fd) != 0) status = ErrnoError(errno, "fsync directory " + directory);
  close(fd);
  return status;
}

}  // namespace thanos::bucketblocks
