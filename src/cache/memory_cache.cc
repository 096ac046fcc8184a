#include "cache/memory_cache.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <list>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "codec/hash.h"

namespace thanos::cache {
namespace {

// The item, its node in a queue, its place in the map, the memory manager's share.
constexpr uint64_t kItemOverheadBytes = 240;
// Share of the small queue in what a shard holds.
constexpr uint64_t kSmallShare = 10;
constexpr uint8_t kUsesMax = 3;
constexpr size_t kGhostsMin = 64;

int64_t SteadyMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

uint64_t HashOf(std::string_view key) {
  return codec::Xxh64(std::as_bytes(std::span(key.data(), key.size())));
}

}  // namespace

// Key and value in one piece; handed out values keep it alive after it has left the cache.
struct MemoryCache::Item {
  std::string bytes;
  uint32_t key_bytes = 0;
  int64_t expires_ms = 0;
  uint64_t hash = 0;
  uint8_t kind = 0;
  uint8_t uses = 0;      // Guarded by the shard's mutex.
  bool in_main = false;  // Guarded by the shard's mutex.

  std::string_view key() const { return std::string_view(bytes).substr(0, key_bytes); }
  uint64_t value_bytes() const { return bytes.size() - key_bytes; }
  uint64_t cost() const { return bytes.size() + kItemOverheadBytes; }
};

struct MemoryCache::Shard {
  using Queue = std::list<std::shared_ptr<Item>>;
  // The hash that chose the shard serves its map too.
  struct Key {
    uint64_t hash;
    std::string_view text;
    bool operator==(const Key& other) const { return hash == other.hash && text == other.text; }
  };
  struct HashOfKey {
    size_t operator()(const Key& key) const noexcept { return key.hash; }
  };
  std::mutex mutex;
  // All guarded by mutex.
  std::unordered_map<Key, Queue::iterator, HashOfKey> places;
  Queue small, main;  // The oldest in front.
  uint64_t small_bytes = 0, main_bytes = 0;
  // Hashes of what left the small queue unused, as many as the main queue has items.
  std::deque<uint64_t> ghosts;
  std::unordered_set<uint64_t> ghost_set;

  void Insert(std::shared_ptr<Item> item) {
    item->in_main = ghost_set.contains(item->hash);
    (item->in_main ? main_bytes : small_bytes) += item->cost();
    Queue& queue = item->in_main ? main : small;
    queue.push_back(std::move(item));
    places.emplace(Key{queue.back()->hash, queue.back()->key()}, std::prev(queue.end()));
  }

  std::shared_ptr<Item> Take(Queue::iterator place) {
    std::shared_ptr<Item> item = *place;
    places.erase(Key{item->hash, item->key()});
    (item->in_main ? main_bytes : small_bytes) -= item->cost();
    (item->in_main ? main : small).erase(place);
    return item;
  }

  void Remember(uint64_t hash) {
    if (ghost_set.insert(hash).second) ghosts.push_back(hash);
    while (ghosts.size() > std::max(main.size(), kGhostsMin)) {
      ghost_set.erase(ghosts.front());
      ghosts.pop_front();
    }
  }

