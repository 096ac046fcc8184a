#include "bucketblocks/fetcher.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>

#include "base/time_text.h"
#include "block/byte_sink.h"
#include "bucketblocks/marks.h"
#include "objstore/byte_sources.h"

namespace fs = std::filesystem;

namespace thanos::bucketblocks {
namespace {

constexpr size_t kMetaBytesMax = 64 << 20;
constexpr std::string_view kStates[] = {"corrupted-meta-json",
                                        "no-meta-json",
                                        "loaded",
                                        "too-fresh",
                                        "failed",
                                        "label-excluded",
                                        "time-excluded",
                                        "duplicate",
                                        "marked-for-deletion",
                                        "marked-for-no-compact"};

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
    : bucket_(bucket),
      options_(std::move(options)),
      io_(io),
      logger_(std::move(logger)),
      syncs_(registry->AddCounter("thanos_blocks_meta_syncs_total",
                                  "Total blocks metadata synchronization attempts")),
      failures_(registry->AddCounter("thanos_blocks_meta_sync_failures_total",
                                     "Total blocks metadata synchronization failures")),
      base_syncs_(
          registry->AddCounter("thanos_blocks_meta_base_syncs_total",
                               "Total blocks metadata synchronization attempts by base Fetcher")),
      seconds_(registry->AddHistogram("thanos_blocks_meta_sync_duration_seconds",
                                      "Duration of the blocks metadata synchronization in seconds",
                                      {0.01, 1, 10, 100, 300, 600, 1000})),
      synced_(registry->AddGaugeFamily("thanos_blocks_meta_synced",
                                       "Number of block metadata synced")) {
  registry->AddGauge("thanos_consistency_delay_seconds", "Configured consistency delay in seconds.")
      .Set(static_cast<double>(options_.consistency_delay_ms) / 1000);
  for (const std::string_view state : kStates) synced_.With({{"state", std::string(state)}}).Set(0);
}

Result<FetchResult> MetaFetcher::Fetch(const CallContext& context) {
  std::lock_guard lock(mutex_);
  const auto start = std::chrono::steady_clock::now();
  syncs_.Add();
  base_syncs_.Add();
  auto listed = ListBlocks(context);
  if (!listed.ok()) {
    failures_.Add();
    return listed.status().WithContext("list blocks of " + bucket_->name());
  }
  std::vector<Loaded> all(listed->size());
  const Status status = base::ParallelFor(*io_, listed->size(), [&](size_t i) {
    all[i] = Load(context, (*listed)[i]);
    return context.Check();
  });
  THANOS_RETURN_IF_ERROR(status);
  std::map<base::Ulid, Loaded> loaded;
  MetaMap known;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].meta) known[(*listed)[i]] = all[i].meta;
    loaded[(*listed)[i]] = std::move(all[i]);
  }
  FetchResult result;
  Filter(&loaded, &result);
  // What failed to load this time is still known from before.
  if (result.incomplete.ok()) {
    known_ = std::move(known);
    CleanCache(*listed);
  } else {
    known_.insert(known.begin(), known.end());
    failures_.Add();
  }
  seconds_.Observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return result;
}

Result<std::vector<base::Ulid>> MetaFetcher::ListBlocks(const CallContext& context) {
  std::vector<base::Ulid> ulids;
  THANOS_RETURN_IF_ERROR(bucket_->Iterate(context, {}, [&](const ListedObject& object) {
    std::string_view name = object.name;
    if (!name.ends_with('/')) return OkStatus();
    name.remove_suffix(1);
    if (const auto ulid = base::Ulid::Parse(name); ulid.ok()) ulids.push_back(*ulid);
    return OkStatus();
  }));
  return ulids;
}

MetaFetcher::Loaded MetaFetcher::Load(const CallContext& context, const base::Ulid& ulid) {
  Loaded loaded;
  bool from_cache = false;
  // Even a known block is looked for: it may have been deleted.
  auto text = ReadMetaText(context, ulid, &from_cache);
  if (!text.ok()) {
    if (text.status().code() != StatusCode::kNotFound) loaded.status = text.status();
    return loaded;
  }
  if (const auto known = known_.find(ulid); known != known_.end()) {
    loaded.meta = known->second;
  } else {
    auto meta = block::ParseMeta(*text);
    if (!meta.ok() || meta->ulid != ulid) {
      logger_.Warn(
          "meta.json cannot be read; the block counts as partial",
          {{"block", ulid.ToString()},
           {"err", meta.ok() ? InvalidArgumentError("it names another block") : meta.status()}});
      loaded.corrupted = true;
      return loaded;
    }
    if (!from_cache) SaveToCache(ulid, *text);
    loaded.meta = std::make_shared<const block::BlockMeta>(*std::move(meta));
  }
  if (options_.ignore_deletion_marks_delay_ms >= 0) {
    loaded.status = LoadDeletionMark(context, ulid, &loaded);
  }
  return loaded;
}

