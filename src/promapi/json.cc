#include "promapi/json.h"

#include <algorithm>
#include <charconv>

#include "base/json_text.h"
#include "base/number_text.h"
#include "model/histogram_buckets.h"

namespace thanos::promapi {
namespace {

void AppendInt(int64_t value, std::string* out) {
  char buffer[24];
  out->append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), value).ptr);
}

}  // namespace

void AppendRawJsonString(std::string_view text, std::string* out) {
  *out += '"';
  size_t clean = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') [[likely]]
      continue;
    out->append(text.substr(clean, i - clean));
    clean = i + 1;
    base::AppendJsonEscape(c, out);
  }
  out->append(text.substr(clean));
  *out += '"';
}

void AppendLabelsJson(LabelsView labels, std::string* out) {
  *out += '{';
  bool first = true;
  for (const Label& label : labels) {
    if (!first) *out += ',';
    first = false;
    AppendRawJsonString(label.name, out);
    *out += ':';
    AppendRawJsonString(label.value, out);
  }
  *out += '}';
}

void AppendTimeJson(int64_t ms, std::string* out) {
  uint64_t size = static_cast<uint64_t>(ms);
  if (ms < 0) {
    *out += '-';
    size = 0 - size;
  }
  AppendInt(static_cast<int64_t>(size / 1000), out);
  if (const uint64_t rest = size % 1000; rest != 0) {
    const char digits[4] = {'.', static_cast<char>('0' + rest / 100),
                            static_cast<char>('0' + rest / 10 % 10),
                            static_cast<char>('0' + rest % 10)};
    out->append(digits, 4);
  }
}

void AppendPointJson(int64_t ms, double value, std::string* out) {
  *out += '[';
  AppendTimeJson(ms, out);
  *out += ",\"";
  base::AppendFloatApi(value, out);
  *out += "\"]";
}

void AppendScalarJson(int64_t ms, double value, std::string* out) {
  *out += '[';
  base::AppendFloatApi(static_cast<double>(ms) / 1000, out);
  *out += ",\"";
  base::AppendFloatF(value, out);
  *out += "\"]";
}

void AppendStringResultJson(int64_t ms, std::string_view text, std::string* out) {
  *out += '[';
  base::AppendFloatApi(static_cast<double>(ms) / 1000, out);
  *out += ',';
  base::AppendJsonString(text, out, /*html_escape=*/true);
  *out += ']';
}

void AppendTextListJson(const std::vector<std::string>& texts, std::string* out) {
  *out += '[';
  for (const std::string& text : texts) {
    if (out->back() != '[') *out += ',';
    base::AppendJsonString(text, out, /*html_escape=*/true);
  }
  *out += ']';
}

void MatrixWriter::RenderTimes(std::span<const int64_t> times) {
  if (std::equal(times.begin(), times.end(), rendered_for_.begin(), rendered_for_.end())) return;
  rendered_for_.assign(times.begin(), times.end());
  time_text_.clear();
  time_ends_.clear();
  for (const int64_t t : times) {
    time_text_ += '[';
    AppendTimeJson(t, &time_text_);
    time_text_ += ",\"";
    time_ends_.push_back(static_cast<uint32_t>(time_text_.size()));
  }
}

void AppendHistogramJson(const model::FloatHistogram& histogram, std::string* out) {
  const auto number = [out](double value) {
    *out += '"';
    base::AppendFloatApi(value, out);
    *out += '"';
  };
  *out += "{\"count\":";
  number(histogram.count);
  *out += ",\"sum\":";
  number(histogram.sum);
  bool any = false;
  for (const model::HistogramBucket& bucket : model::AllBuckets(histogram)) {
    if (bucket.count == 0) continue;
    *out += any ? ",[" : ",\"buckets\":[[";
    any = true;
    // Which bounds belong to it: 0 the upper, 1 the lower, 2 none, 3 both.
    const char kind = bucket.lower_inclusive ? (bucket.upper_inclusive ? '3' : '1')
                                             : (bucket.upper_inclusive ? '0' : '2');
    *out += kind;
    for (const double value : {bucket.lower, bucket.upper, bucket.count}) {
      *out += ',';
      number(value);
    }
    *out += ']';
  }
  *out += any ? "]}" : "}";
}

