#include "net/tls_steps.h"

#include <algorithm>
#include <climits>
#include <csignal>

#include <openssl/err.h>
#include <openssl/x509.h>

namespace thanos::net {
namespace {

TlsStep StepOf(SSL* ssl, int result) {
  switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_NONE:
      return TlsStep::kDone;
    case SSL_ERROR_WANT_READ:
      return TlsStep::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      return TlsStep::kWantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return TlsStep::kClosed;
    default:
      return TlsStep::kFailed;
  }
}

}  // namespace

void BlockSigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

TlsStep TlsRead(SSL* ssl, void* data, size_t size, size_t* bytes) {
  ERR_clear_error();
  const int wanted = static_cast<int>(std::min<size_t>(size, INT_MAX));
  const int got = SSL_read(ssl, data, wanted);
  if (got > 0) *bytes = static_cast<size_t>(got);
  return StepOf(ssl, got);
}

TlsStep TlsWrite(SSL* ssl, const void* data, size_t size, size_t* bytes) {
  *bytes = 0;
  if (size == 0) return TlsStep::kDone;
  ERR_clear_error();
  const int wanted = static_cast<int>(std::min<size_t>(size, INT_MAX));
  const int sent = SSL_write(ssl, data, wanted);
  if (sent > 0) *bytes = static_cast<size_t>(sent);
  return StepOf(ssl, sent);
}

TlsStep TlsHandshake(SSL* ssl, std::string* problem) {
  ERR_clear_error();
  const TlsStep step = StepOf(ssl, SSL_do_handshake(ssl));
  if (step == TlsStep::kFailed || step == TlsStep::kClosed) {
    const long verdict = SSL_get_verify_result(ssl);
    const bool any = ERR_peek_error() != 0;
    *problem = any ? TlsErrorText() : "connection closed by peer";
    if (verdict != X509_V_OK) {
      *problem += std::string(": ") + X509_verify_cert_error_string(verdict);
    }
  }
  return step;
}

}  // namespace thanos::net
