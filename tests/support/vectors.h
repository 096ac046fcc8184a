// Reading the vectors and fixtures that lie beside the repository, where they are present.
//   THANOS_SKIP_WITHOUT_SHARED("conformance/vectors/labels.jsonl");
//   for (const nlohmann::json& row : ReadJsonLines(SharedPath("conformance/vectors/labels.jsonl")))
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace thanos::testing {

inline std::string SharedPath(const std::string& path) {
  return std::string(THANOS_SHARED_DIR) + "/" + path;
}

#define THANOS_SKIP_WITHOUT_SHARED(path)                               \
  if (!std::filesystem::exists(::thanos::testing::SharedPath(path))) { \
    GTEST_SKIP() << "../shared/" << path << " is absent: skipped";     \
  }

inline std::string ReadWholeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<nlohmann::json> ReadJsonLines(const std::string& path) {
  std::ifstream file(path);
  std::vector<nlohmann::json> rows;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) rows.push_back(nlohmann::json::parse(line));
  }
  EXPECT_FALSE(rows.empty()) << path;
  return rows;
}

inline std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

inline std::string ToHex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[c & 15];
  }
  return hex;
}

/// A JSON string, or {"hex": "..."} where the text is not UTF-8.
inline std::string TextOf(const nlohmann::json& value) {
  if (value.is_object()) return FromHex(value.at("hex").get<std::string>());
  return value.get<std::string>();
}

/// A float64 from 16 hex digits.
inline double FromBits(const std::string& hex) {
  return __builtin_bit_cast(double, static_cast<uint64_t>(std::stoull(hex, nullptr, 16)));
}

}  // namespace thanos::testing
