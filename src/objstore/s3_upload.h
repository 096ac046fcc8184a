// Writing objects to S3: at once or in parts, never more than a few MiB of them in memory.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/executor.h"
#include "objstore/s3_client.h"
#include "thanos/bucket.h"

namespace thanos::objstore {

/// Headers that the configuration adds to requests.
struct S3ObjectHeaders {
  NameValues put;   // Of a new object: encryption, storage class, metadata.
  NameValues part;  // Of each part of it; of reads and looks too: a customer's key.
};

/// Thread-safe.
class S3Uploader {
 public:
  S3Uploader(std::shared_ptr<S3Client> client, S3ObjectHeaders headers, base::Logger logger);

  /// Content that has sections is read from them, twice where a hash must go ahead: parts run side
  /// by side. Other content is read once, a part at a time into memory, charged to the context's
  /// budget. What fails is aborted, so that no parts stay behind.
  Status Upload(const CallContext& context, const std::string& key, ByteSource& content,
                const PutOptions& options);

 private:
  struct Part;
  struct Multipart;
  Status PutSection(const CallContext& context, S3Request request, const ByteSource& content,
                    int64_t offset, int64_t length, const std::string& what, std::string* etag);
  Status UploadSections(const CallContext& context, const std::string& key,
                        const ByteSource& content, const PutOptions& options);
  Status UploadOnce(const CallContext& context, const std::string& key, ByteSource& content,
                    const PutOptions& options);
  S3Request PutRequest(const std::string& key, const PutOptions& options) const;
  Result<int64_t> PartSize(int64_t size) const;
  Status Begin(const CallContext& context, const PutOptions& options, Multipart* upload);
  Status SendPart(const CallContext& context, const Multipart& upload, const ByteSource& content,
                  int64_t offset, Part* part);
  Status Complete(const CallContext& context, const Multipart& upload);
  Status TryComplete(const CallContext& context, const Multipart& upload, const std::string& body,
                     bool* again);
  Status CheckWhole(const CallContext& context, const Multipart& upload, bool must_be_this);
  void Abort(const Multipart& upload);
  base::Executor& executor();

  const std::shared_ptr<S3Client> client_;
  const S3ObjectHeaders headers_;
  const base::Logger logger_;
  std::mutex mutex_;
  std::unique_ptr<base::Executor> executor_;  // Made under mutex_ when first needed.
};

}  // namespace thanos::objstore
