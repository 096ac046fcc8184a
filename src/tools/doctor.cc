#include "tools/doctor.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>

#include "base/time_text.h"
#include "compaction/plan.h"
#include "downsampling/plan.h"

namespace thanos::tools {
namespace {

using bucketblocks::MetaRef;
using compaction::Group;
using compaction::MetaList;
using compaction::UlidSet;

std::string TimeText(int64_t ms) {
  return base::FormatRfc3339Nano(ms / 1000, ms % 1000 * 1'000'000);
}
std::string Duration(int64_t ms) { return base::FormatPromDuration(ms); }

std::string IdsOf(const MetaList& metas, const base::Ulid& but) {
  std::string out;
  for (const MetaRef& meta : metas) {
    if (meta->ulid != but) out += (out.empty() ? "" : ", ") + meta->ulid.ToString();
  }
  return out;
}

bool Contains(const MetaList& metas, const base::Ulid& ulid) {
  return std::any_of(metas.begin(), metas.end(),
                     [&](const MetaRef& meta) { return meta->ulid == ulid; });
}

UlidSet Keys(const std::map<base::Ulid, bucketblocks::Mark>& marks) {
  UlidSet out;
  for (const auto& [ulid, mark] : marks) out.insert(ulid);
  return out;
}

// What a compactor makes of one group.
class GroupDoctor {
 public:
  GroupDoctor(const Group& group, const UlidSet& no_compact, bool vertical)
      : group_(group),
        no_compact_(no_compact),
        vertical_(vertical),
        overlap_(compaction::FindOverlap(group.metas)),
        plan_(overlap_.empty() || vertical
                  ? compaction::PlanCompaction(compaction::kRangesMs, group.metas, no_compact)
                  : MetaList()) {}

  std::string Compaction(const MetaRef& meta, std::vector<std::string>* problems) const;

 private:
  std::string InWindows(const MetaRef& meta) const;
  std::optional<std::string> InWindow(const MetaRef& meta, int64_t range_ms) const;

