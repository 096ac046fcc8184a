#include "objstore/s3_upload.h"

#include <algorithm>
#include <cctype>

#include <openssl/evp.h>

#include "codec/hash.h"
#include "objstore/byte_sources.h"
#include "objstore/s3_answers.h"
#include "objstore/xml.h"

namespace thanos::objstore {
namespace {

constexpr int64_t kPartBytesMin = 5 << 20;       // S3's own, but for the last part.
constexpr int64_t kPartBytesDefault = 16 << 20;  // Where part_size is 0, and of unknown sizes.
constexpr int64_t kPartsMax = 10000;             // S3's own.
constexpr size_t kPartsAtOnce = 4;               // As Go's client.
constexpr size_t kReadBytes = 256 << 10;
constexpr std::chrono::seconds kAbortTimeout{10};

std::string_view View(const unsigned char* bytes, unsigned size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

struct Digests {
  std::string md5_base64, sha256_hex;
};

// Reads all of `source`. MD5 and SHA-256 as asked.
Result<Digests> DigestsOf(const CallContext& context, ByteSource& source, int64_t length, bool md5,
                          bool sha256) {
  using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
  Context md5_context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  Context sha256_context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(md5_context.get(), EVP_md5(), nullptr);
  EVP_DigestInit_ex(sha256_context.get(), EVP_sha256(), nullptr);
  std::vector<std::byte> piece(
      static_cast<size_t>(std::clamp<int64_t>(length, 1, int64_t{kReadBytes})));
  int64_t seen = 0;
  for (;;) {
    THANOS_RETURN_IF_ERROR(context.Check());
    THANOS_ASSIGN_OR_RETURN(const size_t got, source.Read(piece));
    if (got == 0) break;
    if (md5) EVP_DigestUpdate(md5_context.get(), piece.data(), got);
    if (sha256) EVP_DigestUpdate(sha256_context.get(), piece.data(), got);
    seen += static_cast<int64_t>(got);
  }
  if (seen != length) {
    return DataLossError("content ends at " + std::to_string(seen) + " of " +
                         std::to_string(length) + " bytes");
  }
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  Digests out;
  EVP_DigestFinal_ex(md5_context.get(), bytes, &size);
  if (md5) out.md5_base64 = Base64Of(View(bytes, size));
  EVP_DigestFinal_ex(sha256_context.get(), bytes, &size);
  if (sha256) out.sha256_hex = codec::ToHex(View(bytes, size));
  return out;
}

std::string WithoutQuotes(std::string_view etag) {
  if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"')) {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

// The ETag that S3 gives an object of these parts: MD5 of their MD5 sums, and their number. "" when
// a part's is no MD5.
std::string EtagOfParts(const std::vector<std::string>& etags) {
  std::string sums;
  for (const std::string& etag : etags) {
    if (etag.size() != 32 ||
        !std::all_of(etag.begin(), etag.end(), [](unsigned char c) { return std::isxdigit(c); })) {
      return "";
    }
    for (size_t i = 0; i < 32; i += 2) {
      sums += static_cast<char>(std::stoi(etag.substr(i, 2), nullptr, 16));
    }
  }
  const auto md5 = codec::Md5(sums);
  return codec::ToHex(View(md5.data(), md5.size())) + "-" + std::to_string(etags.size());
}

// `content` up to `most` bytes; fewer only at its end.
Result<std::string> ReadUpTo(ByteSource& content, size_t most) {
  std::string out;
  while (out.size() < most) {
    const size_t before = out.size();
    out.resize(std::min(most, before + kReadBytes));
    THANOS_ASSIGN_OR_RETURN(const size_t got,
                            content.Read(std::as_writable_bytes(std::span(out).subspan(before))));
    out.resize(before + got);
    if (got == 0) break;
  }
  return out;
}

}  // namespace

struct S3Uploader::Part {
  int number = 0;
  int64_t bytes = 0;
  std::string etag;  // Once it is there.
};

struct S3Uploader::Multipart {
  std::string key, id;
  int64_t size = 0;
  std::vector<Part> parts;
};

S3Uploader::S3Uploader(std::shared_ptr<S3Client> client, S3ObjectHeaders headers,
                       base::Logger logger)
    : client_(std::move(client)), headers_(std::move(headers)), logger_(std::move(logger)) {}

base::Executor& S3Uploader::executor() {
  std::lock_guard lock(mutex_);
  // The caller's thread is one more.
  if (!executor_) executor_ = std::make_unique<base::Executor>("s3-upload", kPartsAtOnce - 1);
  return *executor_;
}

Status S3Uploader::Upload(const CallContext& context, const std::string& key, ByteSource& content,
                          const PutOptions& options) {
  const bool sections = content.size() >= 0 && content.Section(0, 0).ok();
  Status status = sections ? UploadSections(context, key, content, options)
                           : UploadOnce(context, key, content, options);
  return status.WithContext("upload " + key);
}

S3Request S3Uploader::PutRequest(const std::string& key, const PutOptions& options) const {
  S3Request request;
  request.method = "PUT";
  request.bulk = true;
  request.key = key;
  request.headers = headers_.put;
  request.headers.emplace_back("Content-Type", options.content_type.empty()
                                                   ? "application/octet-stream"
                                                   : options.content_type);
  return request;
}

// A PUT of a section, whose hashes go ahead of it.
Status S3Uploader::PutSection(const CallContext& context, S3Request request,
                              const ByteSource& content, int64_t offset, int64_t length,
                              const std::string& what, std::string* etag) {
  const bool md5 = client_->config().send_content_md5;
  const bool sha256 = client_->config().insecure;
  if (md5 || sha256) {
    THANOS_ASSIGN_OR_RETURN(const auto section, content.Section(offset, length));
    THANOS_ASSIGN_OR_RETURN(Digests digests, DigestsOf(context, *section, length, md5, sha256));
    request.payload_hash = std::move(digests.sha256_hex);
    if (md5) request.headers.emplace_back("Content-MD5", std::move(digests.md5_base64));
  }
  request.open_body = [&content, offset, length] { return content.Section(offset, length); };
  THANOS_ASSIGN_OR_RETURN(const net::ClientResponse answer, client_->Do(context, request, what));
  *etag = WithoutQuotes(answer.headers.Get("ETag"));
  return OkStatus();
}

Result<int64_t> S3Uploader::PartSize(int64_t size) const {
  const auto configured =
      static_cast<int64_t>(std::min<uint64_t>(client_->config().part_size, uint64_t{5} << 30));
  int64_t part = configured == 0 ? kPartBytesDefault : configured;
  if (client_->config().disable_multipart || size <= part) return std::max<int64_t>(size, 1);
  if (part < kPartBytesMin) {
    return InvalidArgumentError("part_size of " + std::to_string(part) +
                                " bytes is below the 5 MiB that S3 takes");
  }
  const int64_t least = (size + kPartsMax - 1) / kPartsMax;
  return std::max(part, (least + (1 << 20) - 1) >> 20 << 20);
}

Status S3Uploader::UploadSections(const CallContext& context, const std::string& key,
                                  const ByteSource& content, const PutOptions& options) {
  const int64_t size = content.size();
  THANOS_ASSIGN_OR_RETURN(const int64_t part_size, PartSize(size));
  if (size <= part_size) {
    std::string etag;
    return PutSection(context, PutRequest(key, options), content, 0, size, "PUT", &etag);
  }
  Multipart upload;
  upload.key = key;
  upload.size = size;
  for (int64_t offset = 0; offset < size; offset += part_size) {
    upload.parts.push_back(
        {static_cast<int>(upload.parts.size() + 1), std::min(part_size, size - offset), ""});
  }
  THANOS_RETURN_IF_ERROR(Begin(context, options, &upload));
  const CallContext all = context.WithCancel();
  Status status = base::ParallelFor(&executor(), upload.parts.size(), [&](size_t i) -> Status {
    Status sent =
        SendPart(all, upload, content, static_cast<int64_t>(i) * part_size, &upload.parts[i]);
    if (!sent.ok()) all.Cancel(sent);  // The others need not go on.
    return sent;
  });
  if (status.ok()) status = Complete(context, upload);
  if (!status.ok()) Abort(upload);
  return status;
}

// Content that comes once: what is sent must be kept until it has arrived.
Status S3Uploader::UploadOnce(const CallContext& context, const std::string& key,
                              ByteSource& content, const PutOptions& options) {
  const int64_t known = content.size();
  const S3Config& config = client_->config();
  int64_t most = kPartBytesDefault;
  if (known >= 0) {
    THANOS_ASSIGN_OR_RETURN(const int64_t part, PartSize(known));
    const int64_t least = (known + kPartsMax - 1) / kPartsMax;
    most = config.disable_multipart ? part : std::max(std::min(part, most), least);
  }
  // One byte more tells whether there is more.
  THANOS_ASSIGN_OR_RETURN(const BudgetLease lease,
                          BudgetLease::Take(context.budget(), static_cast<size_t>(most) + 1));
  THANOS_ASSIGN_OR_RETURN(std::string bytes, ReadUpTo(content, static_cast<size_t>(most) + 1));
  Multipart upload;
  upload.key = key;
  if (std::ssize(bytes) <= most) {
    if (known >= 0 && std::ssize(bytes) != known) {
      return DataLossError("content ends at " + std::to_string(bytes.size()) + " of " +
                           std::to_string(known) + " bytes");
    }
    const int64_t size = std::ssize(bytes);
    const auto memory = MemorySource(std::move(bytes));
    std::string etag;
    return PutSection(context, PutRequest(key, options), *memory, 0, size, "PUT", &etag);
  }
  if (config.disable_multipart) {
    return FailedPreconditionError("content of unknown size passes " + std::to_string(most) +
                                   " bytes, and disable_multipart is set");
  }
  THANOS_RETURN_IF_ERROR(Begin(context, options, &upload));
  const auto send_all = [&]() -> Status {
    while (!bytes.empty()) {
      if (std::ssize(upload.parts) == kPartsMax) {
        return ResourceExhaustedError("content of unknown size passes " +
                                      std::to_string(kPartsMax) + " parts of " +
                                      std::to_string(most) + " bytes");
      }
      const int64_t part_bytes = std::min<int64_t>(std::ssize(bytes), most);
      std::string rest = bytes.substr(static_cast<size_t>(part_bytes));
      bytes.resize(static_cast<size_t>(part_bytes));
      const auto memory = MemorySource(std::move(bytes));
      Part part{static_cast<int>(upload.parts.size() + 1), part_bytes, ""};
      THANOS_RETURN_IF_ERROR(SendPart(context, upload, *memory, 0, &part));
      upload.size += part_bytes;
      upload.parts.push_back(std::move(part));
      bytes = std::move(rest);
      THANOS_ASSIGN_OR_RETURN(const std::string more,
                              ReadUpTo(content, static_cast<size_t>(most) + 1 - bytes.size()));
      bytes += more;
    }
    return OkStatus();
  };
  Status status = send_all();
  if (status.ok() && known >= 0 && upload.size != known) {
    status = DataLossError("content ends at " + std::to_string(upload.size) + " of " +
                           std::to_string(known) + " bytes");
  }
  if (status.ok()) status = Complete(context, upload);
  if (!status.ok()) Abort(upload);
  return status;
}

Status S3Uploader::Begin(const CallContext& context, const PutOptions& options, Multipart* upload) {
  S3Request request = PutRequest(upload->key, options);
  request.method = "POST";
  request.bulk = false;
  request.query = {{"uploads", ""}};
  THANOS_ASSIGN_OR_RETURN(const net::ClientResponse answer,
                          client_->Do(context, request, "begin multipart upload"));
  auto id = ParseUploadId(answer.body);
  if (!id.ok()) return id.status().WithContext("begin multipart upload");
  upload->id = *std::move(id);
  return OkStatus();
}

Status S3Uploader::SendPart(const CallContext& context, const Multipart& upload,
                            const ByteSource& content, int64_t offset, Part* part) {
  S3Request request;
  request.method = "PUT";
  request.bulk = true;
  request.key = upload.key;
  request.query = {{"partNumber", std::to_string(part->number)}, {"uploadId", upload.id}};
  request.headers = headers_.part;
  const std::string what = "part " + std::to_string(part->number);
  THANOS_RETURN_IF_ERROR(
      PutSection(context, std::move(request), content, offset, part->bytes, what, &part->etag));
  if (part->etag.empty()) return DataLossError(what + ": answer has no ETag");
  return OkStatus();
}

Status S3Uploader::Complete(const CallContext& context, const Multipart& upload) {
  std::string body = "<CompleteMultipartUpload>";
  for (const Part& part : upload.parts) {
    body += "<Part><PartNumber>" + std::to_string(part.number) + "</PartNumber><ETag>&quot;" +
            XmlEscape(part.etag) + "&quot;</ETag></Part>";
  }
  body += "</CompleteMultipartUpload>";
  for (int attempt = 1;; ++attempt) {
    bool again = false;
    Status status = TryComplete(context, upload, body, &again);
    if (status.ok()) return CheckWhole(context, upload, false);
    // The answer may have been lost after the fact.
    if (CheckWhole(context, upload, true).ok()) return OkStatus();
    if (!again || attempt >= client_->attempts()) return status;
    THANOS_RETURN_IF_ERROR(client_->Backoff(context, attempt, {}));
  }
}

Status S3Uploader::TryComplete(const CallContext& context, const Multipart& upload,
                               const std::string& body, bool* again) {
  S3Request request;
  request.method = "POST";
  request.key = upload.key;
  request.query = {{"uploadId", upload.id}};
  request.headers = headers_.part;
  request.headers.emplace_back("Content-Type", "application/xml");
  request.body = body;
  const std::string what = "complete multipart upload";
  THANOS_ASSIGN_OR_RETURN(const net::ClientResponse answer, client_->Do(context, request, what));
  S3Error error;
  THANOS_RETURN_IF_ERROR(
      ParseLateResult(answer.body, "CompleteMultipartUploadResult", &error).WithContext(what));
  if (error.code.empty()) return OkStatus();
  Status status = StatusOfS3Error(answer.status, error, what, false);
  *again = status.code() == StatusCode::kUnavailable;
  return status;
}

// That the object is there, in its size; `must_be_this`: and that it is made of these parts.
Status S3Uploader::CheckWhole(const CallContext& context, const Multipart& upload,
                              bool must_be_this) {
  S3Request request;
  request.method = "HEAD";
  request.key = upload.key;
  request.headers = headers_.part;
  THANOS_ASSIGN_OR_RETURN(const net::ClientResponse answer,
                          client_->Do(context, request, "check the upload"));
  if (answer.headers.Get("Content-Length") != std::to_string(upload.size)) {
    return DataLossError("object has " + std::string(answer.headers.Get("Content-Length")) +
                         " bytes instead of " + std::to_string(upload.size));
  }
  if (!must_be_this) return OkStatus();
  std::vector<std::string> etags;
  for (const Part& part : upload.parts) etags.push_back(part.etag);
  const std::string wanted = EtagOfParts(etags);
  if (wanted.empty() || WithoutQuotes(answer.headers.Get("ETag")) != wanted) {
    return DataLossError("object is another one");
  }
  return OkStatus();
}

// Under a context of its own: the upload's is often what ended.
void S3Uploader::Abort(const Multipart& upload) {
  S3Request request;
  request.method = "DELETE";
  request.key = upload.key;
  request.query = {{"uploadId", upload.id}};
  const auto answer =
      client_->Do(CallContext().WithTimeout(kAbortTimeout), request, "abort multipart upload");
  if (!answer.ok()) {
    logger_.Warn("parts of a failed upload stay in the bucket",
                 {{"object", upload.key}, {"upload", upload.id}, {"err", answer.status()}});
  }
}

}  // namespace thanos::objstore
