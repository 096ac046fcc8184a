#include "bucketstore/block_set.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/time_text.h"
#include "block/byte_sink.h"
#include "block/chunk_segment.h"
#include "block/index_header.h"
#include "objstore/byte_sources.h"

namespace thanos::bucketstore {
namespace {

constexpr char kHeaderFile[] = "index-header";

// Sizes stand in the meta of newer blocks; 0: not in this one.
uint64_t StatedSize(const block::BlockMeta& meta, std::string_view path) {
  for (const block::FileMeta& file : meta.thanos.files) {
    if (file.path == path && file.size_bytes > 0) return static_cast<uint64_t>(file.size_bytes);
  }
  return 0;
}

// Else the bucket is asked, once.
Result<uint64_t> SizeOf(const CallContext& context, Bucket& bucket, const block::BlockMeta& meta,
                        const std::string& path) {
  if (const uint64_t stated = StatedSize(meta, path); stated != 0) return stated;
  THANOS_ASSIGN_OR_RETURN(const ObjectAttributes attributes,
                          bucket.Attributes(context, meta.ulid.ToString() + "/" + path));
  if (attributes.size < 0) {
    return DataLossError(meta.ulid.ToString() + "/" + path + ": the bucket states no size");
  }
  return static_cast<uint64_t>(attributes.size);
}

bool IsDecimal(std::string_view name) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The order of the names is that of the segment numbers.
Result<std::vector<std::string>> SegmentNames(const CallContext& context, Bucket& bucket,
                                              const block::BlockMeta& meta) {
  if (!meta.thanos.segment_files.empty()) return meta.thanos.segment_files;
  ListOptions options;
  options.prefix = meta.ulid.ToString() + "/" + std::string(block::kChunksDirectory) + "/";
  std::vector<std::string> names;
  THANOS_RETURN_IF_ERROR(bucket.Iterate(context, options, [&](const ListedObject& object) {
    const std::string_view name = object.name.substr(options.prefix.size());
    if (IsDecimal(name)) names.emplace_back(name);
    return OkStatus();
  }));
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::shared_ptr<base::RangeReader>> OpenObject(const CallContext& context, Bucket* bucket,
                                                      const block::BlockMeta& meta,
                                                      const std::string& path) {
  THANOS_ASSIGN_OR_RETURN(const uint64_t size, SizeOf(context, *bucket, meta, path));
  return objstore::MakeObjectReader(bucket, meta.ulid.ToString() + "/" + path, size);
}

// What no query asks for is not served. components/store §4.1.
Status CheckResolution(const block::BlockMeta& meta) {
  const int64_t resolution_ms = meta.thanos.resolution_ms;
  if (resolution_ms == 0 || resolution_ms == 300'000 || resolution_ms == 3'600'000) {
    return OkStatus();
  }
  return InvalidArgumentError("block " + meta.ulid.ToString() + ": unknown resolution " +
                              std::to_string(resolution_ms) + " ms");
}

double SecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

block::Block::SegmentOpener SegmentsOf(Bucket* bucket, const block::BlockMeta& meta,
                                       std::vector<std::string> names) {
  return [bucket, meta, names = std::move(names)](
             const CallContext& context,
             uint32_t index) -> Result<std::shared_ptr<base::RangeReader>> {
    if (index >= names.size()) {
      return DataLossError("block " + meta.ulid.ToString() + ": a chunk lies in segment " +
                           std::to_string(index) + " of " + std::to_string(names.size()));
    }
    const std::string path = std::string(block::kChunksDirectory) + "/" + names[index];
    return OpenObject(context, bucket, meta, path);
  };
}

}  // namespace

BlockSet::BlockSet(Bucket* bucket, BlockSetOptions options, base::Logger logger,
                   metrics::Registry* registry)
    : bucket_(bucket),
      options_(std::move(options)),
      logger_(std::move(logger)),
      serving_(std::make_shared<const std::vector<ServingBlock>>()) {
  if (registry == nullptr) return;
  const std::string prefix = "thanos_bucket_store_";
  loads_ = registry->AddCounter(prefix + "block_loads_total",
                                "Total number of remote block loading attempts.");
  load_failures_ = registry->AddCounter(prefix + "block_load_failures_total",
                                        "Total number of failed remote block loading attempts.");
  drops_ = registry->AddCounter(prefix + "block_drops_total",
                                "Total number of local blocks that were dropped.");
  drop_failures_ = registry->AddCounter(prefix + "block_drop_failures_total",
                                        "Total number of local blocks that failed to be dropped.");
  loaded_ = registry->AddGauge(prefix + "blocks_loaded", "Number of currently loaded blocks.");
  last_loaded_ = registry->AddGauge(prefix + "blocks_last_loaded_timestamp_seconds",
                                    "Timestamp when last block got loaded.");
  quarantined_ = registry->AddGauge(prefix + "blocks_quarantined",
                                    "Number of blocks put aside because of their index.");
  damaged_ = registry->AddGauge(prefix + "blocks_damaged",
                                "Number of blocks in which wrong or missing bytes were found.");
  load_seconds_ = registry->AddHistogram(prefix + "block_load_duration_seconds",
                                         "The total time taken to load remote blocks in seconds.",
                                         {0.1, 0.2, 0.5, 1, 2, 5, 15, 30, 60, 90, 120, 300});
  AddHeaderMetrics(registry);
}

void BlockSet::AddHeaderMetrics(metrics::Registry* registry) {
  const std::string prefix = "thanos_bucket_store_indexheader_";
  lazy_loads_ = registry->AddCounter(prefix + "lazy_load_total",
                                     "Total number of index-header lazy load operations.");
  lazy_load_failures_ =
      registry->AddCounter(prefix + "lazy_load_failed_total",
                           "Total number of failed index-header lazy load operations.");
  lazy_unloads_ = registry->AddCounter(prefix + "lazy_unload_total",
                                       "Total number of index-header lazy unload operations.");
  lazy_unload_failures_ =
      registry->AddCounter(prefix + "lazy_unload_failed_total",
                           "Total number of failed index-header lazy unload operations.");
  const std::vector<double> fast = {0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1,  2,
                                    5,    15,   30,   60,  90,  120, 300};
  lazy_load_seconds_ =
      registry->AddHistogram(prefix + "lazy_load_duration_seconds",
                             "Duration of the index-header lazy loading in seconds.", fast);
  header_load_seconds_ = registry->AddHistogram(
      prefix + "load_duration_seconds", "Duration of the index-header loading in seconds.", fast);
  header_download_seconds_ =
      registry->AddHistogram(prefix + "download_duration_seconds",
                             "Duration of the index-header download from objstore in seconds.",
                             {0.1, 0.2, 0.5, 1, 2, 5, 15, 30, 60, 90, 120, 300});
}

BlockSet::~BlockSet() = default;

// Called with the lock held.
void BlockSet::Changed() {
  auto serving = std::make_shared<std::vector<ServingBlock>>();
  size_t aside = 0, damaged = 0;
  for (const auto& [id, entry] : entries_) {
    serving->push_back({entry.meta, entry.labels, !entry.quarantine.ok()});
    if (!entry.quarantine.ok()) ++aside;
    if (!entry.damage.ok()) ++damaged;
  }
  loaded_.Set(static_cast<double>(serving->size() - aside));
  quarantined_.Set(static_cast<double>(aside));
  damaged_.Set(static_cast<double>(damaged));
  serving_ = std::move(serving);
}

void BlockSet::Add(bucketblocks::MetaRef meta) {
  std::lock_guard lock(mutex_);
  entries_[meta->ulid].Take(std::move(meta));
  Changed();
}

void BlockSet::Remove(const base::Ulid& id) {
  {
    std::lock_guard lock(mutex_);
    if (entries_.erase(id) == 0) return;
    Changed();
  }
  RemoveDirectory(id.ToString());
}

void BlockSet::Sync(const bucketblocks::MetaMap& metas, bool complete) {
  std::vector<std::string> dropped;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, meta] : metas) {
      Entry& entry = entries_[id];
      entry.Take(meta);
      entry.quarantine = CheckResolution(*meta);
      entry.damage = OkStatus();  // Found again if it is still there.
    }
    for (auto it = entries_.begin(); complete && it != entries_.end();) {
      if (metas.contains(it->first)) {
        ++it;
        continue;
      }
      dropped.push_back(it->first.ToString());
      it = entries_.erase(it);
    }
    Changed();
  }
  for (const std::string& id : dropped) RemoveDirectory(id);
  if (complete) CleanDirectories();
}

