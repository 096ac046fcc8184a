#include "bucketblocks/file_hash.h"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <openssl/evp.h>

#include "codec/hash.h"
#include "objstore/byte_sources.h"

namespace thanos::bucketblocks {

Result<std::string> Sha256OfFile(const std::string& path) {
  THANOS_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, objstore::OpenFileSource(path));
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr);
  std::vector<std::byte> piece(256 << 10);
  for (;;) {
    THANOS_ASSIGN_OR_RETURN(const size_t size, source->Read(piece));
    if (size == 0) break;
    EVP_DigestUpdate(digest.get(), piece.data(), size);
  }
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(digest.get(), bytes, &size);
  return codec::ToHex(std::span<const uint8_t>(bytes, size));
}

}  // namespace thanos::bucketblocks
