#include "objstore/filesystem.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/executor.h"

namespace fs = std::filesystem;

namespace thanos::objstore {
namespace {

// Work files of uploads begin with this; listings leave them out, a later upload never meets one.
constexpr std::string_view kTemporaryPrefix = ".thanos-upload-";
// Larger writes get larger folios of page cache, whose first touch costs twice as much CPU.
constexpr size_t kCopyBytes = 32 << 10;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  // The status of close() tells of late write errors.
  int Close() {
    const int result = close(fd_);
    fd_ = -1;
    return result;
  }

 private:
  int fd_;
};

class FileSource : public ByteSource {
 public:
  FileSource(std::string path, int fd, int64_t offset, int64_t length)
      : path_(std::move(path)), fd_(fd), offset_(offset), left_(length), size_(length) {}

  Result<size_t> Read(std::span<std::byte> out) override {
    const size_t want = static_cast<size_t>(std::min<int64_t>(left_, std::ssize(out)));
    if (want == 0) return 0;
    for (;;) {
      const ssize_t got = pread(fd_.get(), out.data(), want, offset_);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoError(errno, "read " + path_);
      if (got == 0) {
        return DataLossError(path_ + ": ended " + std::to_string(left_) + " bytes early");
      }
      offset_ += got;
      left_ -= got;
      return static_cast<size_t>(got);
    }
  }
  int64_t size() const override { return size_; }

 private:
  std::string path_;
  Descriptor fd_;
  int64_t offset_, left_, size_;
};

Status FsyncDirectory(const std::string& path) {
  Descriptor fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return ErrnoError(errno, "open directory " + path);
  if (fsync(fd.get()) != 0) return ErrnoError(errno, "fsync directory " + path);
  return OkStatus();
}

// What has no link on its way cannot lead out of the bucket: nothing else needs to be looked at,
// for a read that is often short. -1 also where the kernel has no such call.
int OpenWithoutLinks(const std::string& path) {
  struct open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  return static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof(how)));
}

int64_t ModifiedMs(const struct stat& info) {
  return static_cast<int64_t>(info.st_mtim.tv_sec) * 1000 + info.st_mtim.tv_nsec / 1000000;
}

class FilesystemBucket : public Bucket {
 public:
  explicit FilesystemBucket(std::string directory) : root_(std::move(directory)) {}

  std::string name() const override { return "fs: " + root_; }
  Capabilities capabilities() const override {
    return {.copy = true, .listing_has_attributes = true, .local = true};
  }

  Result<ObjectAttributes> Attributes(const CallContext& context, std::string_view name) override {
    THANOS_RETURN_IF_ERROR(context.Check());
    THANOS_ASSIGN_OR_RETURN(const std::string path, PathOf(name));
    struct stat info{};
    if (stat(path.c_str(), &info) != 0) return MissingOr(errno, "stat", name);
    if (!S_ISREG(info.st_mode)) return NotFoundError("object " + std::string(name) + " not found");
    return ObjectAttributes{info.st_size, ModifiedMs(info)};
  }

  Status Iterate(const CallContext& context, const ListOptions& options,
                 const ObjectVisitor& visitor) override {
    std::string prefix = options.prefix;
    if (!prefix.empty() && prefix.back() != '/') prefix += '/';
    if (!prefix.empty()) {
      THANOS_ASSIGN_OR_RETURN(const std::string path, PathOf(prefix.substr(0, prefix.size() - 1)));
      struct stat info{};
      if (stat(path.c_str(), &info) != 0 && errno == ENOENT && fs::is_directory(root_)) {
        return OkStatus();
      }
    }
    return Walker(*this, context, options, visitor).Walk(prefix);
  }