// Queries that still hold the block keep its mapping: only the name goes.
void BlockSet::RemoveDirectory(const std::string& id) {
  drops_.Add();
  if (options_.data_dir.empty()) return;
  std::error_code error;
  std::filesystem::remove_all(options_.data_dir + "/" + id, error);
  if (!error) return;
  drop_failures_.Add();
  logger_.Warn("dropping of a block's local directory failed",
               {{"id", id}, {"err", error.message()}});
}

// Directories of blocks that an earlier run knew.
void BlockSet::CleanDirectories() {
  if (options_.data_dir.empty()) return;
  std::error_code error;
  std::vector<std::string> unknown;
  {
    std::lock_guard lock(mutex_);
    for (std::filesystem::directory_iterator it(options_.data_dir, error), end; it != end && !error;
         it.increment(error)) {
      const std::string& path = it->path().native();
      const auto id = base::Ulid::Parse(std::string_view(path).substr(path.rfind('/') + 1));
      if (id.ok() && !entries_.contains(*id)) unknown.push_back(path);
    }
  }
  for (const std::string& path : unknown) std::filesystem::remove_all(path, error);
}

void BlockSet::OpenAll(const CallContext& context, base::Executor& executor) {
  std::vector<base::Ulid> ids;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_) {
      if (!entry.block && !entry.prepared && entry.quarantine.ok()) ids.push_back(id);
    }
  }
  std::reverse(ids.begin(), ids.end());
  (void)base::ParallelFor(&executor, ids.size(), [&](size_t i) -> Status {
    (void)OpenFor(context, ids[i], /*query=*/false).ok();  // Logged and counted there.
    return context.Check();
  }).ok();
}

