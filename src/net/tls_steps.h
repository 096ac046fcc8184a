// OpenSSL on a non-blocking descriptor: one call, and what is to be waited for. For who has sockets
// of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "net/tls.h"

namespace thanos::net {

/// What a step of OpenSSL ended with.
enum class TlsStep : uint8_t { kDone, kWantRead, kWantWrite, kClosed, kFailed };

/// Calls SSL_read, SSL_write or SSL_do_handshake and says what is to be waited for. `*bytes` is
/// what was moved.
TlsStep TlsRead(SSL* ssl, void* data, size_t size, size_t* bytes);
TlsStep TlsWrite(SSL* ssl, const void* data, size_t size, size_t* bytes);
/// `*problem` says why a handshake failed; it is "http request" when the peer speaks no TLS.
TlsStep TlsHandshake(SSL* ssl, std::string* problem);

/// For threads that call these: OpenSSL writes to sockets in a way that may raise SIGPIPE, which is
/// kept from them. The write fails all the same.
void BlockSigpipe();

}  // namespace thanos::net
