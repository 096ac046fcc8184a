#include "block/index_header.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/byte_reader.h"
#include "codec/hash.h"

namespace thanos::block {
namespace {

constexpr uint32_t kHeaderMagic = 0xBAAAD792;
constexpr uint8_t kHeaderVersion = 1;
constexpr uint64_t kSymbolsAt = 14;
constexpr uint64_t kTrailerBytes = 20;
constexpr uint64_t kPieceBytes = 16 << 20;

// The end of an index, read at once: the table of contents, and mostly the postings table before
// it. An index is read in two or three requests then.
constexpr uint64_t kTailBytesMin = 64 << 10, kTailBytesMax = 1 << 20;

Status CopyRange(const CallContext& context, base::RangeReader& from, uint64_t begin, uint64_t end,
                 ByteSink& sink) {
  for (uint64_t at = begin; at < end; at += kPieceBytes) {
    THANOS_RETURN_IF_ERROR(context.Check());
    THANOS_ASSIGN_OR_RETURN(const auto piece,
                            from.Read(context, at, std::min(kPieceBytes, end - at)));
    THANOS_RETURN_IF_ERROR(sink.Write(piece.bytes()));
  }
  return OkStatus();
}

// Headers know the first two versions, ours as Go's: both read each other's.
Status CheckServed(int version) {
  if (version == 1 || version == 2) return OkStatus();
  return DataLossError("index: version " + std::to_string(version) + " has no index-header");
}

// The symbols, and what stands before them: the version of the index.
Result<base::PinnedBytes> ReadFront(const CallContext& context, base::RangeReader& index,
                                    const IndexToc& toc, int* version) {
  const uint64_t end = std::min(toc.series, kPieceBytes);
  THANOS_ASSIGN_OR_RETURN(const auto front, index.Read(context, 0, end));
  THANOS_ASSIGN_OR_RETURN(*version, ReadIndexVersion(front.bytes()));
  THANOS_RETURN_IF_ERROR(CheckServed(*version));
  return front;
}

// A mapping of a file that this program wrote and checked.
class Mapping {
 public:
  Mapping(void* address, size_t size) : address_(address), size_(size) {}
  ~Mapping() { munmap(address_, size_); }
  Mapping(const Mapping&) = delete;

 private:
  void* address_;
  size_t size_;
};

Result<base::PinnedBytes> MapFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, "open " + path);
  struct stat info{};
  if (fstat(fd, &info) != 0 || info.st_size <= 0) {
    close(fd);
    return DataLossError(path + ": empty");
  }
  const auto size = static_cast<size_t>(info.st_size);
  void* address = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  const int error = errno;
  close(fd);
  if (address == MAP_FAILED) return ErrnoError(error, "map " + path);
  auto owner = std::make_shared<const Mapping>(address, size);
  return base::PinnedBytes({static_cast<const std::byte*>(address), size}, std::move(owner));
}

}  // namespace

Status BuildIndexHeader(const CallContext& context, base::RangeReader& index, ByteSink& sink) {
  const auto build = [&]() -> Status {
    const uint64_t size = index.size();
    if (size < kIndexHeaderBytes + IndexToc::kSizeBytes) {
      return DataLossError("index: file is too short: " + std::to_string(size) + " bytes");
    }
    const uint64_t tail_at =
        size - std::min(size, std::clamp(size / 16, kTailBytesMin, kTailBytesMax));
    THANOS_ASSIGN_OR_RETURN(const auto tail, index.Read(context, tail_at, size - tail_at));
    const auto toc_bytes = tail.bytes().last(IndexToc::kSizeBytes);
    THANOS_ASSIGN_OR_RETURN(const IndexToc toc, ReadIndexToc(toc_bytes, size));
    int version = 0;
    THANOS_ASSIGN_OR_RETURN(const auto front, ReadFront(context, index, toc, &version));

    std::string bytes;
    codec::ByteWriter writer(&bytes);
    writer.Be32(kHeaderMagic);
    writer.U8(kHeaderVersion);
    writer.U8(static_cast<uint8_t>(version));
    writer.Be64(toc.postings_table);
    THANOS_RETURN_IF_ERROR(sink.Write(codec::AsBytes(bytes)));
    const uint64_t front_end = front.size();
    if (toc.symbols < front_end) {
      THANOS_RETURN_IF_ERROR(sink.Write(front.bytes().subspan(toc.symbols)));
    }
    THANOS_RETURN_IF_ERROR(
        CopyRange(context, index, std::max(toc.symbols, front_end), toc.series, sink));
    const uint64_t table_end = std::max(toc.postings_table, tail_at);
    THANOS_RETURN_IF_ERROR(CopyRange(context, index, toc.postings_table, table_end, sink));
    THANOS_RETURN_IF_ERROR(sink.Write(tail.bytes().subspan(table_end - tail_at)));
    bytes.clear();
    writer.Be64(kSymbolsAt);
    writer.Be64(kSymbolsAt + toc.series - toc.symbols);
    writer.Be32(codec::Crc32c(codec::AsBytes(bytes)));
    return sink.Write(codec::AsBytes(bytes));
  };
  return build().WithContext("index header of " + index.name());
}