Result<block::BlockRef> BlockSet::Open(const CallContext& context, const base::Ulid& id) {
  return OpenFor(context, id, /*query=*/true);
}

block::BlockRef BlockSet::IfOpen(const base::Ulid& id) {
  std::lock_guard lock(mutex_);
  const auto it = entries_.find(id);
  if (it == entries_.end() || !it->second.quarantine.ok()) return nullptr;
  it->second.used = std::chrono::steady_clock::now();
  return it->second.block;
}

Result<block::BlockRef> BlockSet::OpenFor(const CallContext& context, const base::Ulid& id,
                                          bool query) {
  bucketblocks::MetaRef meta;
  bool first = false;
  {
    std::unique_lock lock(mutex_);
    while (true) {
      const auto it = entries_.find(id);
      if (it == entries_.end()) return NotFoundError("block " + id.ToString() + " is gone");
      Entry& entry = it->second;
      if (!entry.quarantine.ok()) return entry.quarantine;
      entry.used = std::chrono::steady_clock::now();
      if (entry.block) return entry.block;
      if (!entry.opening) {
        entry.opening = true;
        meta = entry.meta;
        first = !entry.prepared;
        break;
      }
      // Somebody builds it: waits in short turns, so that a cancelled call leaves.
      opened_.wait_for(lock, std::chrono::milliseconds(50));
      THANOS_RETURN_IF_ERROR(context.Check());
    }
  }
  auto block = LoadCounted(context, *meta, first, lazy() && query);
  Keep(id, block.ok() ? *block : nullptr, query);
  if (block.ok()) return block;
  const StatusCode code = block.status().code();
  if (code == StatusCode::kDataLoss || code == StatusCode::kNotFound) {
    Quarantine(id, block.status());
  }
  return block;
}

