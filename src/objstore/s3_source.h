// Reading an object of S3 from front to end.
#pragma once

#include <memory>
#include <string>

#include "objstore/s3_client.h"
#include "thanos/bucket.h"

namespace thanos::objstore {

/// The object or a part of it; range.length is not 0. The answer's Content-Range must be what was
/// asked. A body that breaks off is taken up where it ended, of the same version of the object, as
/// often as the client's attempts allow. A body read whole is checked against a checksum that came
/// along, with `etags_are_md5` against its ETag too: kDataLoss at its end when it differs.
Result<std::unique_ptr<ByteSource>> OpenS3Source(const CallContext& context,
                                                 std::shared_ptr<S3Client> client,
                                                 NameValues headers, std::string key,
                                                 ByteRange range, bool etags_are_md5);

}  // namespace thanos::objstore
