#include "objstore/byte_sources.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace thanos::objstore {
namespace {

constexpr size_t kPieceBytes = 256 << 10;
constexpr size_t kCopyPieceBytes = 32 << 10;  // Larger writes cost the kernel more.

Status CheckSection(int64_t offset, int64_t length, int64_t size) {
  if (offset >= 0 && length >= 0 && offset <= size && length <= size - offset) return OkStatus();
  return Status(StatusCode::kOutOfRange, "section of " + std::to_string(length) + " bytes at " +
                                             std::to_string(offset) + " of " +
                                             std::to_string(size));
}

class Memory : public ByteSource {
 public:
  using Bytes = std::shared_ptr<const std::string>;
  Memory(Bytes bytes, size_t begin, size_t end)
      : bytes_(std::move(bytes)), begin_(begin), end_(end), at_(begin) {}
  Result<size_t> Read(std::span<std::byte> out) override {
    const size_t size = std::min(out.size(), end_ - at_);
    if (size > 0) std::memcpy(out.data(), bytes_->data() + at_, size);
    at_ += size;
    return size;
  }
  int64_t size() const override { return static_cast<int64_t>(end_ - begin_); }
  Result<std::unique_ptr<ByteSource>> Section(int64_t offset, int64_t length) const override {
    THANOS_RETURN_IF_ERROR(CheckSection(offset, length, size()));
    const size_t begin = begin_ + static_cast<size_t>(offset);
    return std::unique_ptr<ByteSource>(
        std::make_unique<Memory>(bytes_, begin, begin + static_cast<size_t>(length)));
  }

 private:
  Bytes bytes_;
  size_t begin_, end_, at_;
};

struct OpenFile {
  OpenFile(std::string p, int f) : path(std::move(p)), fd(f) {}
  OpenFile(const OpenFile&) = delete;
  ~OpenFile() { close(fd); }
  const std::string path;
  const int fd;
};

// [at, end) of a file.
class File : public ByteSource {
 public:
  File(std::shared_ptr<const OpenFile> file, int64_t begin, int64_t end)
      : file_(std::move(file)), begin_(begin), end_(end), at_(begin) {}
  Result<size_t> Read(std::span<std::byte> out) override {
    if (at_ == end_) return 0;
    const auto want = static_cast<size_t>(std::min<int64_t>(std::ssize(out), end_ - at_));
    for (;;) {
      const ssize_t got = pread(file_->fd, out.data(), want, at_);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoError(errno, "read " + file_->path);
      if (got == 0) return DataLossError(file_->path + ": became shorter while it was read");
      at_ += got;
      return static_cast<size_t>(got);
    }
  }
  int64_t size() const override { return end_ - begin_; }
  Result<std::unique_ptr<ByteSource>> Section(int64_t offset, int64_t length) const override {
    THANOS_RETURN_IF_ERROR(CheckSection(offset, length, size()).WithContext(file_->path));
    return std::unique_ptr<ByteSource>(
        std::make_unique<File>(file_, begin_ + offset, begin_ + offset + length));
  }

 private:
  std::shared_ptr<const OpenFile> file_;
  int64_t begin_, end_, at_;
};

class ObjectReader : public base::RangeReader {
 public:
  ObjectReader(Bucket* bucket, std::string name, uint64_t size)
      : bucket_(bucket), name_(std::move(name)), size_(size) {}
  uint64_t size() const override { return size_; }
  const std::string& name() const override { return name_; }