  Result<std::unique_ptr<ByteSource>> Open(const CallContext& context, std::string_view name,
                                           ByteRange range) override {
    THANOS_RETURN_IF_ERROR(context.Check());
    THANOS_RETURN_IF_ERROR(CheckName(name));
    std::string path = root_ + "/" + std::string(name);
    int fd = OpenWithoutLinks(path);
    if (fd < 0) {
      THANOS_ASSIGN_OR_RETURN(path, PathOf(name));
      fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0) return MissingOr(errno, "open", name);
    struct stat info{};
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
      close(fd);
      return NotFoundError("object " + std::string(name) + " not found");
    }
    if (range.offset < 0 || range.offset > info.st_size) {
      close(fd);
      return Status(StatusCode::kOutOfRange, "object " + std::string(name) + ": range begins at " +
                                                 std::to_string(range.offset) +
                                                 ", behind the end at " +
                                                 std::to_string(info.st_size));
    }
    const int64_t rest = info.st_size - range.offset;
    const int64_t length = range.length < 0 ? rest : std::min(range.length, rest);
    return std::unique_ptr<ByteSource>(
        std::make_unique<FileSource>(path, fd, range.offset, length));
  }

  Status Upload(const CallContext& context, std::string_view name, ByteSource& content,
                const PutOptions&) override {
    THANOS_ASSIGN_OR_RETURN(const std::string path, PathOf(name));
    const std::string directory = path.substr(0, path.rfind('/'));
    THANOS_RETURN_IF_ERROR(MakeDirectories(directory));
    const std::string temporary = TemporaryIn(directory);
    Status status = WriteFile(context, temporary, content);
    if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
      status = ErrnoError(errno, "rename to " + path);
    }
    if (!status.ok()) {
      unlink(temporary.c_str());
      return status.WithContext("upload " + std::string(name));
    }
    return FsyncDirectory(directory);
  }

  Status Delete(const CallContext& context, std::string_view name) override {
    THANOS_RETURN_IF_ERROR(context.Check());
    THANOS_ASSIGN_OR_RETURN(const std::string path, PathOf(name));
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
      return ErrnoError(errno, "delete " + std::string(name));
    }
    // Directories live only as long as there is something in them.
    std::string parent = path.substr(0, path.rfind('/'));
    while (parent.size() > root_.size() && rmdir(parent.c_str()) == 0) {
      parent.resize(parent.rfind('/'));
    }
    return OkStatus();
  }

  Status Link(const CallContext& context, std::string_view name, const std::string& path) override {
    THANOS_RETURN_IF_ERROR(context.Check());
    THANOS_ASSIGN_OR_RETURN(const std::string object, PathOf(name));
    struct stat info{};
    if (stat(object.c_str(), &info) != 0) return MissingOr(errno, "stat", name);
    if (!S_ISREG(info.st_mode)) return NotFoundError("object " + std::string(name) + " not found");
    if (linkat(AT_FDCWD, object.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      return OkStatus();
    }
    // Another file system, one without links, one with too many, or an object of somebody else.
    if (errno == EXDEV || errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP) {
      return UnimplementedError("link " + path + ": " + std::strerror(errno));
    }
    return ErrnoError(errno, "link " + path + " to object " + std::string(name));
  }

  Status Copy(const CallContext& context, std::string_view from, std::string_view to) override {
    THANOS_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, Open(context, from, {}));
    return Upload(context, to, *source, {});
  }

 private:
  static Status CheckName(std::string_view name) {
    std::string_view rest = name;
    bool more = true;
    while (more) {
      const size_t slash = rest.find('/');
      const std::string_view part = rest.substr(0, slash);
      if (part.empty() || part == "." || part == ".." ||
          part.find('\0') != std::string_view::npos) {
        return InvalidArgumentError("not an object name: \"" + std::string(name) + "\"");
      }
      more = slash != std::string_view::npos;
      if (more) rest.remove_prefix(slash + 1);
    }
    return OkStatus();
  }

  // The path of an object, or kInvalidArgument for a name that is not one, or leads outside.
  Result<std::string> PathOf(std::string_view name) const {
    THANOS_RETURN_IF_ERROR(CheckName(name));
    std::string path = root_ + "/" + std::string(name);
    // A link inside the bucket may point anywhere: follow it, and look where it came out.
    std::error_code error;
    const fs::path real = fs::weakly_canonical(path, error);
    if (error) return ErrnoError(error.value(), "resolve " + path);
    const std::string& text = real.native();
    if (text.compare(0, root_.size(), root_) != 0 || text[root_.size()] != '/') {
      return PermissionDeniedError("object \"" + std::string(name) +
                                   "\" leads out of the bucket's directory");
    }
    return path;
  }

  static Status MissingOr(int error, std::string_view what, std::string_view name) {
    if (error == ENOENT || error == ENOTDIR) {
      return NotFoundError("object " + std::string(name) + " not found");
    }
    return ErrnoError(error, std::string(what) + " " + std::string(name));
  }

  Status MakeDirectories(const std::string& directory) const {
    std::error_code error;
    std::vector<std::string> missing;
    for (std::string at = directory; !fs::exists(at, error); at.resize(at.rfind('/'))) {
      missing.push_back(at);
    }
    for (auto it = missing.rbegin(); it != missing.rend(); ++it) {
      if (mkdir(it->c_str(), 0750) != 0 && errno != EEXIST) {
        return ErrnoError(errno, "create directory " + *it);
      }
      THANOS_RETURN_IF_ERROR(FsyncDirectory(it->substr(0, it->rfind('/'))));
    }
    return OkStatus();
  }

  static std::string TemporaryIn(const std::string& directory) {
    static std::atomic<uint64_t> counter{0};
    return directory + "/" + std::string(kTemporaryPrefix) + std::to_string(getpid()) + "-" +
           std::to_string(counter.fetch_add(1));
  }

  static Status WriteFile(const CallContext& context, const std::string& path,
                          ByteSource& content) {
    Descriptor fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
    if (fd.get() < 0) return ErrnoError(errno, "create " + path);
    std::vector<std::byte> buffer(kCopyBytes);
    for (;;) {
      THANOS_RETURN_IF_ERROR(context.Check());
      THANOS_ASSIGN_OR_RETURN(const size_t size, content.Read(buffer));
      if (size == 0) break;
      for (size_t done = 0; done < size;) {
        const ssize_t wrote = write(fd.get(), buffer.data() + done, size - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return ErrnoError(errno, "write " + path);
        done += static_cast<size_t>(wrote);
      }
    }
    if (fsync(fd.get()) != 0) return ErrnoError(errno, "fsync " + path);
    if (fd.Close() != 0) return ErrnoError(errno, "close " + path);
    return OkStatus();
  }

  struct Entry {
    std::string name;  // Directories end in '/', which is also how they sort.
    ObjectAttributes attributes;
  };

  Result<std::vector<Entry>> ReadDirectory(const std::string& prefix) const {
    const std::string path = prefix.empty() ? root_ : root_ + "/" + prefix;
    std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(path.c_str()), closedir);
    if (!dir) {
      const bool absent = errno == ENOENT || errno == ENOTDIR;
      // A bucket that is not there is not an empty one.
      if (absent && prefix.empty())
        return UnavailableError("bucket directory " + root_ + " is gone");
      if (absent) return std::vector<Entry>{};
      return ErrnoError(errno, "list " + path);
    }
    std::vector<Entry> entries;
    for (;;) {
      errno = 0;
      const dirent* item = readdir(dir.get());
      if (item == nullptr) break;
      const std::string_view name = item->d_name;
      if (name == "." || name == ".." || name.starts_with(kTemporaryPrefix)) continue;
      if (item->d_type == DT_DIR) {  // Has no attributes that anybody is told.
        entries.push_back({std::string(name) + "/", {}});
        continue;
      }
      struct stat info{};
      if (fstatat(dirfd(dir.get()), item->d_name, &info, 0) != 0) {
        if (errno == ENOENT) continue;  // Deleted since, or a link to nothing.
        return ErrnoError(errno, "stat " + path + std::string(name));
      }
      Entry entry{std::string(name), {info.st_size, ModifiedMs(info)}};
      if (S_ISDIR(info.st_mode)) entry.name += '/';
      entries.push_back(std::move(entry));
    }
    if (errno != 0) return ErrnoError(errno, "list " + path);
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.name < b.name; });
    return entries;
  }

  // One listing. Directories that lie side by side are read ahead by several threads: one in
  // network storage costs a round trip each, and a bucket has thousands.
  class Walker {
   public:
    Walker(const FilesystemBucket& bucket, const CallContext& context, const ListOptions& options,
           const ObjectVisitor& visitor)
        : bucket_(bucket), context_(context), options_(options), visitor_(visitor) {}

    Status Walk(const std::string& prefix) {
      THANOS_RETURN_IF_ERROR(context_.Check());
      auto entries = bucket_.ReadDirectory(prefix);
      if (!entries.ok()) return entries.status();
      return Visit(prefix, *entries);
    }

   private:
    using Entries = std::vector<Entry>;

    Status Visit(const std::string& prefix, const Entries& entries) {
      std::vector<std::string> directories;
      if (options_.recursive) directories = DirectoriesIn(prefix, entries);
      size_t at = 0;  // Among the directories.
      std::vector<Result<Entries>> ahead;
      for (const Entry& entry : entries) {
        const std::string name = prefix + entry.name;
        const bool directory = name.back() == '/';
        if (directory && options_.recursive) {
          if (at == directories.size() || directories[at] != name) continue;
          const size_t place = at++ % kReadAhead;
          if (place == 0) THANOS_RETURN_IF_ERROR(ReadAhead(directories, at - 1, &ahead));
          if (!ahead[place].ok()) return ahead[place].status();
          THANOS_RETURN_IF_ERROR(Visit(name, *ahead[place]));
          continue;
        }
        if (!options_.start_after.empty() && name <= options_.start_after) continue;
        THANOS_RETURN_IF_ERROR(visitor_({name, entry.attributes, !directory}));
      }
      return OkStatus();
    }

    // Those that are to be walked.
    std::vector<std::string> DirectoriesIn(const std::string& prefix,
                                           const Entries& entries) const {
      const bool any_object = std::any_of(entries.begin(), entries.end(), [](const Entry& entry) {
        return entry.name.back() != '/';
      });
      const std::string uninteresting = any_object ? options_.uninteresting + "/" : "";
      std::vector<std::string> out;
      for (const Entry& entry : entries) {
        if (entry.name.back() == '/' && entry.name != uninteresting) {
          out.push_back(prefix + entry.name);
        }
      }
      return out;
    }

    Status ReadAhead(const std::vector<std::string>& directories, size_t first,
                     std::vector<Result<Entries>>* out) {
      THANOS_RETURN_IF_ERROR(context_.Check());
      const size_t count = std::min(directories.size() - first, kReadAhead);
      out->assign(count, Entries());
      if (count >= kReadAhead / 2 && !helpers_) {
        helpers_ = base::MakeHelpers("list-objects", kListConcurrency);
      }
      return base::ParallelFor(helpers_.get(), count, [&](size_t i) -> Status {
        (*out)[i] = bucket_.ReadDirectory(directories[first + i]);
        return OkStatus();  // The visitor may want to end before it comes there.
      });
    }

    static constexpr size_t kReadAhead = 256;
    static constexpr size_t kListConcurrency = 8;
    const FilesystemBucket& bucket_;
    const CallContext& context_;
    const ListOptions& options_;
    const ObjectVisitor& visitor_;
    std::unique_ptr<base::Executor> helpers_;
  };

  const std::string root_;  // Canonical, without a final '/'.
};

}  // namespace

Result<std::unique_ptr<Bucket>> OpenFilesystemBucket(std::string directory) {
  if (directory.empty()) return InvalidArgumentError("missing directory for filesystem bucket");
  std::error_code error;
  // A directory that cannot be made now may be mounted later: each call says what is wrong then.
  fs::create_directories(directory, error);
  const fs::path real = fs::weakly_canonical(fs::absolute(directory, error), error);
  if (error) return ErrnoError(error.value(), "resolve " + directory);
  return std::unique_ptr<Bucket>(std::make_unique<FilesystemBucket>(real.native()));
}

}  // namespace thanos::objstore
