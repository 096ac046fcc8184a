// Labels as protobuf carries them, turned into our encoding: one pass, checked, no allocation in
// steady state. Internal to wire.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "thanos/labels.h"

namespace thanos::wire {

/// Collects the labels of one series. Reusable; keeps its memory. One thread.
class LabelReader {
 public:
  /// `bytes_max` bounds the encoded labels of the series that begins: its size on the wire.
  void Begin(size_t bytes_max);
  /// One Label message, whose bytes stay alive until Finish. Up to `readable_end` may be read
  /// beyond it. Null, or what is wrong.
  const char* Add(std::string_view message, const char* readable_end);
  /// Null, or what is wrong. Then encoded() is the whole set in order by name.
  const char* Finish();
  std::string_view encoded() const { return {buffer_.get(), size_}; }
  size_t count() const { return labels_.size(); }

 private:
  void AppendText(std::string_view text, const char* readable_end);

  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t size_ = 0;
  bool sorted_ = true;
  std::vector<Label> labels_;  // Views of the input.
};

}  // namespace thanos::wire
