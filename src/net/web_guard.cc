#include "net/web_guard.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include <crypt.h>

#include "codec/hash.h"
#include "config/flags.h"

namespace thanos::net {
namespace {

// Of no password that anybody knows. An unknown user costs the same time as a known one.
constexpr char kNobody[] = "$2b$10$abcdefghijklmnopqrstuuvfNbLDWeSgGRRMqD6ZpqDYwGLOoMGWq";
constexpr size_t kPasswordBytesMax = 72;  // bcrypt reads no more.

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

bool BcryptMatches(std::string password, const std::string& hash) {
  // A zero byte would end the password early.
  if (password.find('\0') != std::string::npos) return false;
  if (password.size() > kPasswordBytesMax) password.resize(kPasswordBytesMax);
  const auto data = std::make_unique<crypt_data>();  // 32 KiB, zeroed.
  const char* computed = ::crypt_r(password.c_str(), hash.c_str(), data.get());
  return computed != nullptr && EqualInConstantTime(computed, hash);
}

int Base64Digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool DecodeBase64(std::string_view text, std::string* out) {
  if (text.size() % 4 != 0) return false;
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  text.remove_suffix(padding);
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    const int digit = Base64Digit(c);
    if (digit < 0) return false;
    bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xFFFFFF;
    if ((count += 6) < 8) continue;
    count -= 8;
    out->push_back(static_cast<char>(bits >> count & 0xFF));
  }
  return true;
}

std::string RandomSalt() {
  std::random_device random;
  std::string salt;
  for (int i = 0; i < 8; ++i) salt += std::to_string(random());
  return salt;
}

}  // namespace

bool ParseBasicAuth(std::string_view header, std::string* user, std::string* password) {
  constexpr std::string_view kScheme = "Basic ";
  if (header.size() < kScheme.size() ||
      !EqualsIgnoringCase(header.substr(0, kScheme.size()), kScheme)) {
    return false;
  }
  std::string pair;
  if (!DecodeBase64(header.substr(kScheme.size()), &pair)) return false;
  const size_t colon = pair.find(':');
  if (colon == std::string::npos) return false;
  *user = pair.substr(0, colon);
  *password = pair.substr(colon + 1);
  return true;
}

size_t WebGuard::DigestHash::operator()(const Digest& digest) const {
  size_t value = 0;
  std::memcpy(&value, digest.data(), sizeof(value));
  return value;
}

void WebGuard::Known::Add(const Digest& digest, std::minstd_rand* random) {
  if (index_.contains(digest)) return;
  size_t at = entries_.size();
  if (at >= kMax) {
    at = (*random)() % kMax;
    index_.erase(entries_[at]);
    entries_[at] = digest;
  } else {
    entries_.push_back(digest);
  }
  index_[digest] = at;
}

WebGuard::WebGuard(std::string path, base::Logger logger)
    : path_(std::move(path)), logger_(std::move(logger)), salt_(RandomSalt()) {}

Result<std::unique_ptr<WebGuard>> WebGuard::Open(const std::string& path, base::Logger logger) {
  std::unique_ptr<WebGuard> guard(new WebGuard(path, std::move(logger)));
  THANOS_ASSIGN_OR_RETURN(guard->state_, guard->Load(&guard->follower_));
  guard->has_tls_ = guard->state_->tls != nullptr;
  guard->tokens_ = static_cast<double>(guard->state_->config.rate_burst);
  guard->watch_ = std::make_unique<base::PeriodicTask>(
      "web-config", std::chrono::seconds(1), [raw = guard.get()] { raw->Refresh(); }, false);
  return guard;
}

