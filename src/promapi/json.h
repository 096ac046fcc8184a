// The JSON of the Prometheus HTTP API, written straight to text. protocols/http-api §2 and §3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/histogram.h"
#include "thanos/labels.h"
#include "thanos/series.h"
#include "thanos/status.h"

namespace thanos::promapi {

/// A label string of a vector or matrix: only quotes, backslashes and control bytes are escaped;
/// what is not UTF-8 stays as it is.
void AppendRawJsonString(std::string_view text, std::string* out);
/// {"name":"value",...}
void AppendLabelsJson(LabelsView labels, std::string* out);
/// Seconds: an integer, or with exactly three digits behind the point.
void AppendTimeJson(int64_t ms, std::string* out);
/// [time,"value"]
void AppendPointJson(int64_t ms, double value, std::string* out);
/// Times of scalars and strings: shortest form of the seconds.
void AppendScalarJson(int64_t ms, double value, std::string* out);
void AppendStringResultJson(int64_t ms, std::string_view text, std::string* out);
/// ["a","b"], HTML-escaped.
void AppendTextListJson(const std::vector<std::string>& texts, std::string* out);

/// {"count":"2","sum":"3","buckets":[[0,"0.5","1","2"]]}
void AppendHistogramJson(const model::FloatHistogram& histogram, std::string* out);

/// The points of a series of a matrix. Times that recur in every series are rendered once.
class MatrixWriter {
 public:
  /// `series`, when known, spares the text its last doubling: it may be large.
  explicit MatrixWriter(std::string* out, size_t series = 0) : out_(out), series_(series) {
    *out_ += '[';
    begin_ = out_->size();
  }
  using Histograms = std::span<const std::shared_ptr<const model::FloatHistogram>>;
  /// Points i with present bit i (null: all); times[i] is its time. Histograms, one per time of
  /// theirs, may be null.
  void AddSeries(LabelsView labels, std::span<const int64_t> times, std::span<const double> values,
                 const uint64_t* present, std::span<const int64_t> histogram_times = {},
                 Histograms histograms = {});
  void Finish() { *out_ += ']'; }

 private:
  void RenderTimes(std::span<const int64_t> times);
  void MakeRoom();
  std::string* out_;
  const size_t series_;
  size_t begin_ = 0, written_ = 0;
  std::vector<int64_t> rendered_for_;
  std::string time_text_;  // `[<time>,"` for each time, back to back.
  std::vector<uint32_t> time_ends_;
};

/// One element of a vector.
void AppendVectorSampleJson(LabelsView labels, int64_t ms, double value, std::string* out);
void AppendVectorHistogramJson(LabelsView labels, int64_t ms,
                               const model::FloatHistogram& histogram, std::string* out);

/// errorType, which decides the HTTP code.
enum class ErrorKind : uint8_t {
  kBadData,
  kExecution,
  kCanceled,
  kTimeout,
  kInternal,
  kUnavailable,
  kNotFound
};
std::string_view ErrorKindText(ErrorKind kind);
int HttpStatusOf(ErrorKind kind);

/// {"status":"success","data":…,"warnings":[…]}. `data` is JSON, "" leaves it out.
std::string SuccessEnvelope(std::string data, const Warnings& warnings);
std::string ErrorEnvelope(ErrorKind kind, std::string_view message);

}  // namespace thanos::promapi
