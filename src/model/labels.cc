#include "thanos/labels.h"

#include <algorithm>
#include <cstring>

#include "codec/hash.h"
#include "model/go_quote.h"
#include "thanos/status.h"

namespace thanos {
namespace {

// Position of the first byte in which a and b differ, at most `size`.
size_t Mismatch(const char* a, const char* b, size_t size) {
  size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    uint64_t x, y;
    std::memcpy(&x, a + i, 8);
    std::memcpy(&y, b + i, 8);
    if (x != y) return i + static_cast<size_t>(__builtin_ctzll(x ^ y)) / 8;
  }
  while (i < size && a[i] == b[i]) ++i;
  return i;
}

// The text whose length field begins at `at`; `next` becomes the position behind it.
std::string_view TextAt(std::string_view encoded, size_t at, size_t* next) {
  size_t size = static_cast<unsigned char>(encoded[at]);
  size_t start = at + 1;
  if (size == 255) {
    size = static_cast<unsigned char>(encoded[at + 1]) |
           static_cast<unsigned char>(encoded[at + 2]) << 8 |
           static_cast<unsigned char>(encoded[at + 3]) << 16;
    start += 3;
  }
  *next = start + size;
  return encoded.substr(start, size);
}

}  // namespace

int Compare(LabelsView a, LabelsView b) {
  const std::string_view x = a.encoded(), y = b.encoded();
  const size_t common = std::min(x.size(), y.size());
  const size_t difference = Mismatch(x.data(), y.data(), common);
  // Encodings are prefix-free per text, so a set that ends here ends between two labels.
  if (difference == common) return x.size() == y.size() ? 0 : (x.size() < y.size() ? -1 : 1);
  // Both agree up to the text that holds the difference: walk there, then compare that text.
  size_t at = 0, next = 0;
  std::string_view text = TextAt(x, 0, &next);
  while (next <= difference) {
    at = next;
    text = TextAt(x, at, &next);
  }
  size_t ignored;
  const int order = text.compare(TextAt(y, at, &ignored));
  return order < 0 ? -1 : (order > 0 ? 1 : 0);
}

size_t LabelsView::size() const {
  size_t count = 0;
  for (auto it = begin(); it != end(); ++it) ++count;
  return count;
}

std::optional<std::string_view> LabelsView::Find(std::string_view name) const {
  for (const Label& label : *this) {
    if (label.name == name) return label.value;
    if (label.name > name) break;
  }
  return std::nullopt;
}

uint64_t LabelsView::Hash() const {
  thread_local std::string buffer;
  buffer.clear();
  for (const Label& label : *this) {
    buffer.append(label.name).push_back('\xff');
    buffer.append(label.value).push_back('\xff');
  }
  return codec::Xxh64(buffer);
}

std::string LabelsView::ToString() const {
  std::string text = "{";
  for (const Label& label : *this) {
    if (text.size() > 1) text += ", ";
    model::AppendLabelName(label.name, &text);
    text += '=';
    model::AppendGoQuoted(label.value, &text);
  }
  return text += '}';
}

Labels Labels::Of(std::vector<std::pair<std::string, std::string>> labels) {
  LabelsBuilder builder;
  for (const auto& [name, value] : labels) builder.Set(name, value);
  return builder.Build();
}

Labels Labels::Of(std::initializer_list<std::pair<std::string_view, std::string_view>> labels) {
  LabelsBuilder builder;
  for (const auto& [name, value] : labels) builder.Set(name, value);
  return builder.Build();
}

void LabelsEncoder::AddText(std::string_view text) {
  THANOS_CHECK(text.size() <= kLabelBytesMax);
  if (text.size() < 255) {
    out_->push_back(static_cast<char>(text.size()));
  } else {
    const char prefix[4] = {'\xff', static_cast<char>(text.size()),
                            static_cast<char>(text.size() >> 8),
                            static_cast<char>(text.size() >> 16)};
    out_->append(prefix, 4);
  }
  out_->append(text);
}

void LabelsBuilder::Reset(LabelsView base) {
  labels_.clear();
  for (const Label& label : base) labels_.push_back(label);
  sorted_ = true;
}

void LabelsBuilder::Set(std::string_view name, std::string_view value) {
  for (Label& label : labels_) {
    if (label.name == name) {
      label.value = value;
      return;
    }
  }
  if (!labels_.empty() && name < labels_.back().name) sorted_ = false;
  labels_.push_back({name, value});
}

void LabelsBuilder::Remove(std::string_view name) {
  std::erase_if(labels_, [name](const Label& label) { return label.name == name; });
}

std::string_view LabelsBuilder::Get(std::string_view name) const {
  for (const Label& label : labels_) {
    if (label.name == name) return label.value;
  }
  return "";
}

void LabelsBuilder::BuildTo(std::string* out) {
  if (!sorted_) {
    std::sort(labels_.begin(), labels_.end(),
              [](const Label& a, const Label& b) { return a.name < b.name; });
    sorted_ = true;
  }
  out->clear();
  LabelsEncoder encoder(out);
  for (const Label& label : labels_) encoder.Add(label.name, label.value);
}

}  // namespace thanos