  // The item that goes; null when there is none.
  std::shared_ptr<Item> Evict() {
    while (!places.empty()) {
      const bool from_small =
          main.empty() || (!small.empty() && small_bytes * kSmallShare > small_bytes + main_bytes);
      Queue& queue = from_small ? small : main;
      const auto oldest = queue.begin();
      if ((*oldest)->uses == 0) {
        if (from_small) Remember((*oldest)->hash);
        return Take(oldest);
      }
      if (from_small) {
        small_bytes -= (*oldest)->cost();
        main_bytes += (*oldest)->cost();
        (*oldest)->in_main = true;
        (*oldest)->uses = 0;
      } else {
        --(*oldest)->uses;
      }
      main.splice(main.end(), queue, oldest);
    }
    return nullptr;
  }
};

MemoryCache::MemoryCache(const MemoryCacheOptions& options,
                         std::vector<MemoryCacheCounters> counters)
    : options_(options), counters_(std::move(counters)) {
  for (size_t i = 0; i < std::max<size_t>(options.shards, 1); ++i) {
    shards_.push_back(std::make_unique<Shard>());
  }
}
MemoryCache::~MemoryCache() = default;

MemoryCache::Shard& MemoryCache::ShardOf(uint64_t hash) const {
  return *shards_[(hash >> 32) % shards_.size()];
}

const MemoryCacheCounters& MemoryCache::CountersOf(uint8_t kind) const {
  static const MemoryCacheCounters kNone;
  return kind < counters_.size() ? counters_[kind] : kNone;
}

std::vector<base::PinnedBytes> MemoryCache::Fetch(const CallContext&,
                                                  std::span<const std::string_view> keys) {
  std::vector<base::PinnedBytes> out(keys.size());
  const int64_t now_ms = SteadyMs();
  for (size_t i = 0; i < keys.size(); ++i) {
    const uint64_t hash = HashOf(keys[i]);
    Shard& shard = ShardOf(hash);
    std::shared_ptr<Item> item;
    {
      std::lock_guard lock(shard.mutex);
      const auto found = shard.places.find({hash, keys[i]});
      if (found == shard.places.end()) continue;
      item = *found->second;
      item->uses = std::min<uint8_t>(static_cast<uint8_t>(item->uses + 1), kUsesMax);
    }
    if (item->expires_ms <= now_ms) {
      CountersOf(item->kind).expired.Add();
      continue;  // Replaced by the next Store, or pushed out.
    }
    const auto value =
        std::as_bytes(std::span(item->bytes.data(), item->bytes.size())).subspan(item->key_bytes);
    CountersOf(item->kind).hits.Add();
    out[i] = base::PinnedBytes(value, std::move(item));
  }
  // Which kind a key that is absent would be is not known here: one counter for all.
  if (!counters_.empty()) counters_[0].requests.Add(static_cast<double>(keys.size()));
  return out;
}

// Pushes items out, shard after shard, until all fits. False when nothing is left to go.
bool MemoryCache::MakeRoom(size_t first_shard) {
  for (size_t i = 0; i < shards_.size(); ++i) {
    Shard& shard = *shards_[(first_shard + i) % shards_.size()];
    while (bytes_.load() > options_.bytes_max) {
      std::shared_ptr<Item> gone;
      {
        std::lock_guard lock(shard.mutex);
        gone = shard.Evict();
      }
      if (!gone) break;
      bytes_.fetch_sub(gone->cost());
      const MemoryCacheCounters& counters = CountersOf(gone->kind);
      counters.evicted.Add();
      counters.items.Add(-1);
      counters.value_bytes.Add(-static_cast<double>(gone->value_bytes()));
      counters.total_bytes.Add(-static_cast<double>(gone->cost()));
    }
    if (bytes_.load() <= options_.bytes_max) return true;
  }
  return false;
}

void MemoryCache::Store(std::string_view key, std::span<const std::byte> value, int64_t ttl_ms,
                        uint8_t kind) {
  const MemoryCacheCounters& counters = CountersOf(kind);
  const uint64_t cost = key.size() + value.size() + kItemOverheadBytes;
  if (value.size() > options_.item_bytes_max || cost > options_.bytes_max ||
      key.size() > UINT32_MAX) {
    counters.overflowed.Add();
    return;
  }
  const uint64_t hash = HashOf(key);
  Shard& shard = ShardOf(hash);
  const int64_t now_ms = SteadyMs();
  {
    std::lock_guard lock(shard.mutex);
    const auto found = shard.places.find({hash, key});
    if (found != shard.places.end() && (*found->second)->expires_ms > now_ms) return;
  }
  auto item = std::make_shared<Item>();
  item->bytes.reserve(key.size() + value.size());
  item->bytes.append(key).append(reinterpret_cast<const char*>(value.data()), value.size());
  item->key_bytes = static_cast<uint32_t>(key.size());
  item->expires_ms = ttl_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + ttl_ms;
  item->hash = hash;
  item->kind = kind;
  // Its share is taken before it is there: the bound holds at every moment.
  bytes_.fetch_add(cost);
  if (!MakeRoom((hash >> 32) % shards_.size())) {
    bytes_.fetch_sub(cost);
    return;
  }
  std::shared_ptr<Item> replaced;
  bool added = true;
  {
    std::lock_guard lock(shard.mutex);
    const auto found = shard.places.find({hash, key});
    if (found != shard.places.end()) {
      if ((*found->second)->expires_ms > now_ms) added = false;  // Another one was faster.
      if (added) replaced = shard.Take(found->second);
    }
    if (added) shard.Insert(std::move(item));
  }
  if (!added) {
    bytes_.fetch_sub(cost);
    return;
  }
  counters.added.Add();
  counters.items.Add(1);
  counters.value_bytes.Add(static_cast<double>(value.size()));
  counters.total_bytes.Add(static_cast<double>(cost));
  if (!replaced) return;
  bytes_.fetch_sub(replaced->cost());
  const MemoryCacheCounters& before = CountersOf(replaced->kind);
  before.items.Add(-1);
  before.value_bytes.Add(-static_cast<double>(replaced->value_bytes()));
  before.total_bytes.Add(-static_cast<double>(replaced->cost()));
}

}  // namespace thanos::cache
