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

// Sizes stand in the meta of newer blocks; else the bucket is asked, once.
Result<uint64_t> SizeOf(const CallContext& context, Bucket& bucket, const block::BlockMeta& meta,
                        const std::string& path) {
  for (const block::FileMeta& file : meta.thanos.files) {
    if (file.path == path && file.size_bytes > 0) return static_cast<uint64_t>(file.size_bytes);
  }
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
                                    "Number of blocks left out because their bytes are wrong.");
  load_seconds_ = registry->AddHistogram(prefix + "block_load_duration_seconds",
                                         "The total time taken to load remote blocks in seconds.",
                                         metrics::OperationSecondsBounds());
}

BlockSet::~BlockSet() = default;

// Called with the lock held.
void BlockSet::Changed() {
  auto serving = std::make_shared<std::vector<ServingBlock>>();
  size_t aside = 0;
  for (const auto& [id, entry] : entries_) {
    if (entry.quarantine.ok()) {
      serving->push_back({entry.meta, entry.labels});
    } else {
      ++aside;
    }
  }
  loaded_.Set(static_cast<double>(serving->size()));
  quarantined_.Set(static_cast<double>(aside));
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
      entry.quarantine = OkStatus();
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
  for (std::filesystem::directory_iterator it(options_.data_dir, error), end; it != end && !error;
       it.increment(error)) {
    const auto id = base::Ulid::Parse(it->path().filename().string());
    if (!id.ok()) continue;
    std::lock_guard lock(mutex_);
    if (!entries_.contains(*id)) unknown.push_back(it->path().string());
  }
  for (const std::string& path : unknown) std::filesystem::remove_all(path, error);
}

void BlockSet::OpenAll(const CallContext& context, base::Executor& executor) {
  std::vector<base::Ulid> ids;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_) {
      if (!entry.block && entry.quarantine.ok()) ids.push_back(id);
    }
  }
  std::reverse(ids.begin(), ids.end());
  (void)base::ParallelFor(executor, ids.size(), [&](size_t i) -> Status {
    (void)Open(context, ids[i]).ok();  // Logged and counted there; the others go on.
    return context.Check();
  }).ok();
}

Result<block::BlockRef> BlockSet::Open(const CallContext& context, const base::Ulid& id) {
  bucketblocks::MetaRef meta;
  {
    std::unique_lock lock(mutex_);
    while (true) {
      const auto it = entries_.find(id);
      if (it == entries_.end()) return NotFoundError("block " + id.ToString() + " is gone");
      if (!it->second.quarantine.ok()) return it->second.quarantine;
      if (it->second.block) return it->second.block;
      if (!it->second.opening) {
        it->second.opening = true;
        meta = it->second.meta;
        break;
      }
      // Somebody builds it: waits in short turns, so that a cancelled call leaves.
      opened_.wait_for(lock, std::chrono::milliseconds(50));
      THANOS_RETURN_IF_ERROR(context.Check());
    }
  }
  loads_.Add();
  const auto begin = std::chrono::steady_clock::now();
  auto block = Load(context, *meta);
  load_seconds_.Observe(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  {
    std::lock_guard lock(mutex_);
    const auto it = entries_.find(id);
    if (it != entries_.end()) {
      it->second.opening = false;
      if (block.ok()) it->second.block = *block;
    }
    opened_.notify_all();
  }
  if (block.ok()) {
    last_loaded_.Set(static_cast<double>(base::NowMs()) / 1000);
    return block;
  }
  load_failures_.Add();
  const StatusCode code = block.status().code();
  if (code == StatusCode::kDataLoss || code == StatusCode::kNotFound) {
    Quarantine(id, block.status());
  }
  return block;
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

Result<std::shared_ptr<const block::IndexHeader>> BlockSet::LoadHeader(const CallContext& context,
                                                                       const std::string& id,
                                                                       base::RangeReader& index) {
  block::IndexHeader::Options options;
  options.postings_sampling = options_.postings_sampling;
  if (options_.data_dir.empty()) {
    std::string bytes;
    THANOS_RETURN_IF_ERROR(block::BuildIndexHeader(context, index, *block::MakeStringSink(&bytes)));
    return block::IndexHeader::Open(id, base::PinnedBytes::Of(std::move(bytes)), options);
  }
  const std::string directory = options_.data_dir + "/" + id;
  const std::string path = directory + "/" + kHeaderFile;
  auto header = block::IndexHeader::OpenFile(path, options);
  if (header.ok() && (*header)->index_bytes() == index.size()) return header;
  if (!header.ok() && header.status().code() != StatusCode::kNotFound) {
    logger_.Warn("index-header is rebuilt", {{"id", id}, {"err", header.status()}});
  }
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return ErrnoError(error.value(), "create " + directory);
  THANOS_RETURN_IF_ERROR(block::BuildIndexHeaderFile(context, index, path));
  return block::IndexHeader::OpenFile(path, options);
}

Result<block::BlockRef> BlockSet::Load(const CallContext& context, const block::BlockMeta& meta) {
  const auto load = [&]() -> Result<block::BlockRef> {
    block::Block::Parts parts;
    parts.meta = meta;
    THANOS_ASSIGN_OR_RETURN(parts.index,
                            OpenObject(context, bucket_, meta, std::string(block::kIndexFile)));
    THANOS_ASSIGN_OR_RETURN(const auto header,
                            LoadHeader(context, meta.ulid.ToString(), *parts.index));
    THANOS_ASSIGN_OR_RETURN(auto names, SegmentNames(context, *bucket_, meta));
    parts.index_version = header->index_version();
    parts.toc = header->toc();
    parts.symbols = &header->symbols();
    parts.postings = &header->postings_table();
    parts.owner = header;
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
                   : entry.block          ? BlockState::kOpen
                                          : BlockState::kKnown;
    status.reason = entry.quarantine.message();
  }
  return out;
}

ServingBlocks BlockSet::Serving() const {
  std::lock_guard lock(mutex_);
  return serving_;
}

}  // namespace thanos::bucketstore
