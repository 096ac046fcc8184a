// Malformed HTTP/1.1 and HTTP/2 input: well-formed messages of which something is made wrong, and
// noise. The same seed makes the same bytes.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace thanos::faults {

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}
  virtual ~Generator() = default;
  virtual std::string Next() = 0;

 protected:
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool OneIn(uint64_t count) { return Below(count) == 0; }
  template <size_t N>
  std::string Pick(const std::string_view (&choices)[N]) {
    return std::string(choices[Below(N)]);
  }
  /// Mostly the first, which is right, so that what is wrong elsewhere is reached.
  template <size_t N>
  std::string PickMostlyFirst(const std::string_view (&choices)[N]) {
    return OneIn(6) ? Pick(choices) : std::string(choices[0]);
  }
  std::string Noise(size_t size_max) {
    std::string bytes(Below(size_max + 1), '\0');
    for (char& c : bytes) c = static_cast<char>(random_());
    return bytes;
  }
  /// Flips, drops, doubles or inserts a few bytes.
  std::string Damage(std::string bytes) {
    for (uint64_t i = Below(4); i > 0 && !bytes.empty(); --i) {
      const size_t at = Below(bytes.size());
      switch (Below(4)) {
        case 0:
          bytes[at] = static_cast<char>(random_());
          break;
        case 1:
          bytes.erase(at, 1 + Below(8));
          break;
        case 2:
          bytes.insert(at, bytes.substr(at, 1 + Below(16)));
          break;
        default:
          bytes.insert(at, Noise(8));
      }
    }
    return bytes;
  }

 private:
  std::mt19937_64 random_;
};

class Http1Generator : public Generator {
 public:
  using Generator::Generator;

  std::string Next() override {
    if (OneIn(10)) return Noise(4096);
    std::string request = RequestLine() + Fields() + PickMostlyFirst(kBreaks) + Body();
    return OneIn(3) ? Damage(std::move(request)) : request;
  }

 private:
  static constexpr std::string_view kMethods[] = {"GET", "POST", "HEAD",  "OPTIONS", "PUT",  "BREW",
                                                  "",    "get",  "G\tET", "CONNECT", "TRACE"};
  static constexpr std::string_view kTargets[] = {"/hello",
                                                  "/",
                                                  "",
                                                  "*",
                                                  "http://other/hello",
                                                  "http://",
                                                  "/%zz",
                                                  "/%00",
                                                  "/\0x",
                                                  "//../../etc/passwd",
                                                  "/hello?query=%zz&a=1;b=2",
                                                  "/hello#x",
                                                  "\\hello",
                                                  "/..%2f..%2f",
                                                  "?"};
  static constexpr std::string_view kVersions[] = {"HTTP/1.1", "HTTP/1.0",   "HTTP/2.0", "HTTP/9.9",
                                                   "http/1.1", "HTTP/1.1 x", "",         "HTTP/1"};
  static constexpr std::string_view kFields[] = {"Host: x",
                                                 "Host: x\r\nHost: y",
                                                 "Content-Length: 5",
                                                 "Content-Length: -5",
                                                 "Content-Length: 99999999999999999999",
                                                 "Content-Length: 3\r\nContent-Length: 9",
                                                 "Content-Length: 5, 5",
                                                 "Content-Length: 0x5",
                                                 "Transfer-Encoding: chunked",
                                                 "Transfer-Encoding: gzip, chunked",
                                                 "Transfer-Encoding: chunked, identity",
                                                 "Transfer-Encoding : chunked",
                                                 "Expect: 100-continue",
                                                 "Expect: something",
                                                 "Connection: close",
                                                 "Connection: keep-alive, upgrade",
                                                 "Upgrade: h2c",
                                                 " folded: x",
                                                 "No colon here",
                                                 ": no name",
                                                 "Accept-Encoding: gzip;q=9999999",
                                                 "Authorization: Basic ====",
                                                 "Content-Type: multipart/form-data; boundary=",
                                                 "Content-Encoding: gzip",
                                                 "Content-Type: application/x-www-form-urlencoded",
                                                 "X-Request-ID: \x01\x02",
                                                 "Range: bytes=9-1"};
  static constexpr std::string_view kBreaks[] = {"\r\n", "\n", "\r", "\r\r\n", ""};
  static constexpr std::string_view kBodies[] = {"",
                                                 "hello",
                                                 "5\r\nhello\r\n0\r\n\r\n",
                                                 "zzz\r\n",
                                                 "-1\r\nx",
                                                 "ffffffffffffffff\r\n",
                                                 "5;ext=\"\r\nhello\r\n0\r\n",
                                                 "5\nhello\n0\n\n",
                                                 "0\r\nTrailer: x\r\n\r\n",
                                                 "GET /hello HTTP/1.1\r\n\r\n",
                                                 "query=%&%%%25",
                                                 "--\r\nContent-Disposition: form-data\r\n"};