Result<std::string> MetaFetcher::ReadMetaText(const CallContext& context, const base::Ulid& ulid,
                                              bool* from_cache) {
  const std::string name = ulid.ToString() + "/" + std::string(block::kMetaFile);
  const bool cached_here = known_.contains(ulid);
  const std::string cached =
      options_.cache_dir.empty() ? "" : options_.cache_dir + "/meta-syncer/" + name;
  if (cached_here || (!cached.empty() && fs::exists(cached))) {
    THANOS_ASSIGN_OR_RETURN(const bool exists, objstore::Exists(context, *bucket_, name));
    if (!exists) return NotFoundError(name);
    if (cached_here) return std::string();
    auto text = block::ReadFile(cached, kMetaBytesMax);
    if (text.ok() && block::ParseMeta(*text).ok()) {
      *from_cache = true;
      return text;
    }
    std::error_code ignored;
    fs::remove(cached, ignored);  // A corrupt entry is fetched anew.
  }
  return objstore::ReadObject(context, *bucket_, name, kMetaBytesMax);
}

Status MetaFetcher::LoadDeletionMark(const CallContext& context, const base::Ulid& ulid,
                                     Loaded* loaded) {
  auto mark = ReadMark(context, *bucket_, ulid, MarkKind::kDeletion);
  if (!mark.ok()) {
    // A version that is not known yet is no reason to serve nothing at all.
    const StatusCode code = mark.status().code();
    if (code == StatusCode::kDataLoss || code == StatusCode::kFailedPrecondition) {
      logger_.Warn("deletion mark cannot be read and counts as absent",
                   {{"block", ulid.ToString()}, {"err", mark.status()}});
      return OkStatus();
    }
    return mark.status();
  }
  if (!*mark) return OkStatus();
  loaded->deletion_marked = true;
  loaded->deletion_time_s = (*mark)->time_s;
  return OkStatus();
}

bool MetaFetcher::Selected(const block::BlockMeta& meta) const {
  if (options_.selector.empty()) return true;
  const Labels external = meta.ExternalLabels();
  const std::string id = meta.ulid.ToString();
  LabelsBuilder labels(external.view());
  labels.Set("__block_id", id);
  return options_.selector.Apply(labels.Build().view()).has_value();
}

void MetaFetcher::Filter(std::map<base::Ulid, Loaded>* loaded, FetchResult* result) {
  std::map<std::string_view, size_t> counts;
  const int64_t now_ms = base::NowMs();
  const int64_t min_ms = options_.min_ms ? options_.min_ms() : INT64_MIN;
  const int64_t max_ms = options_.max_ms ? options_.max_ms() : INT64_MAX;
  for (const auto& [ulid, block] : *loaded) {
    std::string_view state = "loaded";
    if (!block.status.ok()) {
      state = "failed";
      if (result->incomplete.ok()) {
        result->incomplete = block.status.WithContext("incomplete view: block " + ulid.ToString());
      }
    } else if (!block.meta) {
      state = block.corrupted ? "corrupted-meta-json" : "no-meta-json";
      ++result->partial_blocks;
    } else if (block.meta->max_ms < min_ms || block.meta->min_ms > max_ms) {
      state = "time-excluded";
    } else if (!Selected(*block.meta)) {
      state = "label-excluded";
    } else if (options_.consistency_delay_ms > 0 && !MadeByCompactor(*block.meta) &&
               now_ms - UploadMs(*block.meta) < options_.consistency_delay_ms) {
      state = "too-fresh";
    } else if (block.deletion_marked &&
               now_ms - block.deletion_time_s * 1000 > options_.ignore_deletion_marks_delay_ms) {
      state = "marked-for-deletion";
    } else {
      result->metas[ulid] = block.meta;
      continue;
    }
    ++counts[state];
  }
  size_t dropped = 0;
  if (options_.drop_duplicates) DropDuplicates(&result->metas, &dropped);
  counts["duplicate"] = dropped;
  counts["loaded"] = result->metas.size();
  for (const std::string_view state : kStates) {
    synced_.With({{"state", std::string(state)}}).Set(static_cast<double>(counts[state]));
  }
}

// Of a group, blocks with most sources come first; one that adds none to a block already kept goes.
void MetaFetcher::DropDuplicates(MetaMap* metas, size_t* dropped) const {
  std::map<std::string, std::vector<MetaRef>> groups;
  for (const auto& [ulid, meta] : *metas) groups[meta->GroupKey()].push_back(meta);
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
        metas->erase(meta->ulid);
        ++*dropped;
        continue;
      }
      any_kept = true;
      for (const base::Ulid& source : sources) kept_with[source].push_back(meta);
    }
  }
}

void MetaFetcher::SaveToCache(const base::Ulid& ulid, const std::string& text) const {
  if (options_.cache_dir.empty()) return;
  const std::string directory = options_.cache_dir + "/meta-syncer/" + ulid.ToString();
  std::error_code error;
  fs::create_directories(directory, error);
  const Status status =
      error ? ErrnoError(error.value(), "create " + directory)
            : block::WriteFileAtomically(directory + "/" + std::string(block::kMetaFile),
                                         std::as_bytes(std::span(text)));
  if (!status.ok()) {
    logger_.Warn("cannot keep a copy of meta.json", {{"block", ulid.ToString()}, {"err", status}});
  }
}

void MetaFetcher::CleanCache(const std::vector<base::Ulid>& listed) const {
  if (options_.cache_dir.empty()) return;
  const std::set<base::Ulid> alive(listed.begin(), listed.end());
  std::error_code error;
  for (fs::directory_iterator it(options_.cache_dir + "/meta-syncer", error), end;
       !error && it != end; it.increment(error)) {
    const auto ulid = base::Ulid::Parse(it->path().filename().native());
    std::error_code ignored;
    if (ulid.ok() && !alive.contains(*ulid)) fs::remove_all(it->path(), ignored);
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
