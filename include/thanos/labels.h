// Label sets as one byte string: a view costs two words, a set one allocation.
//
// Encoding: for each label, sorted by name, the name then the value, each as its length and bytes.
// A length below 255 is one byte; others are 0xFF and three bytes, little endian. Equal sets have
// equal bytes. Order is not that of the bytes: use Compare.
#pragma once

#include <compare>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thanos {

inline constexpr std::string_view kMetricName = "__name__";

struct Label {
  std::string_view name;
  std::string_view value;
  friend bool operator==(const Label&, const Label&) = default;
};

/// A borrowed label set. Whoever made the view says what keeps the bytes alive.
class LabelsView {
 public:
  class Iterator {
   public:
    using value_type = Label;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    const Label& operator*() const { return label_; }
    const Label* operator->() const { return &label_; }
    Iterator& operator++() {
      at_ = next_;
      if (at_ != end_) Read();
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

   private:
    friend class LabelsView;
    Iterator(const char* at, const char* end) : at_(at), next_(at), end_(end) {
      if (at_ != end_) Read();
    }
    void Read() {
      const char* p = at_;
      label_.name = Take(p);
      label_.value = Take(p);
      next_ = p;
    }
    static std::string_view Take(const char*& p) {
      size_t size = static_cast<unsigned char>(*p++);
      if (size == 255) [[unlikely]] {
        size = static_cast<unsigned char>(p[0]) | static_cast<unsigned char>(p[1]) << 8 |
               static_cast<unsigned char>(p[2]) << 16;
        p += 3;
      }
      std::string_view text(p, size);
      p += size;
      return text;
    }
    const char* at_ = nullptr;
    const char* next_ = nullptr;
    const char* end_ = nullptr;
    Label label_;
  };

  LabelsView() = default;
  /// `encoded` must be a whole, valid encoding: from Labels, LabelsBuilder or LabelsEncoder only.
  explicit LabelsView(std::string_view encoded) : encoded_(encoded) {}

  Iterator begin() const { return {encoded_.data(), encoded_.data() + encoded_.size()}; }
  Iterator end() const {
    return {encoded_.data() + encoded_.size(), encoded_.data() + encoded_.size()};
  }
  bool empty() const { return encoded_.empty(); }
  size_t size() const;
  std::string_view encoded() const { return encoded_; }

  /// The value, or nothing when there is no such label.
  std::optional<std::string_view> Find(std::string_view name) const;
  /// The value, "" when there is no such label, as matchers see it.
  std::string_view Get(std::string_view name) const { return Find(name).value_or(""); }

  /// XXH64, seed 0, of `name 0xFF value 0xFF` for each label in order.
  uint64_t Hash() const;
  /// `{a="b", c="d"}` with Go's quoting; the form of errors and logs.
  std::string ToString() const;

  friend bool operator==(LabelsView a, LabelsView b) { return a.encoded_ == b.encoded_; }

 private:
  std::string_view encoded_;
};

/// Label by label, name then value, bytewise; a proper prefix comes first.
int Compare(LabelsView a, LabelsView b);
inline bool operator<(LabelsView a, LabelsView b) { return Compare(a, b) < 0; }

/// An owned label set.
class Labels {
 public:
  Labels() = default;
  explicit Labels(LabelsView view) : encoded_(view.encoded()) {}
  /// Sorts; of equal names the last wins. Empty values are kept.
  static Labels Of(std::vector<std::pair<std::string, std::string>> labels);
  static Labels Of(std::initializer_list<std::pair<std::string_view, std::string_view>> labels);
  static Labels FromEncoded(std::string encoded) {
    Labels labels;
    labels.encoded_ = std::move(encoded);
    return labels;
  }

  LabelsView view() const { return LabelsView(encoded_); }
  operator LabelsView() const { return view(); }  // NOLINT: a set is a view of itself.
  LabelsView::Iterator begin() const { return view().begin(); }
  LabelsView::Iterator end() const { return view().end(); }
  bool empty() const { return encoded_.empty(); }
  std::string_view Get(std::string_view name) const { return view().Get(name); }
  std::string ToString() const { return view().ToString(); }
  const std::string& encoded() const { return encoded_; }

  friend bool operator==(const Labels& a, const Labels& b) { return a.encoded_ == b.encoded_; }
  friend bool operator<(const Labels& a, const Labels& b) {
    return Compare(a.view(), b.view()) < 0;
  }

 private:
  std::string encoded_;
};

/// Longest name or value that a set can hold (2^24 - 1). Readers refuse longer ones.
inline constexpr size_t kLabelBytesMax = (1u << 24) - 1;

/// Appends labels, which must come in ascending order of names, to a byte string.
class LabelsEncoder {
 public:
  explicit LabelsEncoder(std::string* out) : out_(out) {}
  void Add(std::string_view name, std::string_view value) {
    AddText(name);
    AddText(value);
  }

 private:
  void AddText(std::string_view text);
  std::string* out_;
};

/// Changes a label set. Reusable; keeps its memory. Views handed in must live until Build.
class LabelsBuilder {
 public:
  LabelsBuilder() = default;
  explicit LabelsBuilder(LabelsView base) { Reset(base); }
  void Reset(LabelsView base);
  void Set(std::string_view name, std::string_view value);
  void Remove(std::string_view name);
  std::string_view Get(std::string_view name) const;
  /// Sorted, encoded into `out` (which is cleared first).
  void BuildTo(std::string* out);
  Labels Build() {
    std::string out;
    BuildTo(&out);
    return Labels::FromEncoded(std::move(out));
  }

 private:
  std::vector<Label> labels_;
  bool sorted_ = true;
};

}  // namespace thanos
