// Series of a typical shape, for benchmarks: ten labels (or the six, 106 bytes, of the reference's
// figures), chunks of random bytes.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "codec/byte_reader.h"
#include "codec/hash.h"
#include "thanos/chunk.h"
#include "thanos/labels.h"

namespace thanos::testing {

class BenchSeries {
 public:
  BenchSeries(size_t series, size_t chunks_each, size_t chunk_bytes, bool six_labels = false) {
    std::mt19937_64 random(7);
    data_.resize(chunk_bytes + 8);
    for (char& c : data_) c = static_cast<char>(random());
    labels_.reserve(series);
    parts_.reserve(series * chunks_each);
    chunks_.reserve(series * chunks_each);
    for (size_t i = 0; i < series; ++i) {
      const std::string number = std::to_string(1'000'000 + i);
      labels_.push_back(six_labels ? SixLabels(number) : TenLabels(number));
      for (size_t j = 0; j < chunks_each; ++j) {
        const auto bytes = codec::AsBytes(data_).subspan((i + j) % 8, chunk_bytes);
        parts_.push_back({Aggr::kRaw, ChunkEncoding::kXor, codec::Xxh64(bytes), bytes});
        const auto min_ms = static_cast<int64_t>(1'700'000'000'000 + j * 1'800'000);
        chunks_.push_back({min_ms, min_ms + 1'785'000, 0, {&parts_.back(), 1}});
      }
      views_.push_back({labels_.back().view(), {chunks_.data() + i * chunks_each, chunks_each}});
    }
  }
  std::span<const SeriesView> views() const { return views_; }

 private:
  static Labels TenLabels(const std::string& number) {
    return Labels::Of({{"__name__", "http_requests_total"},
                       {"cluster", "eu-west-1"},
                       {"code", "200"},
                       {"handler", "/api/v1/query_range"},
                       {"instance", "10.12.0.7:9100"},
                       {"job", "kubernetes-pods"},
                       {"namespace", "monitoring"},
                       {"pod", "thanos-query-" + number},
                       {"region", "europe"},
                       {"replica", "prometheus-a"}});
  }
  static Labels SixLabels(const std::string& number) {
    return Labels::Of({{"__name__", "http_requests_total"},
                       {"code", "200"},
                       {"instance", "10.12.0.7:9100"},
                       {"job", "api-server"},
                       {"namespace", "ns-1"},
                       {"pod", "pod-" + number}});
  }

  std::string data_;
  std::vector<Labels> labels_;
  std::vector<ChunkPart> parts_;
  std::vector<ChunkView> chunks_;
  std::vector<SeriesView> views_;
};

}  // namespace thanos::testing
