#include "sidecar/reloader.h"

#include <atomic>
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codec/compression.h"
#include "config/flags.h"
#include "fakes/fake_prometheus.h"
#include "support/temporary_directory.h"
#include "thanos/testing/status_matchers.h"

namespace thanos::sidecar {
namespace {

using ::testing::HasSubstr;

class ReloaderTest : public ::testing::Test {
 protected:
  ReloaderTest() {
    options_.watch_interval = std::chrono::milliseconds(200);
    options_.retry_interval = std::chrono::milliseconds(20);
    prometheus_.Answer("/-/reload", "");
    ::setenv("RELOADER_TEST_NAME", "from-env", 1);
    ::unsetenv("RELOADER_TEST_UNSET");
  }
  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name) + ".new") << text;
    std::filesystem::rename(Path(name) + ".new", Path(name));
  }
  std::string Read(const std::string& name) const {
    return config::ReadFileText(Path(name)).ok() ? *config::ReadFileText(Path(name)) : "";
  }
  void Start() {
    auto http = net::HttpClient::Make({});
    promclient::ClientOptions client;
    client.url = prometheus_.url();
    reloader_ = std::make_unique<Reloader>(
        options_, std::make_shared<promclient::PrometheusClient>(client, *http),
        [this](Status status) {
          std::lock_guard lock(mutex_);
          fatal_ = std::move(status);
        },
        base::Logger(), &registry_);
  }
  size_t Reloads() {
    size_t count = 0;
    for (const auto& request : prometheus_.requests()) count += request.path == "/-/reload";
    return count;
  }
  Status fatal() {
    std::lock_guard lock(mutex_);
    return fatal_;
  }
  double Metric(const std::string& name) const {
    const std::string text = registry_.Render(metrics::Format::kText);
    const size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  }
  template <typename Condition>
  static bool Eventually(Condition condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }

  const thanos::testing::TemporaryDirectory directory_;
  thanos::testing::FakePrometheus prometheus_;
  metrics::Registry registry_;
  ReloaderOptions options_;
  std::mutex mutex_;
  Status fatal_;  // Guarded by mutex_.
  std::unique_ptr<Reloader> reloader_;
};

TEST_F(ReloaderTest, ExpandsAndReloadsAtTheStartAndAtEachChange) {
  options_.config_file = Path("in.yml");
  options_.output_file = Path("out.yml");
  options_.watch_interval = std::chrono::hours(1);  // So that only the file system wakes it.
  Write("in.yml", "cluster: $(RELOADER_TEST_NAME)\n");
  Start();
  ASSERT_TRUE(Eventually([&] { return Reloads() == 1; }));
  EXPECT_EQ(Read("out.yml"), "cluster: from-env\n");
  Write("in.yml", "cluster: $(RELOADER_TEST_NAME)-2\n");
  ASSERT_TRUE(Eventually([&] { return Reloads() == 2; }));
  EXPECT_EQ(Read("out.yml"), "cluster: from-env-2\n");
  EXPECT_EQ(Metric("thanos_sidecar_reloader_last_reload_successful"), 1);
}

TEST_F(ReloaderTest, LeavesPrometheusAloneWhenNothingChanged) {
  options_.config_file = Path("in.yml");
  options_.output_file = Path("out.yml");
  Write("in.yml", "a: 1\n");
  Start();
  ASSERT_TRUE(Eventually(
      [&] { return Metric("thanos_sidecar_reloader_config_apply_operations_total") > 4; }));
  EXPECT_EQ(Reloads(), 1u);
}

TEST_F(ReloaderTest, UnpacksGzip) {
  options_.config_file = Path("in.yml.gz");
  options_.output_file = Path("out.yml");
  Write("in.yml.gz", codec::GzipCompress("a: $(RELOADER_TEST_NAME)\n", 6));
  Start();
  ASSERT_TRUE(Eventually([&] { return Reloads() == 1; }));
  EXPECT_EQ(Read("out.yml"), "a: from-env\n");
}

TEST_F(ReloaderTest, AVariableThatIsNotSetEndsTheStart) {
  options_.config_file = Path("in.yml");
  options_.output_file = Path("out.yml");
  Write("in.yml", "a: $(RELOADER_TEST_UNSET)\n");
  Start();
  ASSERT_TRUE(Eventually([&] { return !fatal().ok(); }));
  EXPECT_THAT(std::string(fatal().message()), HasSubstr("RELOADER_TEST_UNSET"));
  EXPECT_THAT(std::string(fatal().message()), HasSubstr("in.yml"));
  EXPECT_EQ(Read("out.yml"), "");
}

