// Any web configuration gives settings or a status, any Authorization header a user or nothing.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/web_config.h"
#include "net/web_guard.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto config = net::ParseWebConfig(text, "/etc"); config.ok()) {
    for (const auto& [name, hash] : config->users) {
      if (!net::IsBcryptHash(hash)) std::abort();
    }
    for (const auto& [name, value] : config->headers) {
      if (value.empty() || value.find('\n') != std::string::npos) std::abort();
    }
    if (config->tls && (!config->tls->cert.given() || !config->tls->key.given())) std::abort();
  }
  std::string user, password;
  if (net::ParseBasicAuth(text, &user, &password) && user.find(':') != std::string::npos) {
    std::abort();
  }
  return 0;
}
