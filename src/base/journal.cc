#include "base/journal.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace thanos::base {
namespace {

int PriorityOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return 7;
    case LogLevel::kInfo:
      return 6;
    case LogLevel::kWarn:
      return 4;
    case LogLevel::kError:
      return 3;
  }
  return 6;
}

// Upper case letters, digits and '_' are all that a name may have.
std::string FieldName(std::string_view key) {
  std::string name = "THANOS_";
  for (const char c : key) {
    const bool lower = c >= 'a' && c <= 'z';
    const bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    name += lower ? static_cast<char>(c - 'a' + 'A') : kept ? c : '_';
  }
  return name;
}

// A value with a line break goes with its length in front, little-endian.
void AppendField(std::string_view name, std::string_view value, std::string* entry) {
  entry->append(name);
  if (value.find('\n') == std::string_view::npos) {
    entry->append("=");
  } else {
    entry->append("\n");
    uint64_t size = value.size();
    for (int i = 0; i < 8; ++i, size >>= 8) entry->push_back(static_cast<char>(size & 0xFF));
  }
  entry->append(value).append("\n");
}

}  // namespace

Result<std::shared_ptr<const Journal>> Journal::Open(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof(address.sun_path)) {
    return InvalidArgumentError(socket + ": path of a socket is too long");
  }
  std::memcpy(address.sun_path, socket.data(), socket.size());
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return ErrnoError(errno, "socket of the journal");
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    ::close(fd);
    return UnavailableError("journald log format requested but systemd journal is not available: " +
                            socket + ": " + std::strerror(error));
  }
  return std::shared_ptr<const Journal>(new Journal(fd));
}

Journal::~Journal() { ::close(fd_); }

void Journal::Send(LogLevel level, std::string_view message, const LogFields& fields) const {
  std::string entry;
  for (const LogField& field : fields) {
    AppendField(FieldName(field.key), field.value, &entry);
    if (message.empty() && field.key == "err") message = field.value;
  }
  AppendField("MESSAGE", message.empty() ? "(no message)" : message, &entry);
  AppendField("PRIORITY", std::to_string(PriorityOf(level)), &entry);
  [[maybe_unused]] const ssize_t sent = ::send(fd_, entry.data(), entry.size(), MSG_NOSIGNAL);
}

}  // namespace thanos::base
