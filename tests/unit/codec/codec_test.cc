#include <random>

#include <gtest/gtest.h>

#include "codec/byte_reader.h"
#include "codec/compression.h"
#include "codec/hash.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::codec {
namespace {

using testing::StatusIs;

TEST(Crc32c, GivesTheCheckValueAndExtends) {
  EXPECT_EQ(Crc32c(AsBytes("123456789")), 0xe3069283u);
  EXPECT_EQ(Crc32cExtend(Crc32c(AsBytes("1234")), AsBytes("56789")), 0xe3069283u);
}

TEST(ByteReader, ReadsWhatTheWriterWrote) {
  std::string bytes;
  ByteWriter writer(&bytes);
  const uint64_t values[] = {0, 1, 127, 128, 300, UINT32_MAX, UINT64_MAX};
  for (const uint64_t value : values) writer.Uvarint(value);
  for (const int64_t value : {int64_t{0}, int64_t{-1}, INT64_MIN, INT64_MAX}) writer.Varint(value);
  writer.Be16(0x1234);
  writer.Be32(0xdeadbeef);
  writer.Be64(0x0123456789abcdef);
  writer.UvarintString("text");
  ByteReader reader(AsBytes(bytes));
  for (const uint64_t value : values) EXPECT_EQ(reader.Uvarint(), value);
  for (const int64_t value : {int64_t{0}, int64_t{-1}, INT64_MIN, INT64_MAX}) {
    EXPECT_EQ(reader.Varint(), value);
  }
  EXPECT_EQ(reader.Be16(), 0x1234);
  EXPECT_EQ(reader.Be32(), 0xdeadbeefu);
  EXPECT_EQ(reader.Be64(), 0x0123456789abcdefu);
  EXPECT_EQ(reader.UvarintString(), "text");
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_TRUE(reader.ok());
  reader.U8();
  EXPECT_THAT(reader.Check("thing"),
              StatusIs(StatusCode::kDataLoss, ::testing::HasSubstr("thing")));
}

TEST(ByteReader, RefusesVarintsThatDoNotFit) {
  const std::string eleven_bytes = std::string(10, '\xff') + "\x01";
  ByteReader eleven(AsBytes(eleven_bytes));
  eleven.Uvarint();
  EXPECT_FALSE(eleven.ok());
  const std::string overflow_bytes = std::string(9, '\xff') + "\x02";
  ByteReader overflow(AsBytes(overflow_bytes));
  overflow.Uvarint();
  EXPECT_FALSE(overflow.ok());
  std::string big;
  ByteWriter(&big).Uvarint(uint64_t{1} << 32);
  ByteReader narrow(AsBytes(big));
  narrow.Uvarint32();
  EXPECT_FALSE(narrow.ok());
}

TEST(Compression, RoundTripsAndKeepsToItsCap) {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919 % 1000);
  const auto check = [&](const std::string& packed, auto unpack) {
    EXPECT_THAT(unpack(packed, text.size()), testing::IsOkAndHolds(text));
    EXPECT_THAT(unpack(packed, text.size() - 1), StatusIs(StatusCode::kResourceExhausted));
    EXPECT_FALSE(unpack(packed.substr(0, packed.size() / 2), text.size()).ok());
    EXPECT_FALSE(unpack("garbage", text.size()).ok());
  };
  check(SnappyCompress(text), SnappyDecompress);
  check(GzipCompress(text, 1), GzipDecompress);
  check(ZstdCompress(text, 1), ZstdDecompress);
}

TEST(Compression, ALyingSnappyHeaderAllocatesNothing) {
  std::string bytes;
  ByteWriter(&bytes).Uvarint(3u << 30);
  bytes += "xx";
  EXPECT_THAT(SnappyDecompress(bytes, size_t{4} << 30), StatusIs(StatusCode::kDataLoss));
}

}  // namespace
}  // namespace thanos::codec
