#include "bucketblocks/shipper.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "block/block.h"
#include "block/byte_sink.h"
#include "bucketblocks/block_check.h"
#include "bucketblocks/transfer.h"
#include "objstore/byte_sources.h"

namespace fs = std::filesystem;

namespace thanos::bucketblocks {
namespace {

constexpr size_t kMetaBytesMax = 64 << 20;

Status Link(const std::string& from, const std::string& to) {
  if (link(from.c_str(), to.c_str()) != 0) return ErrnoError(errno, "link " + from + " to " + to);
  return OkStatus();
}

// Segments and index of a block.
Status LinkBlock(const std::string& from, const std::string& to) {
  const std::string chunks = "/" + std::string(block::kChunksDirectory);
  const std::string index = "/" + std::string(block::kIndexFile);
  std::error_code error;
  fs::create_directory(to + chunks, error);
  if (error) return ErrnoError(error.value(), "create " + to + chunks);
  THANOS_ASSIGN_OR_RETURN(const auto segments, block::ListSegments(from + chunks));
  for (const std::string& segment : segments) {
    THANOS_RETURN_IF_ERROR(Link(segment, to + chunks + segment.substr(segment.rfind('/'))));
  }
  return Link(from + index, to + index);
}

}  // namespace

Shipper::Shipper(ShipperOptions options, Bucket* bucket, base::Logger logger,
                 metrics::Registry* registry)
    : options_(std::move(options)),
      bucket_(bucket),
      logger_(std::move(logger)),
      syncs_(registry->AddCounter("thanos_shipper_dir_syncs_total", "Total number of dir syncs")),
      sync_failures_(registry->AddCounter("thanos_shipper_dir_sync_failures_total",
                                          "Total number of failed dir syncs")),
      uploads_(
          registry->AddCounter("thanos_shipper_uploads_total", "Total number of uploaded blocks")),
      upload_failures_(registry->AddCounter("thanos_shipper_upload_failures_total",
                                            "Total number of block upload failures")),
      corrupted_(registry->AddCounter("thanos_shipper_corrupted_blocks_total",
                                      "Total number of corrupted blocks")),
      compacted_done_(registry->AddGauge(
          "thanos_shipper_upload_compacted_done",
          "If 1 it means shipper uploaded all compacted blocks from the filesystem.")) {}

Result<size_t> Shipper::Sync(const CallContext& context) {
  const auto fail = [this](Status status) {
    sync_failures_.Add();
    return status;
  };
  size_t corrupted = 0;
  auto local = LocalBlocks(&corrupted);
  corrupted_.Add(static_cast<double>(corrupted));
  if (!local.ok()) return fail(local.status());
  if (!std::exchange(cleaned_, true)) RemoveLeftovers();
  const Labels labels = options_.external_labels();
  std::set<base::Ulid> uploaded = ReadState();
  size_t shipped = 0, failed = 0;
  for (const LocalBlock& block : *local) {
    const base::Ulid& ulid = block.meta.ulid;
    if (uploaded.contains(ulid) || block.meta.stats.samples == 0) continue;
    const bool compacted = block.meta.compaction.level > 1;
    if (compacted && !options_.upload_compacted) continue;
    auto exists =
        objstore::Exists(context, *bucket_, ulid.ToString() + "/" + std::string(block::kMetaFile));
    if (!exists.ok()) return fail(exists.status().WithContext("check exists"));
    if (!*exists) {
      Status status;
      if (compacted && !options_.allow_out_of_order) {
        status = CheckOverlap(context, block.meta, labels);
      }
      bool unfit = false;
      if (status.ok()) status = Upload(context, block, labels, &unfit);
      if (unfit) {
        corrupted_.Add();
        logger_.Error("block is corrupted and not uploaded",
                      {{"block", ulid.ToString()}, {"err", status}});
        if (!options_.skip_corrupted) return fail(status.WithContext("check " + ulid.ToString()));
        ++corrupted;
        continue;
      }
      if (!status.ok()) {
        upload_failures_.Add();
        logger_.Error("shipping failed", {{"block", ulid.ToString()}, {"err", status}});
        if (!options_.allow_out_of_order || !context.Check().ok()) {
          return fail(status.WithContext("upload " + ulid.ToString()));
        }
        ++failed;
        continue;
      }
      uploads_.Add();
      ++shipped;
      logger_.Info("uploaded block", {{"block", ulid.ToString()}});
    }
    uploaded.insert(ulid);
    if (Status status = WriteState(uploaded, *local); !status.ok()) {
      logger_.Warn("updating the shipper's state file failed", {{"err", status}});
    }
  }
  if (Status status = WriteState(uploaded, *local); !status.ok()) {
    logger_.Warn("updating the shipper's state file failed", {{"err", status}});
  }
  if (failed > 0 || corrupted > 0) {
    return fail(InternalError("failed to sync " + std::to_string(failed) + " blocks, " +
                              std::to_string(corrupted) + " are corrupted"));
  }
  syncs_.Add();
  compacted_done_.Set(options_.upload_compacted ? 1 : 0);
  return shipped;
}

Result<std::vector<Shipper::LocalBlock>> Shipper::LocalBlocks(size_t* corrupted) const {
  std::vector<LocalBlock> blocks;
  std::error_code error;
  fs::directory_iterator it(options_.directory, error);
  for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().native();
    std::error_code ignored;
    if (!base::Ulid::IsUlid(name) || !it->is_directory(ignored)) continue;
    const std::string path = it->path().native();
    auto text = block::ReadFile(path + "/" + std::string(block::kMetaFile), kMetaBytesMax);
    auto meta = text.ok() ? block::ParseMeta(*text) : Result<block::BlockMeta>(text.status());
    if (meta.ok() && meta->ulid.ToString() != name) {
      meta = DataLossError("meta.json names block " + meta->ulid.ToString());
    }
    if (!meta.ok()) {
      ++*corrupted;
      if (!options_.skip_corrupted) return meta.status().WithContext("read block " + path);
      logger_.Warn("skipping a block that cannot be read",
                   {{"block", name}, {"err", meta.status()}});
      continue;
    }
    blocks.push_back({path, *std::move(meta)});
  }
  if (error) return ErrnoError(error.value(), "list " + options_.directory);
  std::sort(blocks.begin(), blocks.end(), [](const LocalBlock& a, const LocalBlock& b) {
    return a.meta.min_ms != b.meta.min_ms ? a.meta.min_ms < b.meta.min_ms
                                          : a.meta.ulid < b.meta.ulid;
  });
  return blocks;
}

