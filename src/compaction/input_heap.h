// Which of several sorted inputs is the smallest. Private to the room.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace thanos::compaction {

/// A heap of what each input stands at, smallest first; of equals the input that comes first.
/// `Order(a, b)` compares three ways what two inputs stand at.
template <typename Order>
class InputHeap {
 public:
  explicit InputHeap(Order order) : order_(std::move(order)) {}
  void Push(size_t input) {
    items_.push_back(input);
    std::push_heap(items_.begin(), items_.end(), Greater());
  }
  size_t Pop() {
    std::pop_heap(items_.begin(), items_.end(), Greater());
    const size_t input = items_.back();
    items_.pop_back();
    return input;
  }
  size_t top() const { return items_.front(); }
  bool empty() const { return items_.empty(); }

 private:
  auto Greater() {
    return [this](size_t a, size_t b) {
      const auto order = order_(a, b);
      return order != 0 ? order > 0 : a > b;
    };
  }
  Order order_;
  std::vector<size_t> items_;
};

}  // namespace thanos::compaction
