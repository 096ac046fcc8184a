#include "tools/replicate.h"

#include <algorithm>
#include <vector>

#include "objstore/byte_sources.h"

namespace thanos::tools {
namespace {

constexpr size_t kMetaBytesMax = 64 << 20;

Result<std::string> ReadIfThere(const CallContext& context, Bucket& bucket,
                                const std::string& name) {
  auto text = objstore::ReadObject(context, bucket, name, kMetaBytesMax);
  if (!text.ok() && text.status().code() == StatusCode::kNotFound) return std::string();
  return text;
}

}  // namespace

bool ReplicateFilter::Wants(const block::BlockMeta& meta) const {
  if (!ids.empty()) return ids.contains(meta.ulid);
  return resolutions_ms.contains(meta.thanos.resolution_ms) &&
         levels.contains(meta.compaction.level) && model::AllMatch(matchers, meta.ExternalLabels());
}

Replicator::Replicator(Bucket* from, Bucket* to, ReplicateFilter filter, base::Logger logger,
                       metrics::Registry* registry)
    : from_(from),
      to_(to),
      filter_(std::move(filter)),
      logger_(std::move(logger)),
      already_replicated_(
          registry->AddCounter("thanos_replicate_blocks_already_replicated_total",
                               "Total number of blocks skipped due to already being replicated.")),
      blocks_replicated_(registry->AddCounter("thanos_replicate_blocks_replicated_total",
                                              "Total number of blocks replicated.")),
      objects_replicated_(registry->AddCounter("thanos_replicate_objects_replicated_total",
                                               "Total number of objects replicated.")) {}

Status Replicator::Run(const CallContext& context, const bucketblocks::MetaMap& metas) {
  std::vector<bucketblocks::MetaRef> wanted;
  for (const auto& [ulid, meta] : metas) {
    if (filter_.Wants(*meta)) wanted.push_back(meta);
  }
  std::stable_sort(wanted.begin(), wanted.end(),
                   [](const auto& a, const auto& b) { return a->min_ms < b->min_ms; });
  for (const bucketblocks::MetaRef& meta : wanted) {
    THANOS_RETURN_IF_ERROR(context.Check());
    const Status status = CopyBlock(context, meta->ulid);
    if (!status.ok()) return status.WithContext("replicate block " + meta->ulid.ToString());
  }
  return OkStatus();
}

Status Replicator::CopyBlock(const CallContext& context, const base::Ulid& ulid) {
  const std::string directory = ulid.ToString() + "/";
  const std::string meta_name = directory + std::string(block::kMetaFile);
  THANOS_ASSIGN_OR_RETURN(std::string meta,
                          objstore::ReadObject(context, *from_, meta_name, kMetaBytesMax));
  THANOS_ASSIGN_OR_RETURN(const std::string there, ReadIfThere(context, *to_, meta_name));
  if (there == meta) {
    already_replicated_.Add();
    return OkStatus();
  }
  std::vector<std::string> names;
  THANOS_RETURN_IF_ERROR(
      from_->Iterate(context, {.prefix = directory + std::string(block::kChunksDirectory) + "/"},
                     [&](const ListedObject& object) {
                       if (!object.name.ends_with('/')) names.emplace_back(object.name);
                       return OkStatus();
                     }));
  names.push_back(directory + std::string(block::kIndexFile));
  for (const std::string& name : names) THANOS_RETURN_IF_ERROR(CopyObject(context, name));
  const auto content = objstore::MemorySource(std::move(meta));
  const Status status = to_->Upload(context, meta_name, *content, {});
  if (!status.ok()) return status.WithContext("upload " + meta_name);
  blocks_replicated_.Add();
  logger_.Info("block replicated", {{"block", ulid.ToString()}, {"objects", names.size() + 1}});
  return OkStatus();
}

Status Replicator::CopyObject(const CallContext& context, const std::string& name) {
  THANOS_ASSIGN_OR_RETURN(const ObjectAttributes source, from_->Attributes(context, name));
  const auto target = to_->Attributes(context, name);
  if (target.ok() && target->size == source.size) return OkStatus();
  if (!target.ok() && target.status().code() != StatusCode::kNotFound) {
    return target.status().WithContext("look for " + name + " in the target");
  }
  THANOS_ASSIGN_OR_RETURN(const auto content, from_->Open(context, name, {}));
  const Status status = to_->Upload(context, name, *content, {});
  if (!status.ok()) return status.WithContext("upload " + name);
  objects_replicated_.Add();
  return OkStatus();
}

}  // namespace thanos::tools