  std::string RequestLine() {
    return PickMostlyFirst(kMethods) + " " + PickMostlyFirst(kTargets) + (OneIn(20) ? "" : " ") +
           PickMostlyFirst(kVersions) + PickMostlyFirst(kBreaks);
  }
  std::string Fields() {
    std::string fields;
    for (uint64_t i = Below(4); i > 0; --i) fields += Pick(kFields) + PickMostlyFirst(kBreaks);
    if (OneIn(40)) fields += "X-Long: " + std::string(70'000, 'x') + "\r\n";
    if (OneIn(40)) {
      for (int i = 0; i < 200; ++i) fields += "X-" + std::to_string(i) + ": y\r\n";
    }
    return fields;
  }
  std::string Body() { return OneIn(10) ? Noise(2048) : Pick(kBodies); }
};

class Http2Generator : public Generator {
 public:
  using Generator::Generator;

  std::string Next() override {
    if (OneIn(10)) return Noise(4096);
    std::string bytes = OneIn(20) ? Pick(kPrefaces) : std::string(kPreface);
    if (!OneIn(10)) bytes += Frame(4, 0, 0, "");
    for (uint64_t i = 1 + Below(8); i > 0; --i) bytes += AnyFrame();
    return OneIn(2) ? bytes : Damage(std::move(bytes));
  }

