// gzip for a body that is written in pieces.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace thanos::net {

/// One thread. What is written comes out in the order of the calls.
class GzipStream {
 public:
  GzipStream();
  ~GzipStream();
  GzipStream(const GzipStream&) = delete;

  /// Appends what is ready to *out; may be nothing yet.
  void Write(std::string_view piece, std::string* out);
  /// Appends the rest. Once, last.
  void Finish(std::string* out);

 private:
  struct State;
  void Run(std::string_view piece, int flush, std::string* out);
  std::unique_ptr<State> state_;
};

}  // namespace thanos::net
