// `tools bucket doctor`: why a block is not compacted, downsampled or deleted yet, what comes next,
// and what should be done by hand.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bucketblocks/fetcher.h"
#include "compaction/retention.h"

namespace thanos::tools {

/// How the compactor of the bucket runs. Times in milliseconds.
struct DoctorOptions {
  int64_t now_ms = 0;
  int64_t delete_delay_ms = 0;
  int64_t consistency_delay_ms = 0;
  compaction::Retention retention;
  /// Past its retention, a block stays until the block of the next resolution is there.
  bool wait_for_downsampled = true;
  bool vertical = false;  // Overlapping blocks are merged.
};

/// What the doctor looks at: the whole bucket, and what a compactor sees of it.
struct BucketViews {
  bucketblocks::FetchResult all;     // Nothing left out.
  bucketblocks::FetchResult active;  // By delays, marks and duplicates.
};

enum class RepairKind : uint8_t {
  kMarkDuplicate,  // Another block has all of its sources.
  kMarkExpired,    // Past its retention.
  kDeleteMarked,   // Its mark is older than the delay.
  kDeletePartial,  // An upload without meta.json; only once nothing was added for 48 hours.
};

struct RepairStep {
  RepairKind kind = RepairKind::kMarkDuplicate;
  base::Ulid ulid;
  std::string details;
};

/// Sentences for people.
struct BlockDiagnosis {
  base::Ulid ulid;
  std::string group;  // Key; "" for partial uploads.
  std::string compaction, downsampling, deletion;
  std::vector<std::string> problems;  // What does not pass by itself.
};

struct BucketDiagnosis {
  std::vector<BlockDiagnosis> blocks;  // By id; partial uploads last.
  std::vector<RepairStep> plan;        // Safe steps, which a compactor would take too.
};

/// A pure function.
BucketDiagnosis Diagnose(const BucketViews& views, const DoctorOptions& options);

std::string DiagnosisText(const BucketDiagnosis& diagnosis);
/// {"blocks":[{"ulid",…}],"plan":[{"ulid","step","details"}]}
std::string DiagnosisJson(const BucketDiagnosis& diagnosis);
std::string_view RepairName(RepairKind kind);

}  // namespace thanos::tools
