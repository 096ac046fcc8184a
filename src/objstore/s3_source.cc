#include "objstore/s3_source.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include <openssl/evp.h>

#include "codec/hash.h"

namespace thanos::objstore {
namespace {

using Stream = std::unique_ptr<net::ClientStream>;

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c); });
}

// What a whole body must hash to, as far as the answer tells.
class BodyCheck {
 public:
  BodyCheck() : md5_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {}

  void Expect(const net::HttpHeaders& headers, bool etags_are_md5) {
    // "…-3" is a sum of sums of parts.
    if (const std::string_view crc = headers.Get("x-amz-checksum-crc32c"); crc.size() == 8) {
      crc32c_base64_ = crc;
    }
    const std::string_view etag = headers.Get("ETag");
    const bool keyed = headers.Get("x-amz-server-side-encryption").starts_with("aws:kms") ||
                       headers.Has("x-amz-server-side-encryption-customer-algorithm");
    if (etags_are_md5 && !keyed && etag.size() == 34 && IsHex(etag.substr(1, 32))) {
      md5_hex_ = etag.substr(1, 32);
      EVP_DigestInit_ex(md5_.get(), EVP_md5(), nullptr);
    }
  }
  void Add(std::span<const std::byte> bytes) {
    if (!crc32c_base64_.empty()) crc_ = codec::Crc32cExtend(crc_, bytes);
    if (!md5_hex_.empty()) EVP_DigestUpdate(md5_.get(), bytes.data(), bytes.size());
  }
  Status Finish() {
    if (!crc32c_base64_.empty()) {
      const char big_endian[] = {static_cast<char>(crc_ >> 24), static_cast<char>(crc_ >> 16),
                                 static_cast<char>(crc_ >> 8), static_cast<char>(crc_)};
      if (Base64Of({big_endian, 4}) != crc32c_base64_) {
        return DataLossError("body does not match its checksum crc32c");
      }
    }
    if (!md5_hex_.empty()) {
      unsigned char bytes[EVP_MAX_MD_SIZE];
      unsigned size = 0;
      EVP_DigestFinal_ex(md5_.get(), bytes, &size);
      if (codec::ToHex({reinterpret_cast<const char*>(bytes), size}) !=
          std::exchange(md5_hex_, "")) {
        return DataLossError("body does not match its ETag");
      }
    }
    return OkStatus();
  }

 private:
  std::string crc32c_base64_, md5_hex_;  // "" is not known.
  uint32_t crc_ = 0;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> md5_;
};

class S3Source : public ByteSource {
 public:
  S3Source(const CallContext& context, std::shared_ptr<S3Client> client, NameValues headers,
           std::string key, ByteRange range)
      : context_(context),
        client_(std::move(client)),
        headers_(std::move(headers)),
        key_(std::move(key)),
        what_("read " + key_),
        begin_(range.offset),
        at_(range.offset),
        end_(range.length < 0 ? -1 : range.offset + range.length) {}

  Status Begin(bool etags_are_md5) {
    const bool whole = at_ == 0 && end_ < 0;
    THANOS_RETURN_IF_ERROR(Ask());
    etag_ = stream_->headers().Get("ETag");
    if (whole) check_.Expect(stream_->headers(), etags_are_md5);
    checked_ = whole;
    return OkStatus();
  }

  Result<size_t> Read(std::span<std::byte> out) override {
    if (out.empty()) return size_t{0};
    for (;;) {
      Result<size_t> got = stream_ ? stream_->Read(out) : Result<size_t>(failure_);
      if (got.ok() && *got > 0) return Took(out, *got);
      if (got.ok() && (end_ < 0 || at_ == end_)) {
        if (std::exchange(checked_, false))
          THANOS_RETURN_IF_ERROR(check_.Finish().WithContext(what_));
        return size_t{0};
      }
      failure_ = got.ok() ? DataLossError("body ends early") : got.status();
      THANOS_RETURN_IF_ERROR(Resume());
    }
  }
  int64_t size() const override { return end_ < 0 ? -1 : end_ - begin_; }