Result<block::BlockRef> BlockSet::LoadCounted(const CallContext& context,
                                              const block::BlockMeta& meta, bool first,
                                              bool lazy_load) {
  if (first) loads_.Add();
  if (lazy_load) lazy_loads_.Add();
  const auto begin = std::chrono::steady_clock::now();
  auto block = Load(context, meta);
  const double seconds = SecondsSince(begin);
  if (first) load_seconds_.Observe(seconds);
  if (lazy_load) lazy_load_seconds_.Observe(seconds);
  if (block.ok()) {
    if (first) last_loaded_.Set(static_cast<double>(base::NowMs()) / 1000);
    return block;
  }
  if (first) load_failures_.Add();
  if (lazy_load) lazy_load_failures_.Add();
  return block;
}

// Null: it could not be loaded.
void BlockSet::Keep(const base::Ulid& id, const block::BlockRef& block, bool query) {
  std::lock_guard lock(mutex_);
  const auto it = entries_.find(id);
  if (it != entries_.end()) {
    it->second.opening = false;
    it->second.prepared |= block != nullptr;
    if (query || !lazy()) it->second.block = block;
  }
  opened_.notify_all();
}

void BlockSet::UnloadIdle() {
  if (!lazy()) return;
  const auto since = std::chrono::steady_clock::now() - std::chrono::milliseconds(options_.idle_ms);
  std::lock_guard lock(mutex_);
  for (auto& [id, entry] : entries_) {
    if (!entry.block || entry.used > since) continue;
    entry.block.reset();  // Queries that hold it go on; the last one unmaps.
    lazy_unloads_.Add();
  }
}

void BlockSet::ReportDamage(const base::Ulid& id, const Status& reason) {
  {
    std::lock_guard lock(mutex_);
    const auto it = entries_.find(id);
    if (it == entries_.end() || !it->second.damage.ok()) return;
    it->second.damage = reason;
    Changed();
  }
  logger_.Error("block is damaged", {{"id", id.ToString()}, {"err", reason}});
}

void BlockSet::Quarantine(const base::Ulid& id, const Status& reason) {
  {
    std::lock_guard lock(mutex_);
    const auto it = entries_.find(id);
    if (it == entries_.end() || !it->second.quarantine.ok()) return;
    it->second.quarantine = reason.WithContext("quarantined");
    it->second.block.reset();
    Changed();
  }
  logger_.Error("block is put aside", {{"id", id.ToString()}, {"err", reason}});
  // A header that was right about wrong bytes must not survive the index being repaired.
  if (options_.data_dir.empty()) return;
  std::error_code ignored;
  std::filesystem::remove(options_.data_dir + "/" + id.ToString() + "/" + kHeaderFile, ignored);
}

struct BlockSet::HeaderAndIndex {
  std::shared_ptr<const block::IndexHeader> header;
  std::shared_ptr<base::RangeReader> index;
};

Result<std::shared_ptr<const block::IndexHeader>> BlockSet::OpenHeader(
    const std::string& path) const {
  const auto begin = std::chrono::steady_clock::now();
  block::IndexHeader::Options options;
  options.postings_sampling = options_.postings_sampling;
  auto header = block::IndexHeader::OpenFile(path, options);
  if (header.ok()) header_load_seconds_.Observe(SecondsSince(begin));
  return header;
}

// A header that fits needs nothing of the bucket: it says how long its index is.
Result<BlockSet::HeaderAndIndex> BlockSet::LoadHeader(const CallContext& context,
                                                      const block::BlockMeta& meta) {
  const std::string id = meta.ulid.ToString();
  const std::string path =
      options_.data_dir.empty() ? "" : options_.data_dir + "/" + id + "/" + kHeaderFile;
  if (path.empty()) return BuildHeader(context, meta, path);
  HeaderAndIndex out;
  auto header = OpenHeader(path);
  if (header.ok()) {
    const uint64_t stated = StatedSize(meta, block::kIndexFile);
    if (stated == 0 || stated == (*header)->index_bytes()) {
      out.index = objstore::MakeObjectReader(bucket_, id + "/" + std::string(block::kIndexFile),
                                             (*header)->index_bytes());
      out.header = std::move(*header);
      return out;
    }
  } else if (header.status().code() != StatusCode::kNotFound) {
    logger_.Warn("index-header is rebuilt", {{"id", id}, {"err", header.status()}});
  }
  return BuildHeader(context, meta, path);
}

