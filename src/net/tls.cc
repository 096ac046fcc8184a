#include "net/tls.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "net/http_types.h"

namespace thanos::net {
namespace {

constexpr int kPemBytesMax = 4 << 20;

struct BioDelete {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioDelete>;
struct X509Delete {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using X509Ptr = std::unique_ptr<X509, X509Delete>;
struct KeyDelete {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, KeyDelete>;

std::string NameOf(const PemSource& source, std::string_view what) {
  return source.file.empty() ? "inline " + std::string(what)
                             : std::string(what) + " " + source.file;
}

// No prompt on the terminal for a key that has a passphrase: it is refused.
int NoPassphrase(char*, int, int, void*) { return 0; }

Result<BioPtr> OpenPem(const PemSource& source) {
  THANOS_ASSIGN_OR_RETURN(const std::string text, source.Read());
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || BIO_write(bio.get(), text.data(), static_cast<int>(text.size())) !=
                  static_cast<int>(text.size())) {
    return InternalError("out of memory for a certificate");
  }
  return bio;
}

Result<std::vector<X509Ptr>> ReadCertificates(const PemSource& source, std::string_view what) {
  THANOS_ASSIGN_OR_RETURN(const BioPtr bio, OpenPem(source));
  std::vector<X509Ptr> certificates;
  for (;;) {
    X509Ptr next(PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr));
    if (!next) break;
    certificates.push_back(std::move(next));
  }
  // The end of the text is told apart from a bad certificate in it.
  const unsigned long last = ERR_peek_last_error();
  const bool at_end = ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  const std::string problem = TlsErrorText();
  if (certificates.empty() || !at_end) {
    return InvalidArgumentError(NameOf(source, what) + ": " +
                                (at_end ? "no PEM certificate in it" : problem));
  }
  return certificates;
}

Status UsePair(SSL_CTX* context, const PemSource& cert, const PemSource& key) {
  THANOS_ASSIGN_OR_RETURN(std::vector<X509Ptr> chain, ReadCertificates(cert, "certificate"));
  THANOS_ASSIGN_OR_RETURN(const BioPtr bio, OpenPem(key));
  const KeyPtr private_key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (!private_key) return InvalidArgumentError(NameOf(key, "key") + ": " + TlsErrorText());
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1) {
    return InvalidArgumentError(NameOf(cert, "certificate") + ": " + TlsErrorText());
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) {
      return InvalidArgumentError(NameOf(cert, "certificate") + ": " + TlsErrorText());
    }
  }
  if (SSL_CTX_use_PrivateKey(context, private_key.get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return InvalidArgumentError(NameOf(key, "key") + " does not belong to " +
                                NameOf(cert, "certificate") + ": " + TlsErrorText());
  }
  return OkStatus();
}

Status TrustAuthorities(SSL_CTX* context, const PemSource& source, bool announce) {
  THANOS_ASSIGN_OR_RETURN(const std::vector<X509Ptr> authorities,
                          ReadCertificates(source, "CA certificate"));
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const X509Ptr& authority : authorities) {
    if (X509_STORE_add_cert(store, authority.get()) != 1 ||
        (announce && SSL_CTX_add_client_CA(context, authority.get()) != 1)) {
      return InvalidArgumentError(NameOf(source, "CA certificate") + ": " + TlsErrorText());
    }
  }
  return OkStatus();
}

Status SetVersions(SSL_CTX* context, int min_version, int max_version) {
  if (min_version > max_version) {
    return InvalidArgumentError("the lowest TLS version is above the highest");
  }
  // Below 1.2 OpenSSL wants to be told that its usual level of security is given up.
  if (min_version < TLS1_2_VERSION) SSL_CTX_set_security_level(context, 0);
  if (SSL_CTX_set_min_proto_version(context, min_version) != 1 ||
      SSL_CTX_set_max_proto_version(context, max_version) != 1) {
    return InvalidArgumentError("TLS version is not supported: " + TlsErrorText());
  }
  return OkStatus();
}

// Go's names are the IANA's, but for the two oldest of ChaCha20.
Status SetCiphers(SSL_CTX* context, const std::vector<std::string>& names) {
  if (names.empty()) return OkStatus();
  const std::string usual = "DEFAULT";
  if (SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0") != 1) {
    return InternalError("cipher suites: " + TlsErrorText());
  }
  const STACK_OF(SSL_CIPHER)* all = SSL_CTX_get_ciphers(context);
  std::string chosen;
  for (const std::string& name : names) {
    const char* found = nullptr;
    for (int i = 0; i < sk_SSL_CIPHER_num(all) && found == nullptr; ++i) {
      const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(all, i);
      const std::string_view standard = SSL_CIPHER_standard_name(cipher);
      if (standard == name || standard == name + "_SHA256") found = SSL_CIPHER_get_name(cipher);
    }
    if (found == nullptr) return InvalidArgumentError("unknown cipher: " + name);
    // Those of TLS 1.3 have a list of their own, which as in Go is not for choosing.
    if (std::string_view(found).starts_with("TLS_")) continue;
    chosen += (chosen.empty() ? "" : ":") + std::string(found);
  }
  if (SSL_CTX_set_cipher_list(context, chosen.empty() ? usual.c_str() : chosen.c_str()) != 1) {
    return InvalidArgumentError("cipher suites: " + TlsErrorText());
  }
  return OkStatus();
}

Status SetCurves(SSL_CTX* context, const std::vector<std::string>& names) {
  static constexpr std::pair<std::string_view, std::string_view> kKnown[] = {
      {"CurveP256", "P-256"}, {"CurveP384", "P-384"}, {"CurveP521", "P-521"}, {"X25519", "X25519"}};
  std::string list;
  for (const std::string& name : names) {
    const auto* known = std::find_if(std::begin(kKnown), std::end(kKnown),
                                     [&](const auto& entry) { return entry.first == name; });
    if (known == std::end(kKnown)) return InvalidArgumentError("unknown curve: " + name);
    list += (list.empty() ? "" : ":") + std::string(known->second);
  }
  if (list.empty()) return OkStatus();
  if (SSL_CTX_set1_groups_list(context, list.c_str()) != 1) {
    return InvalidArgumentError("curves: " + TlsErrorText());
  }
  return OkStatus();
}

int TakeAnyCertificate(int, X509_STORE_CTX*) { return 1; }

void SetClientAuth(SSL_CTX* context, ClientAuth auth) {
  switch (auth) {
    case ClientAuth::kNone:
      return SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    case ClientAuth::kRequest:
      return SSL_CTX_set_verify(context, SSL_VERIFY_PEER, TakeAnyCertificate);
    case ClientAuth::kRequireAny:
      return SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                                TakeAnyCertificate);
    case ClientAuth::kVerifyIfGiven:
      return SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    case ClientAuth::kRequireAndVerify:
      return SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                                nullptr);
  }
}

