// A directory as a bucket. Objects are plain files, as Go Thanos' FILESYSTEM provider keeps them.
#pragma once

#include <memory>
#include <string>

#include "thanos/bucket.h"

namespace thanos::objstore {

/// Creates the directory when absent; one that cannot be made now fails the calls, not the opening.
/// Uploads go through a temporary file in the object's own
/// directory, fsync, rename, fsync of the directory: an object is whole or absent, whatever is
/// killed when. Names with "..", empty parts, or symbolic links that lead outside are refused.
Result<std::unique_ptr<Bucket>> OpenFilesystemBucket(std::string directory);

}  // namespace thanos::objstore
