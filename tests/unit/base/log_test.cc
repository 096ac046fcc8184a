#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/journal.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::base {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using thanos::testing::StatusIs;

std::string Logged(const std::function<void()>& write) {
  ::testing::internal::CaptureStderr();
  write();
  return ::testing::internal::GetCapturedStderr();
}

TEST(LoggerTest, WritesLogfmtInGosOrder) {
  const Logger logger = Logger(LogLevel::kInfo, LogFormat::kLogfmt).With({{"name", "x y"}});
  EXPECT_THAT(Logged([&] { logger.Info("done", {{"n", 3}, {"err", "a=\"b\"\n"}}); }),
              MatchesRegex("ts=[0-9]+-[0-9]+-[0-9]+T[0-9:.]+Z caller=log_test[.]cc:[0-9]+ "
                           "level=info msg=done name=\"x y\" n=3 err=\"a=.\"b.\".n\"\n"));
}

TEST(LoggerTest, WritesJsonInOneLine) {
  const Logger logger(LogLevel::kInfo, LogFormat::kJson);
  EXPECT_THAT(Logged([&] { logger.Error("bad", {{"err", "x\ny"}}); }),
              MatchesRegex("[{]\"ts\":\"[^\"]+\",\"caller\":\"log_test[.]cc:[0-9]+\","
                           "\"level\":\"error\",\"msg\":\"bad\",\"err\":\"x.ny\"[}]\n"));
}

TEST(LoggerTest, LeavesOutWhatIsBelowItsLevel) {
  const Logger logger(LogLevel::kWarn, LogFormat::kLogfmt);
  EXPECT_EQ(Logged([&] { logger.Info("no"); }), "");
  EXPECT_THAT(Logged([&] { logger.Warn("yes"); }), HasSubstr("level=warn msg=yes"));
  EXPECT_EQ(Logged([] { Logger().Error("nowhere"); }), "");
}

TEST(LoggerTest, CutsLongValues) {
  const Logger logger(LogLevel::kInfo, LogFormat::kLogfmt);
  const std::string line = Logged([&] { logger.Info("m", {{"v", std::string(100'000, 'x')}}); });
  EXPECT_LT(line.size(), 5000u);
  EXPECT_THAT(line, HasSubstr("x... (100000 bytes)"));
}

TEST(JournalTest, SendsItsNativeProtocol) {
  const thanos::testing::TemporaryDirectory directory;
  const std::string path = directory.path() + "/journal";
  const int server = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  THANOS_ASSERT_OK_AND_ASSIGN(const auto journal, Journal::Open(path));
  const auto receive = [&] {
    char buffer[4096];
    const ssize_t size = ::recv(server, buffer, sizeof(buffer), 0);
    return std::string(buffer, static_cast<size_t>(std::max<ssize_t>(size, 0)));
  };
  journal->Send(LogLevel::kWarn, "watch out", {{"block.id", "01A"}, {"text", "a\nb"}});
  using std::string_literals::operator""s;
  EXPECT_EQ(receive(),
            "THANOS_BLOCK_ID=01A\nTHANOS_TEXT\n\3\0\0\0\0\0\0\0a\nb\nMESSAGE=watch out\n"
            "PRIORITY=4\n"s);
  journal->Send(LogLevel::kError, "", {{"err", "broken"}});
  EXPECT_EQ(receive(), "THANOS_ERR=broken\nMESSAGE=broken\nPRIORITY=3\n");
  const Logger logger(LogLevel::kInfo, journal);
  logger.Info("hello", {{"n", 1}});
  EXPECT_THAT(receive(), MatchesRegex("THANOS_CALLER=log_test[.]cc:[0-9]+\nTHANOS_N=1\n"
                                      "MESSAGE=hello\nPRIORITY=6\n"));
  ::close(server);
}

TEST(JournalTest, IsNotThereWhenNobodyListens) {
  EXPECT_THAT(Journal::Open("/no/such/socket"),
              StatusIs(StatusCode::kUnavailable, HasSubstr("journal is not available")));
}

}  // namespace
}  // namespace thanos::base