// A client that offers only protocols that we do not speak is let in all the same, as without ALPN.
int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* out_size,
                   const unsigned char* offered, unsigned offered_size, void* wanted) {
  const auto* own = static_cast<const std::string*>(wanted);
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(own->data()),
                            static_cast<unsigned>(own->size()), offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

std::string WireForm(const std::string& protocol) {
  if (protocol.empty()) return "";
  return std::string(1, static_cast<char>(protocol.size())) + protocol;
}

void SetCommon(SSL_CTX* context) {
  SSL_CTX_set_default_passwd_cb(context, NoPassphrase);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                   SSL_OP_IGNORE_UNEXPECTED_EOF);
  // No session outlives its connection, so that each one is judged by today's certificates.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
}

bool IsAddress(const std::string& host) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

std::string SanText(const GENERAL_NAME& name) {
  int type = 0;
  const void* value = GENERAL_NAME_get0_value(&name, &type);
  if (type == GEN_DNS || type == GEN_EMAIL || type == GEN_URI) {
    const auto* text = static_cast<const ASN1_STRING*>(value);
    return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                       static_cast<size_t>(ASN1_STRING_length(text)));
  }
  if (type != GEN_IPADD) return "";
  const auto* address = static_cast<const ASN1_STRING*>(value);
  char text[INET6_ADDRSTRLEN];
  const int family = ASN1_STRING_length(address) == 4 ? AF_INET : AF_INET6;
  if (ASN1_STRING_length(address) != 4 && ASN1_STRING_length(address) != 16) return "";
  return ::inet_ntop(family, ASN1_STRING_get0_data(address), text, sizeof(text)) ? text : "";
}

}  // namespace

Result<int> ParseTlsVersion(std::string_view text) {
  static constexpr std::pair<std::string_view, int> kKnown[] = {
      {"TLS10", TLS1_VERSION},   {"TLS11", TLS1_1_VERSION}, {"TLS12", TLS1_2_VERSION},
      {"TLS13", TLS1_3_VERSION}, {"1.0", TLS1_VERSION},     {"1.1", TLS1_1_VERSION},
      {"1.2", TLS1_2_VERSION},   {"1.3", TLS1_3_VERSION}};
  for (const auto& [name, version] : kKnown) {
    if (name == text) return version;
  }
  return InvalidArgumentError("unknown TLS version: " + std::string(text));
}

Result<std::string> PemSource::Read() const {
  if (!pem.empty()) return pem;
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in) return InvalidArgumentError(file + ": " + std::strerror(errno ? errno : EIO));
  std::string read = std::move(text).str();
  if (read.size() > kPemBytesMax) return InvalidArgumentError(file + ": is too large for PEM");
  return read;
}

std::string TlsErrorText() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

