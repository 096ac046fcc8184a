// Common sources and sinks of object bytes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/pinned_bytes.h"
#include "thanos/bucket.h"

namespace thanos::objstore {

/// Bytes in memory, owned.
std::unique_ptr<ByteSource> MemorySource(std::string bytes);
/// A local file, read in order; refuses when it changes its size meanwhile.
Result<std::unique_ptr<ByteSource>> OpenFileSource(const std::string& path);

/// Everything, at most `bytes_max`, else kResourceExhausted naming the object.
Result<std::string> ReadAll(ByteSource& source, std::string_view name, size_t bytes_max);
Result<std::string> ReadObject(const CallContext& context, Bucket& bucket, std::string_view name,
                               size_t bytes_max);
/// Whole object to a file. Not fsynced: it is a copy. The file is removed on an error.
Status DownloadToFile(const CallContext& context, Bucket& bucket, std::string_view name,
                      const std::string& path);

/// False when absent; other errors as they are.
Result<bool> Exists(const CallContext& context, Bucket& bucket, std::string_view name);

/// Ranged reads of one immutable object of known size. `bucket` must outlive the reader.
std::shared_ptr<base::RangeReader> MakeObjectReader(Bucket* bucket, std::string name,
                                                    uint64_t size);

}  // namespace thanos::objstore
