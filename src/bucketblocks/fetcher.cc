#include "bucketblocks/fetcher.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/time_text.h"
#include "block/byte_sink.h"
#include "objstore/byte_sources.h"

namespace fs = std::filesystem;

namespace thanos::bucketblocks {
namespace {

constexpr size_t kMetaBytesMax = 64 << 20;
constexpr size_t kForeignObjectsMax = 1000;  // A page of a listing.
constexpr std::string_view kStates[] = {"corrupted-meta-json",
                                        "no-meta-json",
                                        "loaded",
                                        "too-fresh",
                                        "failed",
                                        "label-excluded",
                                        "time-excluded",
                                        "duplicate",
                                        "marked-for-deletion",
                                        "marked-for-no-compact",
                                        "marked-for-no-downsample",
                                        "parquet-migrated"};

int64_t UploadMs(const block::BlockMeta& meta) {
  const auto upload = base::ParseRfc3339Ms(meta.thanos.upload_time);
  return upload.ok() && *upload > 0 ? *upload : meta.ulid.time_ms();
}

bool MadeByCompactor(const block::BlockMeta& meta) {
  const std::string& source = meta.thanos.source;
  return source == "compactor" || source == "compactor.repair" || source == "bucket.repair";
}

bool ContainsAll(const std::vector<base::Ulid>& all, const std::vector<base::Ulid>& some) {
  return std::all_of(some.begin(), some.end(), [&](const base::Ulid& ulid) {
    return std::find(all.begin(), all.end(), ulid) != all.end();
  });
}

}  // namespace

MetaFetcher::MetaFetcher(Bucket* bucket, FetchOptions options, base::Executor* io,
                         base::Logger logger, metrics::Registry* registry)
    : bucket_(bucket), options_(std::move(options)), io_(io), logger_(std::move(logger)) {
  if (!options_.cache_dir.empty()) {
    pack_ = std::make_unique<MetaPack>(options_.cache_dir + "/meta-syncer/metas.pack");
  }
  const std::string prefix = options_.metric_prefix + "blocks_meta_";
  syncs_ = registry->AddCounter(prefix + "syncs_total",
                                "Total blocks metadata synchronization attempts");
  failures_ = registry->AddCounter(prefix + "sync_failures_total",
                                   "Total blocks metadata synchronization failures");
  base_syncs_ =
      registry->AddCounter(prefix + "base_syncs_total",
                           "Total blocks metadata synchronization attempts by base Fetcher");
  seconds_ = registry->AddHistogram(prefix + "sync_duration_seconds",
                                    "Duration of the blocks metadata synchronization in seconds",
                                    {0.01, 1, 10, 100, 300, 600, 1000});
  synced_ = registry->AddGaugeFamily(prefix + "synced", "Number of block metadata synced");
  if (options_.for_writing) {
    // A meta is read once; nothing is taken out of the cache before its block goes.
    registry->AddCounter(prefix + "base_cache_busts_total",
                         "Total blocks metadata cache busts by base Fetcher");
    modified_ = registry->AddGauge(prefix + "modified", "Number of blocks whose metadata changed",
                                   {{"modified", "replica-label-removed"}});
  }
  if (options_.metric_prefix == "thanos_") {
    registry
        ->AddGauge("thanos_consistency_delay_seconds", "Configured consistency delay in seconds.")
        .Set(static_cast<double>(options_.consistency_delay_ms) / 1000);
  }
  for (const std::string_view state : kStates) synced_.With({{"state", std::string(state)}}).Set(0);
}

Result<FetchResult> MetaFetcher::Fetch(const CallContext& context) {
  std::lock_guard lock(mutex_);
  const auto start = std::chrono::steady_clock::now();
  syncs_.Add();
  base_syncs_.Add();
  Result<Listing> listed = Listing();
  const Status begun = base::ParallelFor(io_, 2, [&](size_t i) -> Status {
    if (i == 0) {
      listed = ListBlocks(context);
    } else {
      TakeKept(context);
    }
    return OkStatus();
  });
  THANOS_CHECK(begun.ok());
  if (!listed.ok()) {
    failures_.Add();
    return listed.status().WithContext("list blocks of " + bucket_->name());
  }
  const std::vector<std::pair<base::Ulid, Listed>> blocks(listed->begin(), listed->end());
  std::vector<Loaded> all(blocks.size());
  const Status status = base::ParallelFor(io_, blocks.size(), [&](size_t i) {
    all[i] = Load(context, blocks[i].first, blocks[i].second);
    return context.Check();
  });
  if (!status.ok()) {
    failures_.Add();
    return status;
  }
  std::map<base::Ulid, Loaded> loaded;
  for (size_t i = 0; i < all.size(); ++i) loaded[blocks[i].first] = std::move(all[i]);
  FetchResult result;
  Filter(&loaded, &result);
  for (const auto& [ulid, block] : *listed) {
    if (block.index_bytes > 0) result.index_bytes[ulid] = block.index_bytes;
  }
  if (!result.incomplete.ok()) failures_.Add();
  Keep(*listed, &loaded);
  seconds_.Observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return result;
}

// At the first fetch: the metas that the process before kept. Those of blocks that are gone leave
// with the end of the fetch.
void MetaFetcher::TakeKept(const CallContext& context) {
  if (!pack_ || std::exchange(kept_taken_, true)) return;
  std::string content;
  const auto texts = pack_->Read(&content);
  if (!texts.ok()) {
    logger_.Warn("kept metas cannot be read and are fetched anew", {{"err", texts.status()}});
    return;
  }
  std::vector<MetaRef> metas(texts->size());
  (void)base::ParallelFor(io_, texts->size(), [&](size_t i) {
    const auto& [ulid, text] = (*texts)[i];
    auto meta = block::ParseMeta(text);
    if (meta.ok() && meta->ulid == ulid) {
      metas[i] = std::make_shared<const block::BlockMeta>(*std::move(meta));
    }
    return context.Check();
  }).ok();  // What is not taken is fetched.
  for (const MetaRef& meta : metas) {
    if (meta) known_.emplace(meta->ulid, meta);
  }
}

// What failed to load this time is still known from before; what is gone is forgotten.
void MetaFetcher::Keep(const Listing& listing, std::map<base::Ulid, Loaded>* loaded) {
  std::vector<std::pair<base::Ulid, std::string>> added;
  known_marks_.clear();
  for (auto& [ulid, block] : *loaded) {
    if (block.status.ok() && !block.meta) known_.erase(ulid);
    if (!block.meta) continue;
    known_[ulid] = block.meta;
    if (!block.new_text.empty()) added.emplace_back(ulid, std::move(block.new_text));
    for (const auto& [kind, mark] : block.marks) {
      for (const ListedMark& object : listing.at(ulid).marks) {
        if (object.kind != kind || !object.has_attributes) continue;
        known_marks_[{ulid, kind}] = {object.attributes, mark};
      }
    }
  }
  std::erase_if(known_, [&](const auto& block) { return !listing.contains(block.first); });
  if (!pack_) return;
  std::error_code error;
  fs::create_directories(options_.cache_dir + "/meta-syncer", error);
  const Status status =
      pack_->Update(added, [&](const base::Ulid& ulid) { return listing.contains(ulid); });
  if (!status.ok()) logger_.Warn("metas cannot be kept on disk", {{"err", status}});
  if (status.ok() && !std::exchange(cleaned_, true)) CleanCache();
}

void MetaFetcher::Listed::Add(std::string_view file, const ListedObject& object) {
  if (file == block::kMetaFile) has_meta = true;
  if (file == block::kIndexFile && object.has_attributes) {
    index_bytes = static_cast<uint64_t>(std::max<int64_t>(object.attributes.size, 0));
  }
  if (const auto kind = MarkKindOf(file)) {
    marks.push_back({*kind, object.attributes, object.has_attributes});
  }
}

// One recursive listing tells of each block what there is: nothing is asked for one that did not
// change. Directories that are no blocks may hold millions of objects: once one fills a page of a
// listing, the listing begins anew behind it.
Result<MetaFetcher::Listing> MetaFetcher::ListBlocks(const CallContext& context) {
  Listing listing;
  ListOptions options{.recursive = true, .uninteresting = "chunks"};
  std::string foreign;  // The directory that objects pass by of.
  size_t passed = 0;
  bool jump = false;
  const auto visit = [&](const ListedObject& object) {
    const size_t slash = object.name.find('/');
    if (slash == std::string_view::npos) return OkStatus();
    const auto ulid = base::Ulid::Parse(object.name.substr(0, slash));
    if (ulid.ok()) {
      listing[*ulid].Add(object.name.substr(slash + 1), object);
      return OkStatus();
    }
    if (object.name.substr(0, slash) != foreign) {
      foreign = object.name.substr(0, slash);
      passed = 0;
    }
    jump = ++passed == kForeignObjectsMax;
    return jump ? CancelledError("passed over") : OkStatus();
  };
  for (;;) {
    jump = false;
    const Status status = bucket_->Iterate(context, options, visit);
    if (!jump) {
      THANOS_RETURN_IF_ERROR(status);
      return listing;
    }
    options.start_after = foreign + "/\xf4\x8f\xbf\xbf";  // Behind all names of Unicode.
  }
}

MetaFetcher::Loaded MetaFetcher::Load(const CallContext& context, const base::Ulid& ulid,
                                      const Listed& listed) {
  Loaded loaded;
  loaded.status = LoadMeta(context, ulid, listed, &loaded);
  if (loaded.status.ok()) loaded.status = LoadMarks(context, ulid, listed, &loaded);
  return loaded;
}

Status MetaFetcher::LoadMarks(const CallContext& context, const base::Ulid& ulid,
                              const Listed& listed, Loaded* loaded) {
  const bool deletions = loaded->meta && options_.ignore_deletion_marks_delay_ms >= 0;
  for (const ListedMark& object : listed.marks) {
    if (!reads_all_marks() && (object.kind != MarkKind::kDeletion || !deletions)) continue;
    const auto known = known_marks_.find({ulid, object.kind});
    if (known != known_marks_.end() && object.has_attributes &&
        known->second.attributes == object.attributes) {
      loaded->marks.emplace(object.kind, known->second.mark);
      continue;
    }
    THANOS_RETURN_IF_ERROR(LoadMark(context, ulid, object.kind, loaded));
  }
  return OkStatus();
}

Status MetaFetcher::LoadMeta(const CallContext& context, const base::Ulid& ulid,
                             const Listed& listed, Loaded* loaded) {
  if (!listed.has_meta) return OkStatus();
  if (const auto known = known_.find(ulid); known != known_.end()) {
    loaded->meta = known->second;
    return OkStatus();
  }
  auto text = ReadMetaText(context, ulid);
  if (!text.ok()) {
    return text.status().code() == StatusCode::kNotFound ? OkStatus() : text.status();
  }
  auto meta = block::ParseMeta(*text);
  Status status = meta.status();
  if (status.ok() && meta->ulid != ulid) {
    status = FailedPreconditionError("meta.json names another block, " + meta->ulid.ToString());
  }
  if (!status.ok()) {
    // A writer must not take for garbage what it does not know.
    if (options_.for_writing && status.code() == StatusCode::kFailedPrecondition) return status;
    logger_.Warn("meta.json cannot be read; the block counts as partial",
                 {{"block", ulid.ToString()}, {"err", status}});
    loaded->corrupted = true;
    return OkStatus();
  }
  loaded->new_text = *std::move(text);
  loaded->meta = std::make_shared<const block::BlockMeta>(*std::move(meta));
  return OkStatus();
}

// From a copy that Go Thanos left, else from the bucket.
Result<std::string> MetaFetcher::ReadMetaText(const CallContext& context, const base::Ulid& ulid) {
  const std::string name = ulid.ToString() + "/" + std::string(block::kMetaFile);
  if (!options_.cache_dir.empty()) {
    auto text = block::ReadFile(options_.cache_dir + "/meta-syncer/" + name, kMetaBytesMax);
    if (text.ok()) {
      const auto meta = block::ParseMeta(*text);
      if (meta.ok() && meta->ulid == ulid) return text;
    }
  }
  return objstore::ReadObject(context, *bucket_, name, kMetaBytesMax);
}

Status MetaFetcher::LoadMark(const CallContext& context, const base::Ulid& ulid, MarkKind kind,
                             Loaded* loaded) {
  auto mark = ReadMark(context, *bucket_, ulid, kind);
  if (mark.ok()) {
    if (*mark) loaded->marks.emplace(kind, **mark);
    return OkStatus();
  }
  const StatusCode code = mark.status().code();
  if (code != StatusCode::kDataLoss && code != StatusCode::kFailedPrecondition) {
    return mark.status();
  }
  // What is not understood must not make anybody delete, nor serve nothing at all; but it does
  // keep a block from being compacted or downsampled.
  const bool counts = kind != MarkKind::kDeletion;
  logger_.Warn(counts ? "mark cannot be read and counts as one"
                      : "deletion mark cannot be read and counts as absent",
               {{"block", ulid.ToString()}, {"err", mark.status()}});
  if (counts) loaded->marks.emplace(kind, Mark{.kind = kind, .ulid = ulid});
  return OkStatus();
}

bool MetaFetcher::Selected(const block::BlockMeta& meta) const {
  if (options_.selector.empty()) return true;
  const Labels external = meta.ExternalLabels();
  const std::string id = meta.ulid.ToString();
  LabelsBuilder labels(external.view());
  for (const std::string& name : options_.labels_hidden_from_selector) labels.Remove(name);
  labels.Set("__block_id", id);
  return options_.selector.Apply(labels.Build().view()).has_value();
}

// "loaded", or why the block is left out.
std::string_view MetaFetcher::StateOf(const Loaded& block, int64_t now_ms) const {
  const block::BlockMeta& meta = *block.meta;
  const int64_t min_ms = options_.min_ms ? options_.min_ms() : INT64_MIN;
  const int64_t max_ms = options_.max_ms ? options_.max_ms() : INT64_MAX;
  if (meta.max_ms < min_ms || meta.min_ms > max_ms) return "time-excluded";
  if (!Selected(meta)) return "label-excluded";
  if (options_.consistency_delay_ms > 0 && !MadeByCompactor(meta) &&
      now_ms - UploadMs(meta) < options_.consistency_delay_ms) {
    return "too-fresh";
  }
  const auto mark = block.marks.find(MarkKind::kDeletion);
  if (mark != block.marks.end() && options_.ignore_deletion_marks_delay_ms >= 0 &&
      now_ms - mark->second.time_s * 1000 > options_.ignore_deletion_marks_delay_ms) {
    return "marked-for-deletion";
  }
  return "loaded";
}

void MetaFetcher::KeepMarks(const base::Ulid& ulid, const Loaded& block,
                            FetchResult* result) const {
  if (!reads_all_marks()) return;
  for (const auto& [kind, mark] : block.marks) {
    if (kind == MarkKind::kDeletion) result->deletion_marks[ulid] = mark;
    if (kind == MarkKind::kNoCompact) result->no_compact_marks[ulid] = mark;
    if (kind == MarkKind::kNoDownsample) result->no_downsample_marks[ulid] = mark;
  }
}

void MetaFetcher::Filter(std::map<base::Ulid, Loaded>* loaded, FetchResult* result) {
  std::map<std::string_view, size_t> counts;
  const int64_t now_ms = base::NowMs();
  for (const auto& [ulid, block] : *loaded) {
    std::string_view state;
    if (!block.status.ok()) {
      state = "failed";
      if (result->incomplete.ok()) {
        result->incomplete = block.status.WithContext("incomplete view: block " + ulid.ToString());
      }
    } else if (!block.meta) {
      state = block.corrupted ? "corrupted-meta-json" : "no-meta-json";
      result->partial.push_back(ulid);
      KeepMarks(ulid, block, result);
    } else {
      state = StateOf(block, now_ms);
      if (state == "loaded" || state == "marked-for-deletion") KeepMarks(ulid, block, result);
      if (state == "loaded") {
        result->metas[ulid] = block.meta;
        continue;
      }
    }
    ++counts[state];
  }
  RemoveReplicaLabels(&result->metas);
  if (options_.drop_duplicates) DropDuplicates(result);
  counts["duplicate"] = result->duplicates.size();
  counts["marked-for-no-compact"] = result->no_compact_marks.size();
  counts["marked-for-no-downsample"] = result->no_downsample_marks.size();
  counts["loaded"] = result->metas.size();
  for (const std::string_view state : kStates) {
    synced_.With({{"state", std::string(state)}}).Set(static_cast<double>(counts[state]));
  }
}

void MetaFetcher::RemoveReplicaLabels(MetaMap* metas) {
  if (options_.replica_labels.empty()) return;
  size_t modified = 0;
  for (auto& [ulid, meta] : *metas) {
    block::BlockMeta changed = *meta;
    for (const std::string& label : options_.replica_labels) changed.thanos.labels.erase(label);
    if (changed.thanos.labels.size() == meta->thanos.labels.size()) continue;
    if (changed.thanos.labels.empty()) {
      changed.thanos.labels[options_.replica_labels[0]] = "deduped";
    }
    meta = std::make_shared<const block::BlockMeta>(std::move(changed));
    ++modified;
  }
  modified_.Set(static_cast<double>(modified));
}

// Of a group, blocks with most sources come first; one that adds none to a block already kept goes.
void MetaFetcher::DropDuplicates(FetchResult* result) const {
  std::map<std::string, std::vector<MetaRef>> groups;
  for (const auto& [ulid, meta] : result->metas) groups[meta->GroupKey()].push_back(meta);
  for (auto& [key, group] : groups) {
    std::stable_sort(group.begin(), group.end(), [](const MetaRef& a, const MetaRef& b) {
      const size_t x = a->compaction.sources.size(), y = b->compaction.sources.size();
      return x != y ? x > y : a->ulid < b->ulid;
    });
    // Who has all sources has the first one: only the kept blocks that do are looked at.
    std::map<base::Ulid, std::vector<MetaRef>> kept_with;
    bool any_kept = false;
    for (const MetaRef& meta : group) {
      const std::vector<base::Ulid>& sources = meta->compaction.sources;
      bool duplicate = sources.empty() && any_kept;
      if (!sources.empty()) {
        const std::vector<MetaRef>& candidates = kept_with[sources[0]];
        duplicate = std::any_of(candidates.begin(), candidates.end(), [&](const MetaRef& other) {
          return ContainsAll(other->compaction.sources, sources);
        });
      }
      if (duplicate) {
        result->metas.erase(meta->ulid);
        result->duplicates.push_back(meta->ulid);
        continue;
      }
      any_kept = true;
      for (const base::Ulid& source : sources) kept_with[source].push_back(meta);
    }
  }
}

// Copies of single metas are Go's: what is in the pack needs none.
void MetaFetcher::CleanCache() const {
  std::error_code error;
  for (fs::directory_iterator it(options_.cache_dir + "/meta-syncer", error), end;
       !error && it != end; it.increment(error)) {
    const auto ulid = base::Ulid::Parse(it->path().filename().native());
    std::error_code ignored;
    if (ulid.ok()) fs::remove_all(it->path(), ignored);
  }
}

Status DeleteBlock(const CallContext& context, Bucket& bucket, const base::Ulid& ulid) {
  const std::string directory = ulid.ToString() + "/";
  const std::string meta = directory + std::string(block::kMetaFile);
  const std::string mark = directory + std::string(kDeletionMarkFile);
  std::vector<std::string> others;
  THANOS_RETURN_IF_ERROR(bucket.Iterate(context,
                                        {.prefix = directory, .recursive = true, .start_after = ""},
                                        [&](const ListedObject& object) {
                                          if (object.name != meta && object.name != mark)
                                            others.emplace_back(object.name);
                                          return OkStatus();
                                        }));
  THANOS_RETURN_IF_ERROR(bucket.Delete(context, meta));
  for (const std::string& name : others) THANOS_RETURN_IF_ERROR(bucket.Delete(context, name));
  return bucket.Delete(context, mark);
}

}  // namespace thanos::bucketblocks