 private:
  Result<size_t> Took(std::span<const std::byte> out, size_t got) {
    at_ += static_cast<int64_t>(got);
    if (end_ >= 0 && at_ > end_) return DataLossError(what_ + ": body is too long");
    if (checked_) check_.Add(out.first(got));
    return got;
  }

  // Goes on behind what was read. Without an end or a version there is no telling that it fits.
  Status Resume() {
    stream_.reset();
    THANOS_RETURN_IF_ERROR(context_.Check().WithContext(what_));
    const StatusCode code = failure_.code();
    const bool passing = code == StatusCode::kUnavailable || code == StatusCode::kDataLoss;
    const std::string where = what_ + " at byte " + std::to_string(at_);
    if (!passing || end_ < 0 || etag_.empty() || ++resumed_ >= client_->attempts()) {
      return failure_.WithContext(where);
    }
    THANOS_RETURN_IF_ERROR(client_->Backoff(context_, resumed_, {}).WithContext(where));
    Status status = Ask();
    if (status.code() == StatusCode::kAborted) {
      return DataLossError(where + ": the object was replaced while it was read");
    }
    return status;
  }

  // Opens [at_, end_) and holds the answer to it.
  Status Ask() {
    S3Request request;
    request.bulk = true;
    request.key = key_;
    request.headers = headers_;
    const bool ranged = at_ > 0 || end_ >= 0;
    if (ranged) {
      const std::string last = end_ < 0 ? "" : std::to_string(end_ - 1);
      request.headers.emplace_back("Range", "bytes=" + std::to_string(at_) + "-" + last);
    }
    if (!etag_.empty()) request.headers.emplace_back("If-Match", etag_);
    THANOS_ASSIGN_OR_RETURN(stream_, client_->Open(context_, request, what_));
    Status status = ranged ? CheckRange() : OkStatus();
    if (!ranged && stream_->status() != 200) {
      status = DataLossError("answer is a part that was not asked for");
    }
    if (!ranged && stream_->size() >= 0) end_ = stream_->size();
    if (!status.ok()) stream_.reset();
    return status.WithContext(what_);
  }

  Status CheckRange() {
    if (stream_->status() != 206) return DataLossError("server does not give the range asked for");
    const std::string_view text = stream_->headers().Get("Content-Range");
    THANOS_ASSIGN_OR_RETURN(const ContentRange range, ParseContentRange(text));
    // The end may be cut at the object's.
    const bool reaches = end_ < 0 || range.last == end_ - 1 ||
                         (range.last < end_ && range.total == range.last + 1 && etag_.empty());
    const bool whole_body = stream_->size() < 0 || stream_->size() == range.last - range.first + 1;
    if (range.first != at_ || !reaches || !whole_body ||
        (end_ < 0 && range.total != range.last + 1)) {
      return DataLossError("server gives another range than " + std::to_string(at_) + "-" +
                           (end_ < 0 ? "" : std::to_string(end_ - 1)) + ": " + std::string(text));
    }
    end_ = range.last + 1;
    return OkStatus();
  }

  const CallContext context_;
  const std::shared_ptr<S3Client> client_;
  const NameValues headers_;
  const std::string key_, what_;
  const int64_t begin_;
  int64_t at_, end_;  // end_ -1 until the answer tells.
  std::string etag_;
  Stream stream_;
  Status failure_;
  int resumed_ = 0;
  bool checked_ = false;
  BodyCheck check_;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> OpenS3Source(const CallContext& context,
                                                 std::shared_ptr<S3Client> client,
                                                 NameValues headers, std::string key,
                                                 ByteRange range, bool etags_are_md5) {
  auto source = std::make_unique<S3Source>(context, std::move(client), std::move(headers),
                                           std::move(key), range);
  THANOS_RETURN_IF_ERROR(source->Begin(etags_are_md5));
  return std::unique_ptr<ByteSource>(std::move(source));
}

}  // namespace thanos::objstore
