#include "bucketblocks/meta_pack.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/byte_sink.h"
#include "codec/byte_reader.h"
#include "codec/hash.h"

namespace thanos::bucketblocks {
namespace {

// "THANOSMETAPACK", version 1, a line's end; then records:
//   length of the text, 4 bytes big endian; its complement, 4 bytes; ULID, 26 characters; the text;
//   CRC32C of ULID and text, 4 bytes big endian.
constexpr std::string_view kHead = "THANOSMETAPACK1\n";
constexpr size_t kUlidBytes = 26;
constexpr size_t kRecordHeadBytes = 8 + kUlidBytes;
constexpr size_t kRecordBytesMin = kRecordHeadBytes + 4;
constexpr size_t kTextBytesMax = 64 << 20;
constexpr size_t kPackBytesMax = size_t{4} << 30;
constexpr uint64_t kGarbageBytesMin = 1 << 20;

void AppendRecord(const base::Ulid& ulid, std::string_view text, std::string* out) {
  codec::ByteWriter writer(out);
  const auto size = static_cast<uint32_t>(text.size());
  writer.Be32(size);
  writer.Be32(~size);
  const size_t begin = out->size();
  out->append(ulid.ToString()).append(text);
  writer.Be32(codec::Crc32c(codec::AsBytes(std::string_view(*out).substr(begin))));
}

// Appends at `at`, cutting off what lies behind.
Status WriteAt(const std::string& path, uint64_t at, std::string_view bytes) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, "open " + path);
  Status status;
  if (ftruncate(fd, static_cast<off_t>(at)) != 0) status = ErrnoError(errno, "cut " + path);
  for (size_t done = 0; status.ok() && done < bytes.size();) {
    const ssize_t wrote =
        pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(at + done));
    if (wrote > 0) done += static_cast<size_t>(wrote);
    if (wrote < 0 && errno != EINTR) status = ErrnoError(errno, "write " + path);
  }
  close(fd);
  return status;
}

}  // namespace

MetaPackRecord ReadMetaPackRecord(std::string_view bytes) {
  MetaPackRecord out;
  codec::ByteReader in(codec::AsBytes(bytes));
  const uint32_t size = in.Be32(), complement = in.Be32();
  if (bytes.size() < kRecordBytesMin || size != ~complement || size > kTextBytesMax ||
      size > bytes.size() - kRecordBytesMin) {
    return out;
  }
  out.bytes = kRecordBytesMin + size;
  const std::string_view body = bytes.substr(8, kUlidBytes + size);
  const auto ulid = base::Ulid::Parse(std::string(body.substr(0, kUlidBytes)));
  const uint32_t sum = codec::LoadBe32(bytes.data() + out.bytes - 4);
  if (!ulid.ok() || sum != codec::Crc32c(codec::AsBytes(body))) return out;
  out.ulid = *ulid;
  out.text = body.substr(kUlidBytes);
  out.intact = true;
  return out;
}

Result<MetaPack::Texts> MetaPack::Read(std::string* content) {
  held_.clear();
  file_bytes_ = 0;
  auto read = block::ReadFile(path_, kPackBytesMax);
  if (read.status().code() == StatusCode::kNotFound) return Texts();
  if (!read.ok()) return read.status();
  *content = *std::move(read);
  const std::string_view all = *content;
  if (!all.starts_with(kHead)) return Texts();
  file_bytes_ = kHead.size();
  std::map<base::Ulid, std::string_view> texts;
  while (file_bytes_ < all.size()) {
    const MetaPackRecord record = ReadMetaPackRecord(all.substr(file_bytes_));
    if (record.bytes == 0) break;
    file_bytes_ += record.bytes;
    if (!record.intact) continue;
    texts.erase(record.ulid);
    held_.erase(record.ulid);
    if (record.text.empty()) continue;
    texts[record.ulid] = record.text;
    held_[record.ulid] = record.bytes;
  }
  return Texts(texts.begin(), texts.end());
}

Status MetaPack::Update(const std::vector<std::pair<base::Ulid, std::string>>& added,
                        const std::function<bool(const base::Ulid& ulid)>& keep) {
  std::string bytes;
  for (auto it = held_.begin(); it != held_.end();) {
    if (keep(it->first)) {
      ++it;
      continue;
    }
    AppendRecord(it->first, "", &bytes);
    it = held_.erase(it);
  }
  uint64_t live = kHead.size();
  for (const auto& [ulid, text] : added) {
    const size_t before = bytes.size();
    AppendRecord(ulid, text, &bytes);
    held_[ulid] = bytes.size() - before;
  }
  if (bytes.empty()) return OkStatus();
  for (const auto& [ulid, size] : held_) live += size;
  const uint64_t after = file_bytes_ + bytes.size();
  if (file_bytes_ == 0 || (after > 2 * live && after - live > kGarbageBytesMin)) {
    return Rewrite(added);
  }
  THANOS_RETURN_IF_ERROR(WriteAt(path_, file_bytes_, bytes));
  file_bytes_ = after;
  return OkStatus();
}

// What is held and not added now is taken over from the old file.
Status MetaPack::Rewrite(const std::vector<std::pair<base::Ulid, std::string>>& added) {
  std::string bytes(kHead);
  std::set<base::Ulid> written;
  for (const auto& [ulid, text] : added) {
    if (!held_.contains(ulid)) continue;
    AppendRecord(ulid, text, &bytes);
    written.insert(ulid);
  }
  if (file_bytes_ > 0) {
    std::string content;
    THANOS_ASSIGN_OR_RETURN(const Texts old, MetaPack(path_).Read(&content));
    for (const auto& [ulid, text] : old) {
      if (held_.contains(ulid) && written.insert(ulid).second) AppendRecord(ulid, text, &bytes);
    }
  }
  THANOS_RETURN_IF_ERROR(block::ReplaceFile(path_, codec::AsBytes(bytes)));
  std::erase_if(held_, [&](const auto& block) { return !written.contains(block.first); });
  file_bytes_ = bytes.size();
  return OkStatus();
}

}  // namespace thanos::bucketblocks