 private:
  static constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  static constexpr std::string_view kPrefaces[] = {"PRI * HT", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
                                                   "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""};
  // Header blocks of literals without indexing: names and values that matter to gRPC.
  static constexpr std::string_view kNames[] = {":method",
                                                ":path",
                                                ":scheme",
                                                ":authority",
                                                "content-type",
                                                "te",
                                                "grpc-timeout",
                                                "grpc-encoding",
                                                "grpc-accept-encoding",
                                                "user-agent",
                                                "grpclb_client_stats",
                                                "x-bin",
                                                "UPPER",
                                                "",
                                                "grpc-status",
                                                "connection",
                                                "thanos-tenant",
                                                ":unknown"};
  static constexpr std::string_view kValues[] = {"POST",
                                                 "GET",
                                                 "/thanos.Store/Series",
                                                 "/grpc.health.v1.Health/Check",
                                                 "/nope",
                                                 "",
                                                 "application/grpc",
                                                 "trailers",
                                                 "bad",
                                                 "1S",
                                                 "99999999999999H",
                                                 "-1S",
                                                 "gzip",
                                                 "snappy",
                                                 "identity",
                                                 "https",
                                                 "x\r\ny",
                                                 "!!not base64!!"};

  static std::string Number(uint64_t value, int bytes) {
    std::string text;
    for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i) & 0xFF);
    return text;
  }
  std::string Frame(int type, int flags, uint32_t stream, const std::string& payload) {
    // Now and then the length says something else.
    const uint64_t size = OneIn(12) ? Below(1 << 24) : payload.size();
    return Number(size, 3) + static_cast<char>(type) + static_cast<char>(flags) +
           Number(stream, 4) + payload;
  }
  std::string Text(const std::string& text) { return static_cast<char>(text.size() & 0x7F) + text; }
  std::string HeaderBlock() {
    if (OneIn(5)) return Noise(300);
    std::string block;
    if (OneIn(2)) {  // A good call first.
      for (const auto& [name, value] :
           {std::pair(":method", "POST"), std::pair(":scheme", "http"),
            std::pair(":path", "/grpc.health.v1.Health/Check"), std::pair(":authority", "a"),
            std::pair("content-type", "application/grpc"), std::pair("te", "trailers")}) {
        block += std::string(1, '\0') + Text(name) + Text(value);
      }
    }
    for (uint64_t i = Below(6); i > 0; --i) {
      static constexpr std::string_view kForms[] = {std::string_view("\0", 1), "\x10", "\x40"};
      block += Pick(kForms) + Text(Pick(kNames)) + Text(Pick(kValues));
    }
    if (OneIn(6)) block += "\x3f\xe1\xff\xff\xff\x7f";  // A table size beyond all limits.
    if (OneIn(6)) block += "\xff\xff\xff\xff\xff\xff\x0f";
    if (OneIn(20))
      block += std::string(1, '\0') + Text("x") + "\x7f\x81\x40" + std::string(9000, 'v');
    return block;
  }
  std::string Message() {
    if (OneIn(3)) return Noise(200);
    static constexpr uint64_t kSizes[] = {0, 1, 5, 0x7FFFFFFF, 0xFFFFFFFF};
    const std::string body = Noise(40);
    const uint64_t size = OneIn(3) ? kSizes[Below(5)] : body.size();
    return static_cast<char>(Below(3)) + Number(size, 4) + body;
  }
  uint32_t Stream() {
    static constexpr uint32_t kStreams[] = {0, 1, 1, 1, 3, 2, 5, 0x7FFFFFFF, 0x80000001};
    return kStreams[Below(9)];
  }
  std::string AnyFrame() {
    switch (Below(11)) {
      case 0:
        return Frame(0, static_cast<int>(Below(16)), Stream(), Message());
      case 1:
      case 2:
        return Frame(1, static_cast<int>(Below(64)) | 4, Stream(), HeaderBlock());
      case 3:
        return Frame(2, 0, Stream(), Noise(10));
      case 4:
        return Frame(3, 0, Stream(), Number(Below(20), 4));
      case 5:
        return Frame(4, static_cast<int>(Below(3)), OneIn(4) ? Stream() : 0,
                     Number(Below(9), 2) + Number(Below(1ull << 32), 4) + Noise(3));
      case 6:
        return Frame(6, static_cast<int>(Below(3)), 0, OneIn(4) ? Noise(12) : std::string(8, 'p'));
      case 7:
        return Frame(7, 0, 0, Number(Below(100), 4) + Number(Below(20), 4) + Noise(20));
      case 8:
        return Frame(8, 0, Stream(), Number(Below(1ull << 32), OneIn(5) ? 3 : 4));
      case 9: {
        std::string all;
        for (int i = 0; i < 30; ++i) all += Frame(9, i == 29 ? 4 : 0, 1, HeaderBlock());
        return Frame(1, 0, 1, HeaderBlock()) + all;
      }
      default: {
        // Streams that are opened and reset at once.
        std::string all;
        for (uint32_t i = 0; i < 40; ++i) {
          all += Frame(1, 4, 2 * i + 1, HeaderBlock()) + Frame(3, 0, 2 * i + 1, Number(8, 4));
        }
        return all + Frame(static_cast<int>(Below(256)), static_cast<int>(Below(256)), Stream(),
                           Noise(100));
      }
    }
  }
};

}  // namespace thanos::faults
