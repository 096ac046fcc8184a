// The order in which chunks of several lists are taken: by (min, max), as Go's container/heap has
// it.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

namespace thanos::block {

/// A binary min-heap on (min_ms, max_ms) of each list's first chunk. Among equals the order is that
/// of Go's container/heap, which decides what is kept unchanged. `List` has empty(), front() and
/// pop_front(). One thread.
template <typename List>
class ChunkListHeap {
 public:
  using Chunk = std::remove_reference_t<decltype(std::declval<List&>().front())>;

  void Clear() { items_.clear(); }
  bool empty() const { return items_.empty(); }
  const Chunk& top() const { return items_[0].front(); }
  void Push(List list) {
    if (list.empty()) return;
    items_.push_back(std::move(list));
    for (size_t i = items_.size() - 1; i > 0;) {
      const size_t parent = (i - 1) / 2;
      if (!Less(i, parent)) break;
      std::swap(items_[i], items_[parent]);
      i = parent;
    }
  }
  /// The first chunk; its list goes back with the rest.
  Chunk Take() {
    std::swap(items_.front(), items_.back());
    List list = std::move(items_.back());
    items_.pop_back();
    for (size_t i = 0;;) {
      size_t child = 2 * i + 1;
      if (child >= items_.size()) break;
      if (child + 1 < items_.size() && Less(child + 1, child)) ++child;
      if (!Less(child, i)) break;
      std::swap(items_[i], items_[child]);
      i = child;
    }
    Chunk chunk = std::move(list.front());
    list.pop_front();
    Push(std::move(list));
    return chunk;
  }

 private:
  bool Less(size_t a, size_t b) const {
    const Chunk &x = items_[a].front(), &y = items_[b].front();
    return x.min_ms != y.min_ms ? x.min_ms < y.min_ms : x.max_ms < y.max_ms;
  }
  std::vector<List> items_;
};

}  // namespace thanos::block
