// Errors as values. A function that can fail returns Status or Result<T>; no exception crosses a
// room. The code says what the caller does next, the message names the thing and the place:
//
//   Result<Index> OpenIndex(std::string_view path) {
//     THANOS_ASSIGN_OR_RETURN(std::string bytes, ReadFile(path));
//     if (bytes.size() < 52) return DataLossError("index: file is too short");
//     ...
//   }
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace thanos {

/// gRPC's codes and numbers.
enum class StatusCode : uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,  // HTTP 400.
  kDeadlineExceeded = 4,
  kNotFound = 5,  // The caller goes on without.
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,  // A budget or limit: HTTP 422 or 429.
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,  // The caller may try again.
  kDataLoss = 15,     // Bytes are wrong: quarantine.
  kUnauthenticated = 16,
};

/// The code as grpc-go prints it: "Unavailable", "DeadlineExceeded", "Canceled".
std::string_view StatusCodeName(StatusCode code);

/// A code and, unless OK, a message. OK costs one null pointer. Copies share the message.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message);

  bool ok() const { return rep_ == nullptr; }
  StatusCode code() const { return rep_ ? rep_->code : StatusCode::kOk; }
  std::string_view message() const { return rep_ ? std::string_view(rep_->message) : ""; }

  /// The same code, "context: message". OK stays OK. Once per level on the way up.
  Status WithContext(std::string_view context) const;
  /// "OK" or "<code name>: <message>".
  std::string ToString() const;

 private:
  struct Rep {
    StatusCode code;
    std::string message;
  };
  std::shared_ptr<const Rep> rep_;
};

inline Status OkStatus() { return {}; }
Status CancelledError(std::string message);
Status UnknownError(std::string message);
Status InvalidArgumentError(std::string message);
Status DeadlineExceededError(std::string message);
Status NotFoundError(std::string message);
Status AlreadyExistsError(std::string message);
Status PermissionDeniedError(std::string message);
Status ResourceExhaustedError(std::string message);
Status FailedPreconditionError(std::string message);
Status AbortedError(std::string message);
Status UnimplementedError(std::string message);
Status InternalError(std::string message);
Status UnavailableError(std::string message);
Status DataLossError(std::string message);
/// The status of an errno value: ENOENT is kNotFound, ENOSPC kResourceExhausted, others kInternal.
Status ErrnoError(int error_number, std::string_view what);

namespace internal {
[[noreturn]] void DieOfResultAccess(const Status& status);
[[noreturn]] void DieOfCheck(const char* condition, const char* file, int line);
}  // namespace internal

/// A value or the reason why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT: implicit on purpose.
  Result(Status status) : status_(std::move(status)) {  // NOLINT: implicit on purpose.
    if (status_.ok()) internal::DieOfResultAccess(status_);
  }
  template <typename U>
    requires(std::is_convertible_v<U &&, T> && !std::is_same_v<std::decay_t<U>, Status> &&
             !std::is_same_v<std::decay_t<U>, Result<T>> && !std::is_same_v<std::decay_t<U>, T>)
  // In place: a nullopt for a T that is itself an optional is a value, not its absence.
  Result(U&& value) : value_(std::in_place, std::forward<U>(value)) {}  // NOLINT: implicit.

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }

  T& value() & {
    if (!ok()) internal::DieOfResultAccess(status_);
    return *value_;
  }
  const T& value() const& {
    if (!ok()) internal::DieOfResultAccess(status_);
    return *value_;
  }
  T&& value() && {
    if (!ok()) internal::DieOfResultAccess(status_);
    return std::move(*value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  Status status_;
  std::optional<T> value_;
};

}  // namespace thanos

#define THANOS_CONCAT_INNER(a, b) a##b
#define THANOS_CONCAT(a, b) THANOS_CONCAT_INNER(a, b)
#define THANOS_RETURN_IF_ERROR(expression)                                    \
  do {                                                                        \
    if (::thanos::Status thanos_status_ = (expression); !thanos_status_.ok()) \
      return thanos_status_;                                                  \
  } while (false)
#define THANOS_ASSIGN_OR_RETURN_INNER(result, lhs, expression) \
  auto result = (expression);                                  \
  if (!result.ok()) return result.status();                    \
  lhs = std::move(result).value()
#define THANOS_ASSIGN_OR_RETURN(lhs, ...) \
  THANOS_ASSIGN_OR_RETURN_INNER(THANOS_CONCAT(thanos_result_, __LINE__), lhs, (__VA_ARGS__))
/// An invariant of our own. Never for bytes from outside.
#define THANOS_CHECK(condition) \
  ((condition) ? (void)0 : ::thanos::internal::DieOfCheck(#condition, __FILE__, __LINE__))