Result<std::shared_ptr<const TlsContext>> TlsContext::MakeServer(const TlsServerOptions& options) {
  auto made = std::shared_ptr<TlsContext>(new TlsContext());
  made->context_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = made->context_.get();
  if (context == nullptr) return InternalError("TLS: " + TlsErrorText());
  ERR_clear_error();
  SetCommon(context);
  if (options.prefer_server_ciphers) {
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  }
  THANOS_RETURN_IF_ERROR(SetVersions(context, options.min_version, options.max_version));
  THANOS_RETURN_IF_ERROR(SetCiphers(context, options.ciphers));
  THANOS_RETURN_IF_ERROR(SetCurves(context, options.curves));
  THANOS_RETURN_IF_ERROR(UsePair(context, options.cert, options.key));
  if (options.client_ca.given()) {
    THANOS_RETURN_IF_ERROR(TrustAuthorities(context, options.client_ca, true));
  } else if (SSL_CTX_set_default_verify_paths(context) != 1) {
    return InternalError("the system's CA certificates: " + TlsErrorText());
  }
  SetClientAuth(context, options.client_auth);
  made->allowed_sans_ = options.client_allowed_sans;
  made->protocols_ = WireForm(options.protocol);
  if (!made->protocols_.empty()) {
    SSL_CTX_set_alpn_select_cb(context, ChooseProtocol, &made->protocols_);
  }
  return std::shared_ptr<const TlsContext>(std::move(made));
}

Result<std::shared_ptr<const TlsContext>> TlsContext::MakeClient(const TlsClientOptions& options) {
  auto made = std::shared_ptr<TlsContext>(new TlsContext());
  made->context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = made->context_.get();
  if (context == nullptr) return InternalError("TLS: " + TlsErrorText());
  ERR_clear_error();
  SetCommon(context);
  THANOS_RETURN_IF_ERROR(SetVersions(context, options.min_version, options.max_version));
  if (options.cert.given() != options.key.given()) {
    return InvalidArgumentError("both client certificate and key must be given, or neither");
  }
  if (options.cert.given()) {
    THANOS_RETURN_IF_ERROR(UsePair(context, options.cert, options.key));
  }
  if (options.ca.given()) {
    THANOS_RETURN_IF_ERROR(TrustAuthorities(context, options.ca, false));
  } else if (!options.skip_verify && SSL_CTX_set_default_verify_paths(context) != 1) {
    return InternalError("the system's CA certificates: " + TlsErrorText());
  }
  SSL_CTX_set_verify(context, options.skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  made->verify_host_ = !options.skip_verify;
  made->server_name_ = options.server_name;
  made->protocols_ = WireForm(options.protocol);
  return std::shared_ptr<const TlsContext>(std::move(made));
}

Result<SslPtr> TlsContext::Accept(int fd) const {
  SslPtr ssl(SSL_new(context_.get()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return InternalError("TLS: " + TlsErrorText());
  SSL_set_accept_state(ssl.get());
  return ssl;
}

Result<SslPtr> TlsContext::Connect(int fd, const std::string& host) const {
  SslPtr ssl(SSL_new(context_.get()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return InternalError("TLS: " + TlsErrorText());
  SSL_set_connect_state(ssl.get());
  const std::string& name = server_name_.empty() ? host : server_name_;
  const bool address = IsAddress(name);
  if (!address) SSL_set_tlsext_host_name(ssl.get(), name.c_str());
  if (verify_host_) {
    X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl.get());
    X509_VERIFY_PARAM_set_hostflags(
        parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    const int set = address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str())
                            : X509_VERIFY_PARAM_set1_host(parameters, name.data(), name.size());
    if (set != 1) return InvalidArgumentError("TLS: bad server name " + name);
  }
  if (!protocols_.empty()) {
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(protocols_.data()),
                        static_cast<unsigned>(protocols_.size()));
  }
  return ssl;
}

std::shared_ptr<const PeerSubject> SubjectOfPeer(SSL* ssl) {
  const X509Ptr certificate(SSL_get1_peer_certificate(ssl));
  if (!certificate) return nullptr;
  const auto entry = [&](int nid) {
    X509_NAME* subject = X509_get_subject_name(certificate.get());
    const int at = X509_NAME_get_index_by_NID(subject, nid, -1);
    if (at < 0) return std::string();
    unsigned char* text = nullptr;
    const int size =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size < 0) return std::string();
    std::string out(reinterpret_cast<const char*>(text), static_cast<size_t>(size));
    OPENSSL_free(text);
    return out;
  };
  return std::make_shared<const PeerSubject>(PeerSubject{
      entry(NID_organizationName), entry(NID_organizationalUnitName), entry(NID_commonName)});
}

Status TlsContext::CheckPeer(SSL* ssl) const {
  if (allowed_sans_.empty()) return OkStatus();
  const X509Ptr certificate(SSL_get1_peer_certificate(ssl));
  if (!certificate) return OkStatus();  // Whether one is needed was decided in the handshake.
  struct NamesDelete {
    void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  };
  const std::unique_ptr<GENERAL_NAMES, NamesDelete> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const std::string text = SanText(*sk_GENERAL_NAME_value(names.get(), i));
    if (std::find(allowed_sans_.begin(), allowed_sans_.end(), text) != allowed_sans_.end()) {
      return OkStatus();
    }
  }
  return PermissionDeniedError("could not find allowed SANs in client cert");
}

}  // namespace thanos::net
