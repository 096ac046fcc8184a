#include "net/packing_stream.h"

#include <gtest/gtest.h>

#include "codec/compression.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::net {
namespace {

Result<std::string> Unpack(Encoding packing, std::string_view bytes) {
  return packing == Encoding::kZstd ? codec::ZstdDecompress(bytes, 64 << 20)
                                    : codec::GzipDecompress(bytes, 64 << 20);
}

TEST(Packing, IsWhatTheClientPrefers) {
  EXPECT_EQ(ChoosePacking(""), Encoding::kIdentity);
  EXPECT_EQ(ChoosePacking("identity, br"), Encoding::kIdentity);
  EXPECT_EQ(ChoosePacking("gzip"), Encoding::kGzip);
  EXPECT_EQ(ChoosePacking("GZIP"), Encoding::kGzip);
  EXPECT_EQ(ChoosePacking("gzip, deflate, br, zstd"), Encoding::kZstd);
  EXPECT_EQ(ChoosePacking("zstd;q=0.5, gzip"), Encoding::kGzip);
  EXPECT_EQ(ChoosePacking("zstd ; q=0.123,gzip;q=0.122"), Encoding::kZstd);
  EXPECT_EQ(ChoosePacking("gzip;q=0.05,zstd;q=0.1"), Encoding::kZstd);
  EXPECT_EQ(ChoosePacking("gzip;q=0, zstd;q=0.000"), Encoding::kIdentity);
  EXPECT_EQ(ChoosePacking("gzipped, zstdx"), Encoding::kIdentity);
  EXPECT_EQ(ChoosePacking(",;,gzip;q="), Encoding::kIdentity);
  EXPECT_EQ(ChoosePacking("*"), Encoding::kIdentity);
}

TEST(Packing, WhatGoesInPiecesComesOutWhole) {
  std::string body;
  for (int i = 0; i < 200'000; ++i) body += std::to_string(i * 2654435761u);
  for (const Encoding packing : {Encoding::kGzip, Encoding::kZstd}) {
    THANOS_ASSERT_OK_AND_ASSIGN(const std::string whole, Unpack(packing, Pack(packing, body)));
    EXPECT_EQ(whole, body);
    for (const size_t piece : {size_t{1} << 20, size_t{997}}) {
      const auto stream = PackingStream::Make(packing);
      std::string packed;
      for (size_t at = 0; at < body.size(); at += piece) {
        stream->Write(std::string_view(body).substr(at, piece), &packed);
      }
      stream->Finish(&packed);
      THANOS_ASSERT_OK_AND_ASSIGN(const std::string streamed, Unpack(packing, packed));
      EXPECT_EQ(streamed, body);
      EXPECT_LT(packed.size(), body.size());
    }
  }
}

TEST(Packing, NothingIsSomething) {
  for (const Encoding packing : {Encoding::kGzip, Encoding::kZstd}) {
    const auto stream = PackingStream::Make(packing);
    std::string packed;
    stream->Finish(&packed);
    THANOS_ASSERT_OK_AND_ASSIGN(const std::string plain, Unpack(packing, packed));
    EXPECT_EQ(plain, "");
  }
}

}  // namespace
}  // namespace thanos::net
