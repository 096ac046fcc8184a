// TLS as both ports and the gRPC clients use it: what may be configured, and contexts made of it.
// Names of versions, cipher suites and curves are Go's, since they come from Go's configuration.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/ssl.h>

#include "thanos/status.h"

namespace thanos::net {

struct PeerSubject;

/// "TLS12" (web configuration) or "1.2" (flags) as OpenSSL's number.
Result<int> ParseTlsVersion(std::string_view text);

/// A certificate or key: inline PEM, or a file that is read again when it changes. Neither is
/// "none", both is an error of whoever reads the configuration.
struct PemSource {
  std::string pem, file;
  bool given() const { return !pem.empty() || !file.empty(); }
  /// The text; the error names the file.
  Result<std::string> Read() const;
};

enum class ClientAuth : uint8_t {
  kNone,             // NoClientCert
  kRequest,          // RequestClientCert: asked for, anything is taken.
  kRequireAny,       // RequireAnyClientCert, RequireClientCert
  kVerifyIfGiven,    // VerifyClientCertIfGiven
  kRequireAndVerify  // RequireAndVerifyClientCert
};

struct TlsServerOptions {
  PemSource cert, key, client_ca;
  ClientAuth client_auth = ClientAuth::kNone;
  /// When set, the client's certificate must carry one of these as DNS, e-mail, IP or URI name.
  std::vector<std::string> client_allowed_sans;
  int min_version = TLS1_2_VERSION, max_version = TLS1_3_VERSION;
  std::vector<std::string> ciphers;  // Of TLS 1.2 and below; empty is the library's choice.
  std::vector<std::string> curves;   // CurveP256, CurveP384, CurveP521, X25519.
  bool prefer_server_ciphers = true;
  std::string protocol;  // ALPN: "http/1.1" or "h2".
};

struct TlsClientOptions {
  PemSource cert, key, ca;  // Without `ca`, the system's authorities.
  std::string server_name;  // "" is the host that is dialled.
  bool skip_verify = false;
  int min_version = TLS1_2_VERSION, max_version = TLS1_3_VERSION;
  std::string protocol;
};

struct SslDelete {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslDelete>;

/// One side's certificates and rules as they were when it was made. Immutable, thread-safe.
class TlsContext {
 public:
  /// kInvalidArgument names what is wrong: the file, the key that does not fit, the cipher.
  static Result<std::shared_ptr<const TlsContext>> MakeServer(const TlsServerOptions& options);
  static Result<std::shared_ptr<const TlsContext>> MakeClient(const TlsClientOptions& options);

  /// A server's side of a connection over `fd`, which stays the caller's.
  Result<SslPtr> Accept(int fd) const;
  /// A client's side; `host` is what was dialled: verified and sent unless `server_name` is set.
  Result<SslPtr> Connect(int fd, const std::string& host) const;
  /// After the handshake: whether the peer's certificate carries an allowed name.
  Status CheckPeer(SSL* ssl) const;

 private:
  struct ContextDelete {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  TlsContext() = default;
  std::unique_ptr<SSL_CTX, ContextDelete> context_;
  std::vector<std::string> allowed_sans_;
  std::string server_name_;
  std::string protocols_;  // ALPN's wire form.
  bool verify_host_ = false;
};

/// The peer's names in the subject of its certificate; null when it showed none.
std::shared_ptr<const PeerSubject> SubjectOfPeer(SSL* ssl);

/// What OpenSSL put into this thread's error queue, which is emptied: "wrong version number".
std::string TlsErrorText();

}  // namespace thanos::net