void BlockSet::KnowIndexBytes(std::map<base::Ulid, uint64_t> index_bytes) {
  std::lock_guard lock(mutex_);
  index_bytes_ = std::move(index_bytes);
}

Result<std::shared_ptr<base::RangeReader>> BlockSet::OpenIndex(const CallContext& context,
                                                               const block::BlockMeta& meta) const {
  uint64_t listed = 0;
  {
    std::lock_guard lock(mutex_);
    if (const auto found = index_bytes_.find(meta.ulid); found != index_bytes_.end()) {
      listed = found->second;
    }
  }
  if (listed == 0 || StatedSize(meta, block::kIndexFile) != 0) {
    return OpenObject(context, bucket_, meta, std::string(block::kIndexFile));
  }
  return objstore::MakeObjectReader(
      bucket_, meta.ulid.ToString() + "/" + std::string(block::kIndexFile), listed);
}

// No path: in memory.
Result<BlockSet::HeaderAndIndex> BlockSet::BuildHeader(const CallContext& context,
                                                       const block::BlockMeta& meta,
                                                       const std::string& path) {
  HeaderAndIndex out;
  THANOS_ASSIGN_OR_RETURN(out.index, OpenIndex(context, meta));
  const auto begin = std::chrono::steady_clock::now();
  if (path.empty()) {
    std::string bytes;
    THANOS_RETURN_IF_ERROR(
        block::BuildIndexHeader(context, *out.index, *block::MakeStringSink(&bytes)));
    header_download_seconds_.Observe(SecondsSince(begin));
    block::IndexHeader::Options options;
    options.postings_sampling = options_.postings_sampling;
    THANOS_ASSIGN_OR_RETURN(
        out.header, block::IndexHeader::Open(meta.ulid.ToString(),
                                             base::PinnedBytes::Of(std::move(bytes)), options));
    return out;
  }
  const std::string directory = path.substr(0, path.rfind('/'));
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return ErrnoError(error.value(), "create " + directory);
  THANOS_RETURN_IF_ERROR(block::BuildIndexHeaderFile(context, *out.index, path));
  header_download_seconds_.Observe(SecondsSince(begin));
  THANOS_ASSIGN_OR_RETURN(out.header, OpenHeader(path));
  return out;
}

Result<block::BlockRef> BlockSet::Load(const CallContext& context, const block::BlockMeta& meta) {
  const auto load = [&]() -> Result<block::BlockRef> {
    block::Block::Parts parts;
    parts.meta = meta;
    THANOS_ASSIGN_OR_RETURN(HeaderAndIndex loaded, LoadHeader(context, meta));
    THANOS_ASSIGN_OR_RETURN(auto names, SegmentNames(context, *bucket_, meta));
    parts.index = std::move(loaded.index);
    parts.index_version = loaded.header->index_version();
    parts.toc = loaded.header->toc();
    parts.symbols = &loaded.header->symbols();
    parts.postings = &loaded.header->postings_table();
    parts.owner = loaded.header;
    parts.open_segment = SegmentsOf(bucket_, meta, std::move(names));
    return std::make_shared<const block::Block>(std::move(parts));
  };
  auto block = load();
  if (!block.ok()) return block.status().WithContext("block " + meta.ulid.ToString());
  return block;
}

std::vector<BlockStatus> BlockSet::Snapshot() const {
  std::lock_guard lock(mutex_);
  std::vector<BlockStatus> out;
  for (const auto& [id, entry] : entries_) {
    BlockStatus& status = out.emplace_back();
    status.meta = entry.meta;
    status.state = !entry.quarantine.ok() ? BlockState::kQuarantined
                   : !entry.damage.ok()   ? BlockState::kDamaged
                   : entry.block          ? BlockState::kOpen
                                          : BlockState::kKnown;
    status.reason = (entry.quarantine.ok() ? entry.damage : entry.quarantine).message();
  }
  return out;
}

ServingBlocks BlockSet::Serving() const {
  std::lock_guard lock(mutex_);
  return serving_;
}

}  // namespace thanos::bucketstore
