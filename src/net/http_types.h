// Headers and parameters of HTTP messages, as server and client share them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "thanos/status.h"

namespace thanos::net {

/// Header fields in order of arrival; names compare without regard to case.
class HttpHeaders {
 public:
  HttpHeaders() = default;
  HttpHeaders(std::initializer_list<std::pair<std::string, std::string>> fields)
      : fields_(fields) {}

  void Add(std::string name, std::string value);
  /// Replaces all fields of that name.
  void Set(std::string name, std::string value);
  /// The first value, "" when there is none.
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const;
  std::vector<std::string_view> GetAll(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

bool EqualsIgnoringCase(std::string_view a, std::string_view b);

/// Parameters of a URL or form, in order. More than this many are refused.
inline constexpr size_t kParametersMax = 10000;

class Values {
 public:
  void Add(std::string name, std::string value) {
    items_.emplace_back(std::move(name), std::move(value));
  }
  /// The first value, "" when there is none: absent and empty are the same.
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const;
  std::vector<std::string> GetAll(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }
  bool empty() const { return items_.empty(); }
  /// `a=b&c=d`, escaped as Go's url.QueryEscape does, in order.
  std::string Encode() const;

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

/// Appends what `a=b&c=d` holds. As Go's url.ParseQuery: a bad escape or a ';' is kInvalidArgument
/// with Go's wording, and the good pairs are kept all the same.
Status ParseQuery(std::string_view text, Values* out);
/// Appends the fields of a multipart/form-data body; files are left out. kInvalidArgument when it
/// is malformed; the fields before that are kept.
Status ParseMultipart(std::string_view body, std::string_view content_type, Values* out);
/// %XX and, when `plus_is_space`, '+'. kInvalidArgument: `invalid URL escape "%zz"`.
Result<std::string> UrlUnescape(std::string_view text, bool plus_is_space);
/// Go's url.QueryEscape (space is '+').
std::string QueryEscape(std::string_view text);
/// Go's url.PathEscape.
std::string PathEscape(std::string_view text);

/// The reason phrase: "Not Found". "" when unknown.
std::string_view HttpStatusText(int status);

/// Whose a client's certificate is: the first entry of each kind in its subject, "" without one.
struct PeerSubject {
  std::string organization, organizational_unit, common_name;
};

}  // namespace thanos::net
