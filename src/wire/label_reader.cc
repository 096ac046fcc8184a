#include "wire/label_reader.h"

#include <algorithm>
#include <cstring>

#include "wire/proto_reader.h"

namespace thanos::wire {
namespace {

constexpr size_t kSlack = 32;  // Short texts are copied in two steps of 16, whatever their length.

// The first 8 bytes as a number that orders like the text; shorter texts are filled with zeros.
uint64_t OrderKey(std::string_view text, const char* readable_end) {
  uint64_t key = 0;
  if (readable_end - text.data() >= 8) {
    std::memcpy(&key, text.data(), 8);
    key = __builtin_bswap64(key);
    if (text.size() < 8) key &= text.empty() ? 0 : ~uint64_t{0} << (64 - 8 * text.size());
  } else {
    for (size_t i = 0; i < 8; ++i) {
      key = key << 8 | (i < text.size() ? static_cast<uint8_t>(text[i]) : 0);
    }
  }
  return key;
}

// The shape that everybody sends: name and value, both below 128 bytes, nothing else.
bool ReadPlain(std::string_view message, Label* label) {
  const char* p = message.data();
  const size_t size = message.size();
  if (size < 4 || p[0] != 0x0a) return false;
  const size_t name_size = static_cast<uint8_t>(p[1]);
  if (name_size >= 0x80 || name_size + 4 > size || p[2 + name_size] != 0x12) return false;
  const size_t value_size = static_cast<uint8_t>(p[3 + name_size]);
  if (value_size >= 0x80 || name_size + value_size + 4 != size) return false;
  label->name = {p + 2, name_size};
  label->value = {p + 4 + name_size, value_size};
  return true;
}

const char* ReadAny(std::string_view message, Label* label) {
  ProtoReader reader(message);
  while (!reader.AtEnd()) {
    uint32_t tag = 0;
    if (!reader.ReadTag(&tag)) break;
    if (tag == Tag(1, WireType::kBytes)) {
      reader.Bytes(&label->name);
    } else if (tag == Tag(2, WireType::kBytes)) {
      reader.Bytes(&label->value);
    } else if (tag >> 3 <= 2) {
      return "label: wrong wire type";
    } else {
      reader.Skip(tag);
    }
    if (!reader.ok()) break;
  }
  return reader.error();
}

}  // namespace

void LabelReader::Begin(size_t bytes_max) {
  // Our form of a text takes at most one byte more than its wire form, and each label has a header
  // of at least two bytes there that we do without.
  if (bytes_max + kSlack > capacity_) {
    capacity_ = std::max<size_t>(2 * capacity_, bytes_max + kSlack);
    buffer_ = std::make_unique<char[]>(capacity_);
  }
  size_ = 0;
  sorted_ = true;
  labels_.clear();
}

void LabelReader::AppendText(std::string_view text, const char* readable_end) {
  char* out = buffer_.get() + size_;
  if (text.size() < 255) [[likely]] {
    *out++ = static_cast<char>(text.size());
  } else {
    *out++ = static_cast<char>(0xff);
    *out++ = static_cast<char>(text.size());
    *out++ = static_cast<char>(text.size() >> 8);
    *out++ = static_cast<char>(text.size() >> 16);
  }
  if (text.size() <= kSlack && readable_end - text.data() >= static_cast<ptrdiff_t>(kSlack)) {
    std::memcpy(out, text.data(), 16);
    std::memcpy(out + 16, text.data() + 16, 16);
  } else if (!text.empty()) {
    std::memcpy(out, text.data(), text.size());
  }
  size_ = static_cast<size_t>(out - buffer_.get()) + text.size();
}

const char* LabelReader::Add(std::string_view message, const char* readable_end) {
  // An absent text is an empty one, at a place that exists: copies look beyond its end.
  Label label{message.substr(0, 0), message.substr(0, 0)};
  if (!ReadPlain(message, &label)) [[unlikely]] {
    if (const char* error = ReadAny(message, &label)) return error;
    if (label.name.size() > kLabelBytesMax || label.value.size() > kLabelBytesMax) {
      return "label: text above 16 MiB";
    }
  }
  if (!labels_.empty()) {
    const std::string_view before = labels_.back().name;
    const uint64_t a = OrderKey(before, readable_end), b = OrderKey(label.name, readable_end);
    if (a > b || (a == b && before >= label.name)) [[unlikely]]
      sorted_ = false;
  }
  labels_.push_back(label);
  if (sorted_) {
    AppendText(label.name, readable_end);
    AppendText(label.value, readable_end);
  }
  return nullptr;
}

const char* LabelReader::Finish() {
  if (sorted_) [[likely]]
    return nullptr;
  std::sort(labels_.begin(), labels_.end(),
            [](const Label& a, const Label& b) { return a.name < b.name; });
  size_ = 0;
  for (size_t i = 0; i < labels_.size(); ++i) {
    if (i > 0 && labels_[i].name == labels_[i - 1].name) return "label name twice";
    AppendText(labels_[i].name, labels_[i].name.data() + labels_[i].name.size());
    AppendText(labels_[i].value, labels_[i].value.data() + labels_[i].value.size());
  }
  return nullptr;
}

}  // namespace thanos::wire