  const Group& group_;
  const UlidSet& no_compact_;
  const bool vertical_;
  const MetaList overlap_;
  const MetaList plan_;
};

std::string GroupDoctor::Compaction(const MetaRef& meta, std::vector<std::string>* problems) const {
  const base::Ulid& ulid = meta->ulid;
  if (!overlap_.empty() && !vertical_) {
    if (!Contains(overlap_, ulid)) {
      return "not while blocks of its group overlap: " + IdsOf(overlap_, ulid);
    }
    problems->push_back("overlaps " + IdsOf(overlap_, ulid) +
                        ": the compactor halts for this group unless it deduplicates vertically");
    return "not while it overlaps other blocks";
  }
  if (Contains(plan_, ulid)) {
    const std::string others = IdsOf(plan_, ulid);
    return others.empty() ? "next: alone, to drop what is deleted" : "next: with " + others;
  }
  if (meta->compaction.failed) {
    problems->push_back("an earlier compaction failed: its window is left alone");
  }
  if (group_.metas.size() == 1) return "no: it is the only block of its group";
  if (ulid == group_.metas.back()->ulid) {
    return "not yet: it is the newest of its group, which is never compacted";
  }
  return InWindows(meta);
}

// From the smallest window that could take the block to the largest.
std::string GroupDoctor::InWindows(const MetaRef& meta) const {
  for (size_t i = 1; i < std::size(compaction::kRangesMs); ++i) {
    if (auto why = InWindow(meta, compaction::kRangesMs[i])) return *why;
  }
  const int64_t largest_ms = compaction::kRangesMs[std::size(compaction::kRangesMs) - 1];
  if (meta->max_ms - meta->min_ms >= largest_ms) return "done: it has the largest range";
  return "not yet: no other block lies in one window with it";
}

std::optional<std::string> GroupDoctor::InWindow(const MetaRef& meta, int64_t range_ms) const {
  const int64_t begin_ms = meta->min_ms - ((meta->min_ms % range_ms) + range_ms) % range_ms;
  const int64_t end_ms = begin_ms + range_ms;
  if (meta->max_ms > end_ms || meta->max_ms - meta->min_ms >= range_ms) return std::nullopt;
  // As the planner cuts: all blocks of the window but the newest of the group.
  MetaList part, peers;
  bool failed = false;
  for (const MetaRef& other : std::span(group_.metas).first(group_.metas.size() - 1)) {
    if (other->min_ms < begin_ms || other->max_ms > end_ms) continue;
    failed |= other->compaction.failed;
    part.push_back(other);
    if (!no_compact_.contains(other->ulid)) peers.push_back(other);
  }
  if (peers.size() < 2) return std::nullopt;
  const std::string window = "its window of " + Duration(range_ms) + " up to " + TimeText(end_ms);
  if (failed) return "no: a compaction in " + window + " failed before";
  const int64_t settled_ms = group_.metas[group_.metas.size() - 2]->min_ms;
  const int64_t part_end_ms = part.back()->max_ms;
  if (part_end_ms - part.front()->min_ms != range_ms && part_end_ms > settled_ms) {
    return "not yet: " + window + " is not full, and two newer blocks must follow it then";
  }
  return "later: " + window + " with " + IdsOf(peers, meta->ulid) + ", after other plans";
}

std::string Downsampling(const downsampling::DownsampleCoverage& coverage,
                         const block::BlockMeta& meta) {
  using downsampling::DownsampleState;
  const bool raw = meta.thanos.resolution_ms == 0;
  const int64_t needed_ms = raw ? downsampling::kRawRangeMinMs : downsampling::k5mRangeMinMs;
  switch (coverage.StateOf(meta)) {
    case DownsampleState::kDue:
      return std::string("next: to ") + (raw ? "5m" : "1h");
    case DownsampleState::kCoarsest:
      return "done: it has the coarsest resolution";
    case DownsampleState::kCovered:
      return std::string("done: blocks of ") + (raw ? "5m" : "1h") + " have its sources";
    case DownsampleState::kMarked:
      return "no: it has a no-downsample mark";
    case DownsampleState::kTooShort:
      return "not yet: it spans " + Duration(meta.max_ms - meta.min_ms) + ", " +
             Duration(needed_ms) + " are needed";
  }
  return "";
}

class Doctor {
 public:
  Doctor(const BucketViews& views, const DoctorOptions& options)
      : views_(views),
        options_(options),
        no_compact_(Keys(views.active.no_compact_marks)),
        groups_(compaction::MakeGroups(views.active.metas)),
        coverage_(views.active.metas, Keys(views.active.no_downsample_marks)),
        duplicates_(views.active.duplicates.begin(), views.active.duplicates.end()) {
    const auto found = compaction::FindExpired(views.active.metas, options.retention,
                                               options.now_ms, options.wait_for_downsampled,
                                               Keys(views.active.no_downsample_marks));
    for (const MetaRef& meta : found.expired) expired_.insert(meta->ulid);
    for (const MetaRef& meta : found.held_back) held_back_.insert(meta->ulid);
    for (const Group& group : groups_) {
      doctors_.emplace(group.key, GroupDoctor(group, no_compact_, options.vertical));
    }
  }

  BucketDiagnosis Run() {
    for (const auto& [ulid, meta] : views_.all.metas) out_.blocks.push_back(OfBlock(meta));
    for (const base::Ulid& ulid : views_.all.partial) out_.blocks.push_back(OfPartial(ulid));
    return std::move(out_);
  }

 private:
  void Plan(RepairKind kind, const base::Ulid& ulid, std::string details) {
    out_.plan.push_back({kind, ulid, std::move(details)});
  }

