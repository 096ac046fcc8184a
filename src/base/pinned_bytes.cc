#include "base/pinned_bytes.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace thanos::base {
namespace {

Status OutOfRange(const std::string& name, uint64_t offset, uint64_t length, uint64_t size) {
  return {StatusCode::kOutOfRange, name + ": range at " + std::to_string(offset) + " of " +
                                       std::to_string(length) + " bytes passes the end at " +
                                       std::to_string(size)};
}

class MemoryReader : public RangeReader {
 public:
  MemoryReader(std::string name, PinnedBytes bytes)
      : name_(std::move(name)), bytes_(std::move(bytes)) {}
  uint64_t size() const override { return bytes_.size(); }
  const std::string& name() const override { return name_; }
  Result<PinnedBytes> Read(const CallContext&, uint64_t offset, uint64_t length) override {
    if (offset > size() || length > size() - offset) {
      return OutOfRange(name_, offset, length, size());
    }
    return bytes_.Slice(offset, length);
  }

 private:
  std::string name_;
  PinnedBytes bytes_;
};

class FileReader : public RangeReader {
 public:
  FileReader(std::string path, int fd, uint64_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}
  ~FileReader() override { close(fd_); }
  uint64_t size() const override { return size_; }
  const std::string& name() const override { return path_; }

  Result<PinnedBytes> Read(const CallContext& context, uint64_t offset, uint64_t length) override {
    if (offset > size_ || length > size_ - offset) {
      return OutOfRange(path_, offset, length, size_);
    }
    THANOS_RETURN_IF_ERROR(context.Check());
    std::shared_ptr<std::byte[]> buffer(new std::byte[length]);
    uint64_t done = 0;
    while (done < length) {
      const ssize_t got =
          pread(fd_, buffer.get() + done, length - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoError(errno, "read " + path_);
      if (got == 0) {
        return DataLossError(path_ + ": file became shorter than " + std::to_string(size_) +
                             " bytes while open");
      }
      done += static_cast<uint64_t>(got);
    }
    return PinnedBytes({buffer.get(), length}, buffer);
  }

 private:
  std::string path_;
  int fd_;
  uint64_t size_;
};

}  // namespace

std::shared_ptr<RangeReader> MakeMemoryReader(std::string name, PinnedBytes bytes) {
  return std::make_shared<MemoryReader>(std::move(name), std::move(bytes));
}

Result<std::shared_ptr<RangeReader>> OpenFileReader(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, "open " + path);
  struct stat info{};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    const int error = errno;
    close(fd);
    if (error == 0 || !S_ISREG(info.st_mode)) return FailedPreconditionError(path + ": not a file");
    return ErrnoError(error, "stat " + path);
  }
  return std::shared_ptr<RangeReader>(
      std::make_shared<FileReader>(path, fd, static_cast<uint64_t>(info.st_size)));
}

}  // namespace thanos::base
