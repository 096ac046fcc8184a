#include "net/tls_follower.h"

namespace thanos::net {
namespace {

constexpr std::chrono::seconds kLookEvery{1};

}  // namespace

Result<std::shared_ptr<TlsFollower>> TlsFollower::Open(std::vector<std::string> files, Maker make,
                                                       base::Logger logger) {
  // The stamps are taken before the files are read: what changes in between is read again.
  std::shared_ptr<TlsFollower> follower(
      new TlsFollower(std::move(files), std::move(make), std::move(logger)));
  THANOS_ASSIGN_OR_RETURN(follower->current_, follower->make_());
  return follower;
}

Result<std::shared_ptr<TlsFollower>> TlsFollower::Server(TlsServerOptions options,
                                                         base::Logger logger) {
  std::vector<std::string> files = {options.cert.file, options.key.file, options.client_ca.file};
  return Open(
      std::move(files), [options] { return TlsContext::MakeServer(options); }, std::move(logger));
}

Result<std::shared_ptr<TlsFollower>> TlsFollower::Client(TlsClientOptions options,
                                                         base::Logger logger) {
  std::vector<std::string> files = {options.cert.file, options.key.file, options.ca.file};
  return Open(
      std::move(files), [options] { return TlsContext::MakeClient(options); }, std::move(logger));
}

std::shared_ptr<const TlsContext> TlsFollower::Current() {
  std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (now - looked_at_ < kLookEvery) return current_;
  looked_at_ = now;
  if (!follower_.Changed()) return current_;
  auto next = make_();
  if (next.ok()) {
    current_ = std::move(*next);
    logger_.Info("TLS files were read again");
  } else {
    logger_.Error("TLS files changed and cannot be used, the last good ones stay",
                  {{"err", next.status()}});
  }
  return current_;
}

}  // namespace thanos::net
