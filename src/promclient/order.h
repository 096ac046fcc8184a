// Final label sets of a Prometheus' series, and their order, in constant memory. Internal to
// promclient.
#pragma once

#include <string>
#include <vector>

#include "base/pinned_bytes.h"
#include "series/batch_builder.h"
#include "thanos/series.h"

namespace thanos::promclient {

/// From labels as Prometheus sends them, which hold its external labels already, to those that
/// leave us: external labels on top, `without` taken out. One thread.
class LabelChange {
 public:
  LabelChange(Labels external, std::vector<std::string> without);

  enum class Kind {
    kPlain,      // Only constant labels were put in: a stack restores the order.
    kReordered,  // A label of the series itself was replaced or removed: any order may come out.
  };
  /// `*out` is the final set, encoded.
  Kind Apply(LabelsView labels, std::string* out);
  /// The external labels without those taken out.
  const Labels& added() const { return added_; }

 private:
  const Labels external_;
  const std::vector<std::string> without_;
  Labels added_;
  LabelsBuilder builder_;
};

/// A series with all its frames, ready to go.
struct PendingSeries {
  std::string labels;  // Final, encoded.
  std::vector<ChunkView> chunks;
  std::vector<ChunkPart> parts;             // One a chunk.
  std::vector<base::PinnedBytes> payloads;  // What they point into.

  size_t bytes() const;
  void AppendTo(series::BatchBuilder* builder) const;
};

/// The stack of formats/algorithms §5.6: sets whose constant labels came later are at most moved
/// past their own prefixes, so that it holds no more series than the longest has labels. One
/// thread.
class OrderStack {
 public:
  /// Takes the next series; appends to *ready, in order, what comes before it.
  void Push(PendingSeries series, std::vector<PendingSeries>* ready);
  /// The rest.
  void Flush(std::vector<PendingSeries>* ready);
  size_t depth() const { return stack_.size(); }

 private:
  std::vector<PendingSeries> stack_;
};

}  // namespace thanos::promclient
