#include "bucketblocks/meta_pack.h"

#include <filesystem>
#include <fstream>
#include <map>

#include <gtest/gtest.h>

#include "support/temporary_directory.h"
#include "support/vectors.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::bucketblocks {
namespace {

using Texts = std::map<std::string, std::string>;

base::Ulid Id(int n) {
  std::string text = "01JC00000000000000000000";
  text += static_cast<char>('0' + n / 10);
  text += static_cast<char>('0' + n % 10);
  return *base::Ulid::Parse(text);
}

class MetaPackTest : public ::testing::Test {
 protected:
  static Texts TextsOf(MetaPack& pack) {
    std::string content;
    const auto texts = pack.Read(&content);
    EXPECT_THAT(texts, testing::IsOk());
    Texts out;
    if (!texts.ok()) return out;
    for (const auto& [ulid, text] : *texts) out[ulid.ToString()] = text;
    return out;
  }
  Texts Read() const {
    MetaPack pack(path());
    return TextsOf(pack);
  }
  // Adds one, and keeps what `keep` says.
  void Update(int n, const std::string& text, const std::function<bool(const base::Ulid&)>& keep) {
    MetaPack pack(path());
    TextsOf(pack);
    THANOS_ASSERT_OK(pack.Update({{Id(n), text}}, keep));
  }
  static bool All(const base::Ulid&) { return true; }
  void Spoil(const std::string& bytes) { std::ofstream(path(), std::ios::binary) << bytes; }

  std::string path() const { return directory_.path() + "/pack"; }
  testing::TemporaryDirectory directory_;
};

TEST_F(MetaPackTest, KeepsTheNewestTextsOfWhatIsThere) {
  EXPECT_TRUE(Read().empty());
  Update(1, "one", All);
  Update(2, "two", All);
  Update(1, "uno", All);
  EXPECT_EQ(Read(), (Texts{{Id(1).ToString(), "uno"}, {Id(2).ToString(), "two"}}));
  Update(3, "three", [](const base::Ulid& ulid) { return ulid != Id(2); });
  EXPECT_EQ(Read(), (Texts{{Id(1).ToString(), "uno"}, {Id(3).ToString(), "three"}}));
}

TEST_F(MetaPackTest, OneWriterGoesOnWithoutReadingAgain) {
  MetaPack pack(path());
  TextsOf(pack);
  for (int n = 0; n < 20; ++n) THANOS_ASSERT_OK(pack.Update({{Id(n), "text"}}, All));
  THANOS_ASSERT_OK(pack.Update({}, [](const base::Ulid& ulid) { return ulid == Id(7); }));
  EXPECT_EQ(Read(), (Texts{{Id(7).ToString(), "text"}}));
}

TEST_F(MetaPackTest, IsRewrittenWhenMostOfItIsOfNoUse) {
  MetaPack pack(path());
  TextsOf(pack);
  const std::string large(300 << 10, 'x');
  for (int n = 0; n < 10; ++n) THANOS_ASSERT_OK(pack.Update({{Id(n), large}}, All));
  EXPECT_GT(std::filesystem::file_size(path()), 10 * large.size());
  THANOS_ASSERT_OK(pack.Update(
      {{Id(50), "new"}}, [](const base::Ulid& ulid) { return ulid == Id(3) || ulid == Id(50); }));
  EXPECT_LT(std::filesystem::file_size(path()), 2 * large.size());
  EXPECT_EQ(Read(), (Texts{{Id(3).ToString(), large}, {Id(50).ToString(), "new"}}));
}

TEST_F(MetaPackTest, NoFlippedBitAndNoTornEndGivesAnotherText) {
  Texts good;
  for (int n = 1; n <= 3; ++n) {
    good[Id(n).ToString()] = "{\"block\":" + std::to_string(n) + "}";
    Update(n, good[Id(n).ToString()], All);
  }
  const std::string bytes = testing::ReadWholeFile(path());
  const auto expect_part = [&](const Texts& texts) {
    for (const auto& [id, text] : texts) {
      ASSERT_TRUE(good.contains(id));
      ASSERT_EQ(good[id], text);
    }
  };
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string bent = bytes;
    bent[bit / 8] = static_cast<char>(bent[bit / 8] ^ (1 << bit % 8));
    Spoil(bent);
    expect_part(Read());
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    Spoil(bytes.substr(0, size));
    expect_part(Read());
    Update(9, "after", All);  // Whatever was torn, what is added stands.
    good[Id(9).ToString()] = "after";
    const Texts texts = Read();
    EXPECT_EQ(texts.at(Id(9).ToString()), "after") << size;
    expect_part(texts);
    good.erase(Id(9).ToString());
  }
}

}  // namespace
}  // namespace thanos::bucketblocks
