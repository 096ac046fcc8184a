// Object storage: one interface, many providers and decorators.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos {

/// A stream of bytes, read once from front to end. One thread at a time.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills up to out.size() bytes; 0 only at the end. A source that knows its size and ends early
  /// returns kDataLoss, never a silent short end.
  virtual Result<size_t> Read(std::span<std::byte> out) = 0;
  /// Total size when known before reading, else -1.
  virtual int64_t size() const { return -1; }
  /// Another source of [offset, offset + length) of the same bytes, wherever this one stands: what
  /// is sent again, or in parts side by side, is read so. Lives no longer than this source; may be
  /// asked for on many threads. kUnimplemented where the bytes can be had only once.
  virtual Result<std::unique_ptr<ByteSource>> Section(int64_t offset, int64_t length) const {
    (void)offset, (void)length;
    return UnimplementedError("these bytes can be read only once");
  }
};

/// [offset, offset + length); length -1 is up to the end.
struct ByteRange {
  int64_t offset = 0;
  int64_t length = -1;
};

struct ObjectAttributes {
  int64_t size = 0;
  int64_t modified_ms = 0;  // Milliseconds since the epoch.
  friend bool operator==(const ObjectAttributes&, const ObjectAttributes&) = default;
};

struct ListOptions {
  std::string prefix = {};       // A directory: "" or ending in '/'.
  bool recursive = false;        // False: direct children; directories come once, ending in '/'.
  std::string start_after = {};  // Names up to and including this are left out.
  /// Where listing them costs, directories of this name may be left out that have objects beside
  /// them: for callers who want nothing in there, only to know that something is there.
  std::string uninteresting = {};
};

struct ListedObject {
  std::string_view name;  // From the bucket's root.
  ObjectAttributes attributes;
  bool has_attributes = false;
};
/// An error ends the listing and is returned by Iterate.
using ObjectVisitor = std::function<Status(const ListedObject&)>;

struct PutOptions {
  std::string content_type;
};

struct Capabilities {
  bool copy = false;
  bool listing_has_attributes = false;
  bool local = false;  // Objects are files of this machine.
};

/// Blocking: called on the I/O pool. Thread-safe. Names use '/', never begin with one.
class Bucket {
 public:
  virtual ~Bucket() = default;
  /// For messages and metrics: "FILESYSTEM: <dir>", "S3: <bucket>".
  virtual std::string name() const = 0;
  /// kNotFound when absent.
  virtual Result<ObjectAttributes> Attributes(const CallContext& context,
                                              std::string_view name) = 0;
  /// In ascending order of names. A failing page fails the call: never a short listing.
  virtual Status Iterate(const CallContext& context, const ListOptions& options,
                         const ObjectVisitor& visitor) = 0;
  /// kNotFound when absent. A range that begins behind the end is kOutOfRange; one that passes the
  /// end is cut there.
  virtual Result<std::unique_ptr<ByteSource>> Open(const CallContext& context,
                                                   std::string_view name, ByteRange range) = 0;
  /// Whole or not at all; replaces.
  virtual Status Upload(const CallContext& context, std::string_view name, ByteSource& content,
                        const PutOptions& options) = 0;
  /// Deleting what is absent is fine.
  virtual Status Delete(const CallContext& context, std::string_view name) = 0;
  virtual Status Copy(const CallContext& context, std::string_view from, std::string_view to) = 0;
  virtual Capabilities capabilities() const = 0;
  /// Makes `path`, which is not there, another name of the object's bytes, where objects are files
  /// of the same file system: they stay as they are, whoever has them must not write to them.
  /// kUnimplemented where that cannot be, and the bytes are to be read.
  virtual Status Link(const CallContext& context, std::string_view name, const std::string& path) {
    (void)context, (void)name, (void)path;
    return UnimplementedError("objects of this bucket have no names in a file system");
  }
};

}  // namespace thanos
