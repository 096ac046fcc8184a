// What S3 answers, read out of its XML.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "objstore/s3_sign.h"
#include "thanos/bucket.h"
#include "thanos/status.h"

namespace thanos::objstore {

/// <Error>. All empty when the answer was none.
struct S3Error {
  std::string code, message, region, endpoint, request_id;
};
S3Error ParseS3Error(std::string_view xml);

struct S3ListedObject {
  std::string name;  // Ends in '/' for a common prefix, which has no attributes.
  ObjectAttributes attributes;
  bool is_prefix = false;
};

/// A page of a listing: objects and common prefixes in ascending order.
struct S3Page {
  std::vector<S3ListedObject> entries;
  bool truncated = false;
  std::string next;  // Token or marker of the next page; set when truncated.
};
/// kDataLoss for what is not a whole page of a listing.
Result<S3Page> ParseS3Page(std::string_view xml, bool version1);

Result<std::string> ParseUploadId(std::string_view xml);
/// Of CompleteMultipartUpload and CopyObject, which may say 200 and mean an error: `root` is the
/// element that success has. An error comes in `*error`.
Status ParseLateResult(std::string_view xml, std::string_view root, S3Error* error);
/// Region of GetBucketLocation: "" is us-east-1, "EU" eu-west-1.
Result<std::string> ParseLocation(std::string_view xml);

struct ExpiringCredentials {
  S3Credentials keys;
  int64_t expires_ms = 0;  // Since the epoch; 0 is never.
};
/// Of STS' AssumeRoleWithWebIdentity.
Result<ExpiringCredentials> ParseStsCredentials(std::string_view xml);
/// JSON of the metadata services of EC2 and ECS.
Result<ExpiringCredentials> ParseMetadataCredentials(std::string_view json);

/// `Content-Range: bytes a-b/total`; total -1 for '*'. For "bytes */total" first is -1.
struct ContentRange {
  int64_t first = -1, last = -1, total = -1;
};
Result<ContentRange> ParseContentRange(std::string_view text);

}  // namespace thanos::objstore