void AppendVectorHistogramJson(LabelsView labels, int64_t ms,
                               const model::FloatHistogram& histogram, std::string* out) {
  *out += "{\"metric\":";
  AppendLabelsJson(labels, out);
  *out += ",\"histogram\":[";
  AppendTimeJson(ms, out);
  *out += ',';
  AppendHistogramJson(histogram, out);
  *out += "]}";
}

// What the first series took tells about the rest.
void MatrixWriter::MakeRoom() {
  constexpr size_t kSeen = 64;
  if (written_ != kSeen || series_ <= kSeen) return;
  const size_t expected = (out_->size() - begin_) / kSeen * series_;
  // Room for the envelope too: it is put around the text where it lies.
  out_->reserve(begin_ + expected + expected / 16 + 256);
}

void MatrixWriter::AddSeries(LabelsView labels, std::span<const int64_t> times,
                             std::span<const double> values, const uint64_t* present,
                             std::span<const int64_t> histogram_times, Histograms histograms) {
  RenderTimes(times);
  MakeRoom();
  if (written_++ > 0) *out_ += ',';
  *out_ += "{\"metric\":";
  AppendLabelsJson(labels, out_);
  bool any = false;
  for (size_t i = 0; i < times.size(); ++i) {
    if (present != nullptr && (present[i / 64] >> (i % 64) & 1) == 0) continue;
    *out_ += any ? "," : ",\"values\":[";
    any = true;
    const uint32_t begin = i == 0 ? 0 : time_ends_[i - 1];
    out_->append(time_text_, begin, time_ends_[i] - begin);
    base::AppendFloatApi(values[i], out_);
    *out_ += "\"]";
  }
  if (any) *out_ += ']';
  any = false;
  for (size_t i = 0; i < histograms.size(); ++i) {
    if (histograms[i] == nullptr) continue;
    *out_ += any ? ",[" : ",\"histograms\":[[";
    any = true;
    AppendTimeJson(histogram_times[i], out_);
    *out_ += ',';
    AppendHistogramJson(*histograms[i], out_);
    *out_ += ']';
  }
  *out_ += any ? "]}" : "}";
}

void AppendVectorSampleJson(LabelsView labels, int64_t ms, double value, std::string* out) {
  *out += "{\"metric\":";
  AppendLabelsJson(labels, out);
  *out += ",\"value\":";
  AppendPointJson(ms, value, out);
  *out += '}';
}

std::string_view ErrorKindText(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kBadData:
      return "bad_data";
    case ErrorKind::kExecution:
      return "execution";
    case ErrorKind::kCanceled:
      return "canceled";
    case ErrorKind::kTimeout:
      return "timeout";
    case ErrorKind::kInternal:
      return "internal";
    case ErrorKind::kUnavailable:
      return "unavailable";
    case ErrorKind::kNotFound:
      return "not_found";
  }
  return "internal";
}

int HttpStatusOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kBadData:
      return 400;
    case ErrorKind::kExecution:
      return 422;
    case ErrorKind::kCanceled:
    case ErrorKind::kTimeout:
    case ErrorKind::kUnavailable:
      return 503;
    case ErrorKind::kNotFound:
      return 404;
    case ErrorKind::kInternal:
      return 500;
  }
  return 500;
}

std::string SuccessEnvelope(std::string data, const Warnings& warnings) {
  std::string out = std::move(data);
  out.insert(0, out.empty() ? "{\"status\":\"success\"" : "{\"status\":\"success\",\"data\":");
  if (!warnings.empty()) {
    out += ",\"warnings\":";
    AppendTextListJson(warnings, &out);
  }
  return out += '}';
}

std::string ErrorEnvelope(ErrorKind kind, std::string_view message) {
  std::string out = "{\"status\":\"error\",\"errorType\":\"";
  out.append(ErrorKindText(kind)).append("\",\"error\":");
  base::AppendJsonString(message, &out, /*html_escape=*/true);
  return out += '}';
}

}  // namespace thanos::promapi