// The follower is set up before the files are read: what changes in between is read again.
Result<std::shared_ptr<const WebGuard::State>> WebGuard::Load(FileFollower* follower) const {
  *follower = FileFollower({path_});
  const auto in_file = [&](const Status& status) {
    return InvalidArgumentError("web configuration " + path_ + ": " +
                                std::string(status.message()));
  };
  Result<std::string> text = config::ReadFileText(path_);
  if (!text.ok()) return in_file(text.status());
  const std::string directory = std::filesystem::path(path_).parent_path().string();
  Result<WebConfig> config = ParseWebConfig(*text, directory.empty() ? "." : directory);
  if (!config.ok()) return in_file(config.status());
  auto state = std::make_shared<State>();
  if (config->tls) {
    *follower = FileFollower(
        {path_, config->tls->cert.file, config->tls->key.file, config->tls->client_ca.file});
    auto tls = TlsContext::MakeServer(*config->tls);
    if (!tls.ok()) return in_file(tls.status());
    state->tls = std::move(*tls);
  }
  state->headers = std::make_shared<const Headers>(config->headers);
  state->config = std::move(*config);
  return std::shared_ptr<const State>(std::move(state));
}

void WebGuard::Refresh() {
  if (!follower_.Changed()) return;
  FileFollower follower;
  auto next = Load(&follower);
  // Also after a failure, where the file may name others: what it names now is followed.
  follower_ = std::move(follower);
  Status problem = next.status();
  if (next.ok() && ((*next)->tls != nullptr) != has_tls_) {
    problem = FailedPreconditionError("web configuration " + path_ +
                                      ": TLS is switched on or off by a restart only");
  }
  if (!problem.ok()) {
    logger_.Error("web configuration changed and cannot be used, the last good one stays",
                  {{"err", problem}});
    return;
  }
  {
    std::lock_guard lock(mutex_);
    state_ = std::move(*next);
  }
  logger_.Info("web configuration was read again", {{"file", path_}});
}

std::shared_ptr<const WebGuard::State> WebGuard::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

std::shared_ptr<const TlsContext> WebGuard::tls() const { return state()->tls; }

std::shared_ptr<const WebGuard::Headers> WebGuard::headers() const { return state()->headers; }

// A bucket of `rate_burst` tokens that gains one per interval. With mutex_ held.
bool WebGuard::TakeToken(const WebConfig& config) {
  if (config.rate_interval_ns <= 0) return true;
  const auto now = std::chrono::steady_clock::now();
  const double gained = std::chrono::duration<double, std::nano>(now - tokens_at_).count() /
                        static_cast<double>(config.rate_interval_ns);
  tokens_ = std::min(static_cast<double>(config.rate_burst), tokens_ + gained);
  tokens_at_ = now;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

WebGuard::Digest WebGuard::DigestOf(std::string_view user, std::string_view hash,
                                    std::string_view password) const {
  // Sizes in front, so that no two triples read the same.
  std::string text = salt_ + std::to_string(user.size()) + ":" + std::string(user) +
                     std::to_string(password.size()) + ":" + std::string(password);
  text += hash;
  return codec::Sha256(text);
}

WebGuard::Verdict WebGuard::Check(std::string_view authorization) {
  std::lock_guard lock(mutex_);
  const WebConfig& config = state_->config;
  if (!TakeToken(config)) return Verdict::kTooMany;
  if (config.users.empty()) return Verdict::kPass;
  std::string user, password;
  if (!ParseBasicAuth(authorization, &user, &password)) return Verdict::kUnauthorized;
  const auto found = config.users.find(user);
  const Digest digest =
      DigestOf(user, found == config.users.end() ? kNobody : found->second, password);
  if (good_.Has(digest)) return Verdict::kPass;
  return bad_.Has(digest) ? Verdict::kUnauthorized : Verdict::kAsk;
}

bool WebGuard::Verify(std::string_view authorization) {
  std::string user, password;
  if (!ParseBasicAuth(authorization, &user, &password)) return false;
  const std::shared_ptr<const State> state = this->state();
  const auto found = state->config.users.find(user);
  const bool known = found != state->config.users.end();
  const std::string hash = known ? found->second : kNobody;
  const Digest digest = DigestOf(user, hash, password);
  {
    // Many may have asked for the same while the first was computed.
    std::lock_guard lock(mutex_);
    if (good_.Has(digest)) return true;
    if (bad_.Has(digest)) return false;
  }
  const bool matches = BcryptMatches(password, hash) && known;
  std::lock_guard lock(mutex_);
  (matches ? good_ : bad_).Add(digest, &random_);
  return matches;
}

}  // namespace thanos::net
