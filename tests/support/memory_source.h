// A SeriesSource over samples in memory, for tests and benchmarks.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "chunk/histogram_writer.h"
#include "chunk/xor.h"
#include "model/histogram.h"
#include "model/matcher.h"
#include "series/batch_builder.h"
#include "series/filter.h"
#include "support/start_time_chunks.h"
#include "thanos/series.h"

namespace thanos::testing {

/// Series sorted by labels, encoded into chunks of 120 samples when first selected. One thread
/// writes; selects may run at once after that.
class MemorySource : public SeriesSource {
 public:
  struct Samples {
    std::vector<int64_t> t;
    std::vector<double> v;
    std::vector<int64_t> histogram_t;
    std::vector<model::FloatHistogram> histograms;
    // Start times, one a sample, where any is known.
    std::vector<int64_t> st, histogram_st;
  };

  Samples& At(const Labels& labels) {
    encoded_.clear();
    return series_[labels];
  }
  void Clear() {
    encoded_.clear();
    series_.clear();
  }
  /// Encodes; selects after this are cheap and thread-safe.
  void Seal() {
    if (!encoded_.empty()) return;
    for (const auto& [labels, samples] : series_) encoded_.push_back(Encode(labels, samples));
  }
  size_t selects() const { return selects_; }

  SourceInfo Info() const override { return {}; }
  Result<std::unique_ptr<SeriesCursor>> Select(const CallContext& context,
                                               const SelectRequest& request) override {
    Seal();
    ++selects_;
    std::vector<SeriesBatchRef> batches;
    series::BatchBuilder builder;
    for (const Encoded& series : encoded_) {
      if (!model::AllMatch(request.matchers, series.labels)) continue;
      if (series.max_ms < request.min_ms || series.min_ms > request.max_ms) continue;
      builder.BeginSeriesBorrowed(series.labels);
      for (const Chunk& chunk : series.chunks) {
        if (chunk.max_ms < request.min_ms || chunk.min_ms > request.max_ms) continue;
        const ChunkPart part{Aggr::kRaw, chunk.encoding, 0,
                             std::as_bytes(std::span<const char>(chunk.data))};
        builder.AddChunk(chunk.min_ms, chunk.max_ms, 0, {&part, 1});
      }
      builder.EndSeries();
      if (builder.series_count() >= request.batch_series) {
        THANOS_ASSIGN_OR_RETURN(SeriesBatchRef batch, builder.Build(context.budget()));
        batches.push_back(std::move(batch));
      }
    }
    if (builder.series_count() > 0) {
      THANOS_ASSIGN_OR_RETURN(SeriesBatchRef batch, builder.Build(context.budget()));
      batches.push_back(std::move(batch));
    }
    auto cursor = series::CursorOf(std::move(batches));
    if (request.without_labels.empty()) return cursor;
    return series::SortBuffered(context, std::move(cursor), request.without_labels,
                                request.batch_series);
  }
  Result<LabelsResult> LabelNames(const CallContext&, const LabelsRequest&) override {
    return UnimplementedError("MemorySource has no label names");
  }
  Result<LabelsResult> LabelValues(const CallContext&, const std::string& name,
                                   const LabelsRequest& request) override {
    std::set<std::string> values;
    for (const auto& [labels, samples] : series_) {
      const auto value = labels.view().Find(name);
      if (value && model::AllMatch(request.matchers, labels)) values.emplace(*value);
    }
    return LabelsResult{{values.begin(), values.end()}, {}, false};
  }

 private:
  struct Chunk {
    int64_t min_ms, max_ms;
    ChunkEncoding encoding;
    std::string data;
  };
  struct Encoded {
    Labels labels;
    int64_t min_ms = INT64_MAX, max_ms = INT64_MIN;
    std::vector<Chunk> chunks;
  };

  static Encoded Encode(const Labels& labels, const Samples& samples) {
    Encoded out;
    out.labels = labels;
    // Runs of one kind in time order, cut as a database would.
    size_t f = 0;
    size_t h = 0;
    while (f < samples.t.size() || h < samples.histogram_t.size()) {
      const auto float_is_next = [&] {
        return f < samples.t.size() &&
               (h == samples.histogram_t.size() || samples.t[f] < samples.histogram_t[h]);
      };
      if (float_is_next()) {
        const size_t begin = f;
        constexpr size_t kSamples = 120;
        while (float_is_next() && f - begin < kSamples) ++f;
        const size_t n = f - begin;
        if (!samples.st.empty()) {
          const auto part = [&](const auto& all) { return std::span(all).subspan(begin, n); };
          out.chunks.push_back({samples.t[begin], samples.t[f - 1], ChunkEncoding::kXor2,
                                EncodeXor2(part(samples.t), part(samples.v), part(samples.st))});
          continue;
        }
        std::string data(chunk::XorBytesMax(n), '\0');
        data.resize(chunk::EncodeXor(samples.t.data() + begin, samples.v.data() + begin, n,
                                     reinterpret_cast<std::byte*>(data.data())));
        out.chunks.push_back(
            {samples.t[begin], samples.t[f - 1], ChunkEncoding::kXor, std::move(data)});
        continue;
      }
      if (!samples.histogram_st.empty()) {
        out.chunks.push_back({samples.histogram_t[h], samples.histogram_t[h],
                              ChunkEncoding::kFloatHistogramSt,
                              EncodeFloatHistogramSt(samples.histogram_t[h], samples.histograms[h],
                                                     samples.histogram_st[h])});
        ++h;
        continue;
      }
      chunk::HistogramChunkWriter<model::FloatHistogram> writer;
      std::string finished;
      size_t begin = h;
      const auto cut = [&](std::string data, size_t end) {
        out.chunks.push_back({samples.histogram_t[begin], samples.histogram_t[end - 1],
                              ChunkEncoding::kFloatHistogram, std::move(data)});
        begin = end;
      };
      for (; h < samples.histogram_t.size() && !float_is_next(); ++h) {
        const auto appended =
            writer.Append(samples.histogram_t[h], samples.histograms[h], &finished);
        if (appended.ok() && *appended == chunk::HistogramAppend::kNew) cut(finished, h);
      }
      if (std::string data = writer.Cut(); !data.empty()) cut(std::move(data), h);
    }
    for (const Chunk& chunk : out.chunks) {
      out.min_ms = std::min(out.min_ms, chunk.min_ms);
      out.max_ms = std::max(out.max_ms, chunk.max_ms);
    }
    return out;
  }

  std::map<Labels, Samples> series_;
  std::vector<Encoded> encoded_;
  std::atomic<size_t> selects_{0};
};

}  // namespace thanos::testing