TEST_F(ReloaderTest, ALaterMistakeIsCountedAndNothingIsWritten) {
  options_.config_file = Path("in.yml");
  options_.output_file = Path("out.yml");
  Write("in.yml", "a: 1\n");
  Start();
  ASSERT_TRUE(Eventually([&] { return Reloads() == 1; }));
  Write("in.yml", "a: $(RELOADER_TEST_UNSET)\n");
  ASSERT_TRUE(Eventually(
      [&] { return Metric("thanos_sidecar_reloader_config_apply_operations_failed_total") > 0; }));
  EXPECT_EQ(Read("out.yml"), "a: 1\n");
  EXPECT_EQ(Metric("thanos_sidecar_reloader_config_environment_variable_expansion_errors"), 1);
  EXPECT_TRUE(fatal().ok());
}

TEST_F(ReloaderTest, RulesAreFollowedBelowTheirDirectory) {
  std::filesystem::create_directories(Path("rules/team"));
  options_.rule_dirs = {Path("rules")};
  Write("rules/team/a.yml", "one");
  Start();
  ASSERT_TRUE(Eventually([&] { return Reloads() == 1; }));
  Write("rules/team/a.yml", "two");
  ASSERT_TRUE(Eventually([&] { return Reloads() == 2; }));
  Write("rules/b.yml", "three");
  ASSERT_TRUE(Eventually([&] { return Reloads() == 3; }));
  std::filesystem::remove(Path("rules/b.yml"));
  ASSERT_TRUE(Eventually([&] { return Reloads() == 4; }));
}

TEST_F(ReloaderTest, TriesAgainUntilPrometheusTakesIt) {
  prometheus_.Answer("/-/reload", "broken", 500);
  options_.config_file = Path("in.yml");
  Write("in.yml", "a: 1\n");
  Start();
  ASSERT_TRUE(
      Eventually([&] { return Metric("thanos_sidecar_reloader_reloads_failed_total") > 3; }));
  EXPECT_EQ(Metric("thanos_sidecar_reloader_last_reload_successful"), 0);
  prometheus_.Answer("/-/reload", "");
  EXPECT_TRUE(
      Eventually([&] { return Metric("thanos_sidecar_reloader_last_reload_successful") == 1; }));
}

// A process of its own executable name, which lives until it gets SIGHUP.
class Sleeper {
 public:
  explicit Sleeper(const std::string& path) {
    std::filesystem::copy_file("/bin/sleep", path);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::signal(SIGHUP, SIG_DFL);
      ::execl(path.c_str(), path.c_str(), "60", nullptr);
      ::_exit(127);
    }
  }
  ~Sleeper() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  bool Running(const std::string& path) const {
    std::error_code ignored;
    return std::filesystem::read_symlink("/proc/" + std::to_string(pid_) + "/exe", ignored) == path;
  }
  bool EndedBySighup() const {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    return info.si_code == CLD_KILLED && info.si_status == SIGHUP;
  }

 private:
  pid_t pid_ = -1;
};

TEST_F(ReloaderTest, SignalsTheProcessByItsExecutable) {
  const std::string executable = Path("prom-" + std::to_string(::getpid()));
  Sleeper sleeper(executable);
  ASSERT_TRUE(Eventually([&] { return sleeper.Running(executable); }));
  prometheus_.Answer("/api/v1/status/runtimeinfo",
                     R"({"status":"success","data":{"reloadConfigSuccess":true,)"
                     R"("lastConfigTime":"2026-01-01T00:00:00Z"}})");
  options_.config_file = Path("in.yml");
  options_.signal_process = std::filesystem::path(executable).filename().string();
  options_.watch_interval = std::chrono::seconds(10);
  Write("in.yml", "a: 1\n");
  Start();
  ASSERT_TRUE(Eventually([&] { return sleeper.EndedBySighup(); }));
  prometheus_.Answer("/api/v1/status/runtimeinfo",
                     R"({"status":"success","data":{"reloadConfigSuccess":true,)"
                     R"("lastConfigTime":"2026-01-01T00:00:01Z"}})");
  EXPECT_TRUE(
      Eventually([&] { return Metric("thanos_sidecar_reloader_last_reload_successful") == 1; }));
}

}  // namespace
}  // namespace thanos::sidecar