  Result<base::PinnedBytes> Read(const CallContext& context, uint64_t offset,
                                 uint64_t length) override {
    if (offset > size_ || length > size_ - offset) {
      return Status(StatusCode::kOutOfRange, name_ + ": range at " + std::to_string(offset) +
                                                 " of " + std::to_string(length) +
                                                 " bytes passes the end at " +
                                                 std::to_string(size_));
    }
    if (length == 0) return base::PinnedBytes();
    THANOS_ASSIGN_OR_RETURN(
        std::unique_ptr<ByteSource> source,
        bucket_->Open(context, name_,
                      {static_cast<int64_t>(offset), static_cast<int64_t>(length)}));
    std::shared_ptr<std::byte[]> buffer(new std::byte[length]);
    uint64_t done = 0;
    while (done < length) {
      THANOS_ASSIGN_OR_RETURN(const size_t got, source->Read({buffer.get() + done, length - done}));
      if (got == 0) {
        return DataLossError(name_ + ": range at " + std::to_string(offset) + " gave " +
                             std::to_string(done) + " of " + std::to_string(length) + " bytes");
      }
      done += got;
    }
    return base::PinnedBytes({buffer.get(), length}, buffer);
  }

 private:
  Bucket* bucket_;
  std::string name_;
  uint64_t size_;
};

}  // namespace

std::unique_ptr<ByteSource> MemorySource(std::string bytes) {
  const size_t size = bytes.size();
  return std::make_unique<Memory>(std::make_shared<const std::string>(std::move(bytes)), 0, size);
}

Result<std::unique_ptr<ByteSource>> OpenFileSource(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, "open " + path);
  struct stat info{};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(fd);
    return FailedPreconditionError(path + ": not a file");
  }
  return std::unique_ptr<ByteSource>(
      std::make_unique<File>(std::make_shared<const OpenFile>(path, fd), 0, info.st_size));
}

Result<std::string> ReadAll(ByteSource& source, std::string_view name, size_t bytes_max) {
  std::string out;
  const int64_t known = source.size();
  const auto too_large = [&] {
    return ResourceExhaustedError("object " + std::string(name) + " is larger than " +
                                  std::to_string(bytes_max) + " bytes");
  };
  if (known > 0 && static_cast<size_t>(known) > bytes_max) return too_large();
  if (known > 0) out.reserve(static_cast<size_t>(known));
  std::vector<std::byte> piece(
      known >= 0 ? std::clamp<size_t>(static_cast<size_t>(known), 1, kPieceBytes) : kPieceBytes);
  for (;;) {
    THANOS_ASSIGN_OR_RETURN(const size_t got, source.Read(piece));
    if (got == 0) return out;
    if (out.size() + got > bytes_max) return too_large();
    out.append(reinterpret_cast<const char*>(piece.data()), got);
  }
}

Result<std::string> ReadObject(const CallContext& context, Bucket& bucket, std::string_view name,
                               size_t bytes_max) {
  THANOS_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, bucket.Open(context, name, {}));
  return ReadAll(*source, name, bytes_max);
}

Status DownloadToFile(const CallContext& context, Bucket& bucket, std::string_view name,
                      const std::string& path) {
  THANOS_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, bucket.Open(context, name, {}));
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) return ErrnoError(errno, "create " + path);
  const auto copy = [&]() -> Status {
    std::vector<std::byte> piece(kCopyPieceBytes);
    for (;;) {
      THANOS_RETURN_IF_ERROR(context.Check());
      THANOS_ASSIGN_OR_RETURN(const size_t size, source->Read(piece));
      if (size == 0) break;
      for (size_t done = 0; done < size;) {
        const ssize_t wrote = write(fd, piece.data() + done, size - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return ErrnoError(errno, "write " + path);
        done += static_cast<size_t>(wrote);
      }
    }
    return OkStatus();
  };
  Status status = copy();
  if (close(fd) != 0 && status.ok()) status = ErrnoError(errno, "close " + path);
  if (!status.ok()) unlink(path.c_str());
  return status;
}

Result<bool> Exists(const CallContext& context, Bucket& bucket, std::string_view name) {
  const auto attributes = bucket.Attributes(context, name);
  if (attributes.ok()) return true;
  if (attributes.status().code() == StatusCode::kNotFound) return false;
  return attributes.status();
}

std::shared_ptr<base::RangeReader> MakeObjectReader(Bucket* bucket, std::string name,
                                                    uint64_t size) {
  return std::make_shared<ObjectReader>(bucket, std::move(name), size);
}

}  // namespace thanos::objstore