Status BuildIndexHeaderFile(const CallContext& context, base::RangeReader& index,
                            const std::string& path) {
  const std::string temporary = path + ".tmp";
  if (unlink(temporary.c_str()) != 0 && errno != ENOENT) {
    return ErrnoError(errno, "remove " + temporary);
  }
  const auto build = [&]() -> Status {
    THANOS_ASSIGN_OR_RETURN(const auto sink, CreateFileSink(temporary));
    THANOS_RETURN_IF_ERROR(BuildIndexHeader(context, index, *sink));
    THANOS_RETURN_IF_ERROR(sink->Finish());
    // What the index itself says wrong is found here, not at the first query.
    return IndexHeader::OpenFile(temporary, {}).status();
  };
  if (Status status = build(); !status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return ErrnoError(errno, "rename " + temporary);
  }
  return SyncDirectory(path.substr(0, std::max<size_t>(path.rfind('/'), 1)));
}

Result<std::shared_ptr<const IndexHeader>> IndexHeader::Open(const std::string& name,
                                                             base::PinnedBytes pinned,
                                                             const Options& options) {
  std::shared_ptr<IndexHeader> header(new IndexHeader());
  const auto open = [&]() -> Status {
    const auto bytes = pinned.bytes();
    if (bytes.size() < kSymbolsAt + IndexToc::kSizeBytes + kTrailerBytes) {
      return DataLossError("index header is too short: " + std::to_string(bytes.size()) + " bytes");
    }
    codec::ByteReader in(bytes);
    if (in.Be32() != kHeaderMagic) return DataLossError("index header: bad magic number");
    if (const int version = in.U8(); version != kHeaderVersion) {
      return DataLossError("index header: unknown version " + std::to_string(version));
    }
    header->index_version_ = in.U8();
    THANOS_RETURN_IF_ERROR(CheckServed(header->index_version_));
    const uint64_t lists_end = in.Be64();
    const uint64_t trailer_at = bytes.size() - kTrailerBytes;
    codec::ByteReader trailer(bytes.subspan(trailer_at));
    const uint64_t symbols_at = trailer.Be64();
    const uint64_t table_at = trailer.Be64();
    if (trailer.Be32() != codec::Crc32c(bytes.subspan(trailer_at, kTrailerBytes - 4))) {
      return DataLossError("index header: checksum mismatch of its trailer");
    }
    const uint64_t toc_at = trailer_at - IndexToc::kSizeBytes;
    if (symbols_at != kSymbolsAt || table_at < symbols_at || table_at > toc_at) {
      return DataLossError("index header: sections are out of order");
    }
    const uint64_t index_bytes = lists_end + (trailer_at - table_at);
    header->index_bytes_ = index_bytes;
    if (index_bytes < lists_end) return DataLossError("index header: impossible table offset");
    THANOS_ASSIGN_OR_RETURN(header->toc_,
                            ReadIndexToc(bytes.subspan(toc_at, IndexToc::kSizeBytes), index_bytes));
    if (header->toc_.postings_table != lists_end) {
      return DataLossError("index header: contradicts the index's table of contents");
    }
    THANOS_ASSIGN_OR_RETURN(
        header->symbols_,
        SymbolTable::Open(pinned.Slice(symbols_at, table_at - symbols_at), header->index_version_,
                          header->toc_.symbols, options.symbol_sampling));
    THANOS_ASSIGN_OR_RETURN(
        header->postings_,
        PostingsTable::Open(pinned.Slice(table_at, toc_at - table_at), header->index_version_,
                            lists_end, options.postings_sampling));
    return OkStatus();
  };
  THANOS_RETURN_IF_ERROR(open().WithContext(name));
  header->file_bytes_ = pinned.size();
  return std::shared_ptr<const IndexHeader>(std::move(header));
}

Result<std::shared_ptr<const IndexHeader>> IndexHeader::OpenFile(const std::string& path,
                                                                 const Options& options) {
  THANOS_ASSIGN_OR_RETURN(auto bytes, MapFile(path));
  return Open(path, std::move(bytes), options);
}

}  // namespace thanos::block