  BlockDiagnosis OfBlock(const MetaRef& meta) {
    BlockDiagnosis out;
    out.ulid = meta->ulid;
    out.group = meta->GroupKey();
    const bool active = views_.active.metas.contains(meta->ulid);
    const auto no_compact = views_.all.no_compact_marks.find(meta->ulid);
    if (!active) {
      out.compaction = out.downsampling = WhyHidden(*meta);
    } else {
      out.downsampling = Downsampling(coverage_, *meta);
      if (no_compact != views_.all.no_compact_marks.end()) {
        out.compaction =
            "no: it has a no-compact mark, " + no_compact->second.reason +
            (no_compact->second.details.empty() ? "" : ": " + no_compact->second.details);
      } else {
        out.compaction = doctors_.at(out.group).Compaction(meta, &out.problems);
      }
    }
    out.deletion = Deletion(*meta);
    return out;
  }

  std::string WhyHidden(const block::BlockMeta& meta) const {
    if (duplicates_.contains(meta.ulid)) return "no: other blocks have all of its sources";
    if (views_.all.deletion_marks.contains(meta.ulid)) return "no: it is marked for deletion";
    return "not yet: it is younger than the consistency delay of " +
           Duration(options_.consistency_delay_ms);
  }

  std::string Deletion(const block::BlockMeta& meta) {
    if (const auto mark = views_.all.deletion_marks.find(meta.ulid);
        mark != views_.all.deletion_marks.end()) {
      return Marked(mark->second);
    }
    if (duplicates_.contains(meta.ulid)) {
      Plan(RepairKind::kMarkDuplicate, meta.ulid, "outdated block");
      return "next: it gets a mark, other blocks have all of its sources";
    }
    return Retention(meta);
  }

  std::string Retention(const block::BlockMeta& meta) {
    const int64_t retention_ms = options_.retention.Of(meta.thanos.resolution_ms);
    if (retention_ms == 0) return "no: it is kept for ever";
    const std::string end = TimeText(meta.max_ms + retention_ms);
    if (held_back_.contains(meta.ulid)) {
      return "not yet: its retention ended at " + end + ", but it must be downsampled first";
    }
    if (!expired_.contains(meta.ulid)) return "not yet: its retention ends at " + end;
    Plan(RepairKind::kMarkExpired, meta.ulid, compaction::RetentionReason(retention_ms));
    return "next: it gets a mark, its retention ended at " + end;
  }

  std::string Marked(const bucketblocks::Mark& mark) {
    const int64_t due_ms = mark.time_s * 1000 + options_.delete_delay_ms;
    const std::string why = mark.details.empty() ? "" : " (" + mark.details + ")";
    if (options_.now_ms <= due_ms) {
      return "not yet: it is marked" + why + ", and goes after " + TimeText(due_ms);
    }
    Plan(RepairKind::kDeleteMarked, mark.ulid, mark.details);
    return "next: it is marked" + why + ", and due since " + TimeText(due_ms);
  }

  BlockDiagnosis OfPartial(const base::Ulid& ulid) {
    BlockDiagnosis out;
    out.ulid = ulid;
    out.compaction = out.downsampling = "no: there is no readable meta.json";
    if (const auto mark = views_.all.deletion_marks.find(ulid);
        mark != views_.all.deletion_marks.end()) {
      out.deletion = Marked(mark->second);
      return out;
    }
    out.problems.push_back("an upload that has not come to its end, or was cut short");
    out.deletion = "once nothing was added for 48h";
    Plan(RepairKind::kDeletePartial, ulid, "upload without meta.json");
    return out;
  }

  const BucketViews& views_;
  const DoctorOptions& options_;
  const UlidSet no_compact_;
  const std::vector<Group> groups_;
  const downsampling::DownsampleCoverage coverage_;
  const std::set<base::Ulid> duplicates_;
  UlidSet expired_, held_back_;
  std::map<std::string, GroupDoctor> doctors_;
  BucketDiagnosis out_;
};

}  // namespace

BucketDiagnosis Diagnose(const BucketViews& views, const DoctorOptions& options) {
  return Doctor(views, options).Run();
}

}  // namespace thanos::tools
