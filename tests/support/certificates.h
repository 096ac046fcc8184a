// Certificates for tests of TLS: one authority, and what it signs, as PEM files in a folder.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace thanos::testing {

struct CertificateFiles {
  std::string cert, key;
};

class Authority {
 public:
  explicit Authority(const std::string& directory, const std::string& name = "ca")
      : directory_(directory), name_("test " + name), key_(NewKey()) {
    X509* raw = Build(name_, key_.get(), key_.get(), -1, 30);
    AddExtension(raw, NID_basic_constraints, "critical,CA:TRUE");
    AddExtension(raw, NID_key_usage, "critical,keyCertSign,cRLSign");
    X509_sign(raw, key_.get(), EVP_sha256());
    file_ = directory_ + "/" + name + ".pem";
    WriteCertificate(file_, raw);
    X509_free(raw);
  }

  const std::string& file() const { return file_; }

  /// Good as server and client, from `from_day` to `to_day` counted from now.
  CertificateFiles Issue(const std::string& name,
                         const std::string& names = "DNS:localhost,IP:127.0.0.1", int from_day = -1,
                         int to_day = 10, const std::string& organization = "",
                         const std::string& unit = "") const {
    const Key key = NewKey();
    X509* raw = Build(name, key.get(), key_.get(), from_day, to_day);
    if (!organization.empty()) SetName(X509_get_subject_name(raw), organization, "O");
    if (!unit.empty()) SetName(X509_get_subject_name(raw), unit, "OU");
    AddExtension(raw, NID_subject_alt_name, names);
    AddExtension(raw, NID_ext_key_usage, "serverAuth,clientAuth");
    X509_sign(raw, key_.get(), EVP_sha256());
    CertificateFiles files{directory_ + "/" + name + ".pem", directory_ + "/" + name + ".key"};
    WriteCertificate(files.cert, raw);
    X509_free(raw);
    FILE* file = std::fopen(files.key.c_str(), "w");
    PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    return files;
  }

 private:
  struct KeyDelete {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  using Key = std::unique_ptr<EVP_PKEY, KeyDelete>;
  static Key NewKey() { return Key(EVP_EC_gen("P-256")); }

  X509* Build(const std::string& subject, EVP_PKEY* key, EVP_PKEY* /*signer*/, int from_day,
              int to_day) const {
    static int64_t serial = 1;
    constexpr long kDay = 24 * 3600;
    X509* certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_day * kDay);
    X509_gmtime_adj(X509_getm_notAfter(certificate), to_day * kDay);
    SetName(X509_get_subject_name(certificate), subject);
    SetName(X509_get_issuer_name(certificate), name_);
    X509_set_pubkey(certificate, key);
    return certificate;
  }
  static void SetName(X509_NAME* name, const std::string& text, const char* field = "CN") {
    X509_NAME_add_entry_by_txt(name, field, MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(text.c_str()), -1, -1, 0);
  }
  static void AddExtension(X509* certificate, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  static void WriteCertificate(const std::string& path, X509* certificate) {
    FILE* file = std::fopen(path.c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
  }

  const std::string directory_, name_;
  const Key key_;
  std::string file_;
};

}  // namespace thanos::testing
