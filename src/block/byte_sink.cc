#include "block/byte_sink.h"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pinned_bytes.h"
#include "codec/byte_reader.h"

namespace thanos::block {
namespace {

// Larger writes get larger folios of page cache, whose first touch costs twice as much CPU.
constexpr size_t kBufferBytes = 32 << 10;

class FileSink : public ByteSink {
 public:
  FileSink(std::string path, int fd, bool durable)
      : path_(std::move(path)), fd_(fd), durable_(durable) {}
  ~FileSink() override {
    if (fd_ >= 0) close(fd_);
  }

  Status Write(std::span<const std::byte> bytes) override {
    if (bytes.size() >= kBufferBytes) {
      THANOS_RETURN_IF_ERROR(Flush());
      return WriteAll(bytes);
    }
    buffer_.append(codec::AsText(bytes));
    return buffer_.size() >= kBufferBytes ? Flush() : OkStatus();
  }

  Status Finish() override {
    THANOS_RETURN_IF_ERROR(Flush());
    if (durable_ && fsync(fd_) != 0) return ErrnoError(errno, "fsync " + path_);
    const int fd = fd_;
    fd_ = -1;
    if (close(fd) != 0) return ErrnoError(errno, "close " + path_);
    return OkStatus();
  }

 private:
  Status Flush() {
    THANOS_RETURN_IF_ERROR(WriteAll(codec::AsBytes(buffer_)));
    buffer_.clear();
    return OkStatus();
  }
  Status WriteAll(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t done = write(fd_, bytes.data(), bytes.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return ErrnoError(errno, "write " + path_);
      bytes = bytes.subspan(static_cast<size_t>(done));
    }
    return OkStatus();
  }

  const std::string path_;
  int fd_;
  const bool durable_;
  std::string buffer_;
};

class StringSink : public ByteSink {
 public:
  explicit StringSink(std::string* out) : out_(out) {}
  Status Write(std::span<const std::byte> bytes) override {
    out_->append(codec::AsText(bytes));
    return OkStatus();
  }
  Status Finish() override { return OkStatus(); }

 private:
  std::string* out_;
};

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<std::unique_ptr<ByteSink>> CreateFileSink(const std::string& path, bool durable) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0 && errno == EEXIST) return AlreadyExistsError("create " + path + ": exists");
  if (fd < 0) return ErrnoError(errno, "create " + path);
  return std::unique_ptr<ByteSink>(std::make_unique<FileSink>(path, fd, durable));
}

std::unique_ptr<ByteSink> MakeStringSink(std::string* out) {
  return std::make_unique<StringSink>(out);
}

namespace {

Status Sync(const std::string& path, int flags) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | flags);
  if (fd < 0) return ErrnoError(errno, "open " + path);
  const int result = fsync(fd);
  const int error = errno;
  close(fd);
  return result == 0 ? OkStatus() : ErrnoError(error, "fsync " + path);
}

}  // namespace

Status SyncDirectory(const std::string& path) { return Sync(path, O_DIRECTORY); }
Status SyncFile(const std::string& path) { return Sync(path, 0); }

namespace {

Status Replace(const std::string& path, std::span<const std::byte> bytes, bool durable) {
  const std::string temporary = path + ".tmp";
  if (unlink(temporary.c_str()) != 0 && errno != ENOENT) {
    return ErrnoError(errno, "remove " + temporary);
  }
  THANOS_ASSIGN_OR_RETURN(const auto sink, CreateFileSink(temporary, durable));
  Status status = sink->Write(bytes);
  if (status.ok()) status = sink->Finish();
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return ErrnoError(errno, "rename " + temporary);
  }
  return durable ? SyncDirectory(ParentOf(path)) : OkStatus();
}

}  // namespace

Status WriteFileAtomically(const std::string& path, std::span<const std::byte> bytes) {
  return Replace(path, bytes, /*durable=*/true);
}

Status ReplaceFile(const std::string& path, std::span<const std::byte> bytes) {
  return Replace(path, bytes, /*durable=*/false);
}

Result<std::string> ReadFile(const std::string& path, size_t bytes_max) {
  THANOS_ASSIGN_OR_RETURN(const auto file, base::OpenFileReader(path));
  if (file->size() > bytes_max) {
    return ResourceExhaustedError(path + ": " + std::to_string(file->size()) + " bytes, at most " +
                                  std::to_string(bytes_max) + " are read");
  }
  THANOS_ASSIGN_OR_RETURN(const auto bytes, file->Read(CallContext(), 0, file->size()));
  return std::string(codec::AsText(bytes.bytes()));
}

}  // namespace thanos::block