std::set<base::Ulid> Shipper::ReadState() const {
  std::set<base::Ulid> uploaded;
  const std::string path = options_.directory + "/" + options_.state_file;
  auto text = block::ReadFile(path, kMetaBytesMax);
  if (!text.ok()) {
    if (text.status().code() != StatusCode::kNotFound) {
      logger_.Warn("reading the shipper's state failed; the bucket is asked instead",
                   {{"err", text.status()}});
    }
    return uploaded;
  }
  const auto state = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  const bool valid = state.is_object() && state.contains("version") && state["version"] == 1;
  if (!valid) {
    logger_.Warn("the shipper's state is unreadable; the bucket is asked instead",
                 {{"file", path}});
    return uploaded;
  }
  if (!state.contains("uploaded") || !state["uploaded"].is_array()) return uploaded;
  for (const auto& item : state["uploaded"]) {
    if (!item.is_string()) continue;
    if (auto ulid = base::Ulid::Parse(item.get<std::string>()); ulid.ok()) uploaded.insert(*ulid);
  }
  return uploaded;
}

Status Shipper::WriteState(const std::set<base::Ulid>& uploaded,
                           const std::vector<LocalBlock>& local) const {
  nlohmann::ordered_json state;
  state["version"] = 1;
  state["uploaded"] = nlohmann::ordered_json::array();
  for (const LocalBlock& block : local) {
    if (uploaded.contains(block.meta.ulid)) state["uploaded"].push_back(block.meta.ulid.ToString());
  }
  const std::string text = state.dump(1, '\t') + "\n";
  return block::WriteFileAtomically(options_.directory + "/" + options_.state_file,
                                    std::as_bytes(std::span(text)));
}

// A compacted block must not overlap what the bucket already has of the same external labels.
Status Shipper::CheckOverlap(const CallContext& context, const block::BlockMeta& meta,
                             const Labels& labels) const {
  std::vector<std::string> names;
  THANOS_RETURN_IF_ERROR(bucket_->Iterate(context, {}, [&](const ListedObject& object) {
    std::string_view name = object.name;
    if (name.ends_with('/') && base::Ulid::IsUlid(name.substr(0, name.size() - 1))) {
      names.push_back(std::string(name) + std::string(block::kMetaFile));
    }
    return OkStatus();
  }));
  for (const std::string& name : names) {
    auto text = objstore::ReadObject(context, *bucket_, name, kMetaBytesMax);
    if (!text.ok()) {
      if (text.status().code() == StatusCode::kNotFound) continue;
      return text.status();
    }
    THANOS_ASSIGN_OR_RETURN(const block::BlockMeta other, block::ParseMeta(*text));
    if (other.ExternalLabels() != labels || other.min_ms >= meta.max_ms ||
        other.max_ms <= meta.min_ms) {
      continue;
    }
    return FailedPreconditionError("block " + meta.ulid.ToString() + " overlaps block " +
                                   other.ulid.ToString() + " of the bucket");
  }
  return OkStatus();
}

// What killed uploads linked: nobody else would remove it, and it holds the bytes of blocks on disk
// that Prometheus has deleted since.
void Shipper::RemoveLeftovers() const {
  std::error_code error;
  std::vector<fs::path> stale;
  fs::directory_iterator it(options_.directory + "/thanos/upload", error);
  for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
    if (base::Ulid::IsUlid(it->path().filename().native())) stale.push_back(it->path());
  }
  for (const fs::path& path : stale) {
    logger_.Info("removing what an interrupted upload left", {{"path", path.native()}});
    fs::remove_all(path, error);
  }
}

// `*unfit`: the block on disk is broken, and stays so.
Status Shipper::Upload(const CallContext& context, const LocalBlock& local, const Labels& labels,
                       bool* unfit) {
  block::BlockMeta meta = local.meta;
  for (const Label& label : labels) {
    meta.thanos.labels[std::string(label.name)] = std::string(label.value);
  }
  if (meta.thanos.labels.empty()) {
    return FailedPreconditionError("empty external labels are not allowed for Thanos block");
  }
  // Links keep the files in place should Prometheus delete the block meanwhile.
  const WorkDirectory work(options_.directory + "/thanos/upload/" + meta.ulid.ToString());
  THANOS_RETURN_IF_ERROR(work.Make());
  THANOS_RETURN_IF_ERROR(LinkBlock(local.path, work.path()));
  if (Status status = CheckLocalBlock(context, work.path(), local.meta); !status.ok()) {
    *unfit = status.code() == StatusCode::kDataLoss;
    return status;
  }
  meta.thanos.source = options_.source;
  return UploadBlock(context, *bucket_, work.path(), &meta,
                     {.hash_files = options_.hash_files, .leave_on_failure = true});
}

}  // namespace thanos::bucketblocks
