#include "bucketstore/store_metrics.h"

#include <algorithm>
#include <array>

#include "thanos/call_context.h"

namespace thanos::bucketstore {
namespace {

constexpr double kKiB = 1024, kMiB = 1024 * 1024;
constexpr std::array kChunkSizes = {32.0,       256.0, 512.0,     kKiB,       32 * kKiB, 256 * kKiB,
                                    512 * kKiB, kMiB,  32 * kMiB, 256 * kMiB, 512 * kMiB};
const std::string kPrefix = "thanos_bucket_store_";
constexpr const char* kDataTypes[] = {"postings", "series", "chunks"};

double Seconds(const std::atomic<uint64_t>& ns) { return static_cast<double>(ns.load()) / 1e9; }

}  // namespace

void CallObservations::Take(const SeriesBatch& batch) {
  chunk_size_counts.resize(kChunkSizes.size() + 1);
  for (const SeriesView& series : batch.series()) {
    double bytes = 0;
    for (const ChunkView& chunk : series.chunks) {
      for (const ChunkPart& part : chunk.parts) bytes += static_cast<double>(part.data.size());
    }
    const auto bucket = std::lower_bound(kChunkSizes.begin(), kChunkSizes.end(), bytes);
    ++chunk_size_counts[static_cast<size_t>(bucket - kChunkSizes.begin())];
    chunk_bytes += bytes;
  }
}

StoreMetrics::StoreMetrics(metrics::Registry* registry) {
  if (registry == nullptr) return;
  AddDataFamilies(registry);
  AddCallFamilies(registry);
  AddLazyFamilies(registry);
  ShowDefaultTenant();
}

void StoreMetrics::AddDataFamilies(metrics::Registry* registry) {
  const auto items = metrics::ExponentialBounds(200, 2, 15);
  const auto bytes = metrics::ExponentialBounds(1024, 2, 15);
  touched_ = registry->AddHistogramFamily(
      kPrefix + "series_data_touched",
      "Number of items of a data type touched to fulfill a single Store API series request.",
      items);
  fetched_ = registry->AddHistogramFamily(
      kPrefix + "series_data_fetched",
      "Number of items of a data type retrieved to fulfill a single Store API series request.",
      items);
  touched_bytes_ = registry->AddHistogramFamily(
      kPrefix + "series_data_size_touched_bytes",
      "Size of all items of a data type touched to fulfill a single Store API series request.",
      bytes);
  fetched_bytes_ = registry->AddHistogramFamily(
      kPrefix + "series_data_size_fetched_bytes",
      "Size of what was read of a data type to fulfill a single Store API series request.", bytes);
  series_refetches_ = registry->AddCounterFamily(
      kPrefix + "series_refetches_total",
      "Series entries that were longer than estimated and were read a second time.");
  chunk_refetches_ = registry->AddCounterFamily(
      kPrefix + "chunk_refetches_total",
      "Chunks that were longer than estimated and were read a second time.");
  empty_postings_ = registry->AddCounterFamily(
      kPrefix + "empty_postings_total", "Blocks that were asked and had no series that match.");
}

void StoreMetrics::AddCallFamilies(metrics::Registry* registry) {
  const auto seconds = metrics::OperationSecondsBounds();
  const auto add = [&](const char* name, const char* help, std::vector<double> bounds) {
    return registry->AddHistogramFamily(kPrefix + name, help, std::move(bounds));
  };
  dropped_ = registry->AddCounterFamily(kPrefix + "queries_dropped_total",
                                        "Number of queries that were dropped due to the limit.");
  blocks_queried_ = add("series_blocks_queried", "Number of blocks that a query touched.",
                        metrics::ExponentialBounds(1, 2, 10));
  result_series_ = add("series_result_series", "Number of series in the result of a query.",
                       metrics::ExponentialBounds(100, 2, 15));
  get_all_ =
      add("series_get_all_duration_seconds",
          "Time until the blocks of a query are open and their first series are read.", seconds);
  merge_ = add("series_merge_duration_seconds",
               "Time to read and merge the rest of a query's series.", seconds);
  chunk_size_ = add("sent_chunk_size_bytes", "Size of the chunks of a single series that is sent.",
                    {kChunkSizes.begin(), kChunkSizes.end()});
  postings_size_ = add("postings_size_bytes", "Size of the postings of a single series call.",
                       {32, 256, 512, kKiB, 32 * kKiB, 256 * kKiB, 512 * kKiB, kMiB, 32 * kMiB,
                        128 * kMiB, 256 * kMiB, 512 * kMiB, 768 * kMiB, 1024 * kMiB});
  postings_fetch_ = add("postings_fetch_duration_seconds",
                        "Time to get the postings of a call, from caches and the bucket, summed "
                        "over its blocks.",
                        seconds);
  series_fetch_ =
      add("series_fetch_duration_seconds",
          "Time to get one batch of series entries, from caches and the bucket.", seconds);
  series_fetch_sum_ =
      add("series_fetch_duration_sum_seconds",
          "Time to get the series entries of a call, summed over its batches.", seconds);
  chunks_fetch_ = add("chunks_fetch_duration_seconds", "Time a call waited for chunks.", seconds);
  chunks_fetch_sum_ =
      add("chunks_fetch_duration_sum_seconds",
          "Time of all reads of chunks of a call, which run side by side.", seconds);
}

void StoreMetrics::AddLazyFamilies(metrics::Registry* registry) {
  lazy_streams_ = registry->AddCounter(
      kPrefix + "lazy_expanded_postings_total",
      "Blocks in which some matchers were checked on the series instead of by their postings.");
  lazy_groups_ = registry->AddCounter(kPrefix + "lazy_expanded_posting_groups_total",
                                      "Matchers that were checked on the series instead.",
                                      {{"reason", "postings_size"}});
  lazy_bytes_ =
      registry->AddCounter(kPrefix + "lazy_expanded_posting_size_bytes_total",
                           "Size of the postings that were not read because of that, at most.");
  lazy_overfetched_bytes_ = registry->AddCounter(
      kPrefix + "lazy_expanded_posting_series_overfetched_size_bytes_total",
      "Size of the series entries that were read and thrown away because of that.");
}

// A dashboard shows zero before the first call, not nothing.
void StoreMetrics::ShowDefaultTenant() const {
  const metrics::LabelPairs tenant = {{"tenant", std::string(kDefaultTenant)}};
  for (const auto& family :
       {blocks_queried_, result_series_, get_all_, merge_, chunk_size_, postings_size_,
        postings_fetch_, series_fetch_, series_fetch_sum_, chunks_fetch_, chunks_fetch_sum_}) {
    (void)family.With(tenant);
  }
  for (const auto& family : {series_refetches_, chunk_refetches_, empty_postings_}) {
    (void)family.With(tenant);
  }
  for (const char* type : kDataTypes) {
    metrics::LabelPairs labels = tenant;
    labels["data_type"] = type;
    for (const auto& family : {touched_, fetched_, touched_bytes_, fetched_bytes_}) {
      (void)family.With(labels);
    }
  }
  for (const char* reason : {"series", "chunks", "bytes"}) {
    metrics::LabelPairs labels = tenant;
    labels["reason"] = reason;
    (void)dropped_.With(labels);
  }
}

void StoreMetrics::BlocksQueried(const std::string& tenant, size_t blocks) const {
  blocks_queried_.With({{"tenant", tenant}}).Observe(static_cast<double>(blocks));
}

void StoreMetrics::Follow(const std::string& tenant, block::ReadStats* stats) const {
  stats->on_series_batch = [batch = series_fetch_.With({{"tenant", tenant}})](double seconds) {
    batch.Observe(seconds);
  };
}

void StoreMetrics::FinishData(const std::string& tenant, const char* type,
                              const block::ReadCounts& counts) const {
  const metrics::LabelPairs labels = {{"tenant", tenant}, {"data_type", type}};
  touched_.With(labels).Observe(static_cast<double>(counts.touched));
  fetched_.With(labels).Observe(static_cast<double>(counts.fetched));
  touched_bytes_.With(labels).Observe(static_cast<double>(counts.touched_bytes));
  fetched_bytes_.With(labels).Observe(static_cast<double>(counts.fetched_bytes));
}

void StoreMetrics::Finish(const std::string& tenant, const block::ReadStats& stats,
                          const CallObservations& call, uint64_t series) const {
  FinishData(tenant, kDataTypes[0], stats.postings);
  FinishData(tenant, kDataTypes[1], stats.series);
  FinishData(tenant, kDataTypes[2], stats.chunks);
  const metrics::LabelPairs labels = {{"tenant", tenant}};
  result_series_.With(labels).Observe(static_cast<double>(series));
  get_all_.With(labels).Observe(call.get_all_seconds);
  merge_.With(labels).Observe(call.merge_seconds);
  if (!call.chunk_size_counts.empty()) {
    chunk_size_.With(labels).ObserveCounts(call.chunk_size_counts, call.chunk_bytes);
  }
  postings_size_.With(labels).Observe(static_cast<double>(stats.postings.touched_bytes));
  postings_fetch_.With(labels).Observe(Seconds(stats.postings.fetch_ns));
  series_fetch_sum_.With(labels).Observe(Seconds(stats.series.fetch_ns));
  chunks_fetch_.With(labels).Observe(Seconds(stats.chunks_wall_ns));
  chunks_fetch_sum_.With(labels).Observe(Seconds(stats.chunks.fetch_ns));
  series_refetches_.With(labels).Add(static_cast<double>(stats.series.refetched));
  chunk_refetches_.With(labels).Add(static_cast<double>(stats.chunks.refetched));
  empty_postings_.With(labels).Add(static_cast<double>(stats.empty_postings));
  lazy_streams_.Add(static_cast<double>(stats.deferred_streams));
  lazy_groups_.Add(static_cast<double>(stats.deferred_groups));
  lazy_bytes_.Add(static_cast<double>(stats.deferred_bytes));
  lazy_overfetched_bytes_.Add(static_cast<double>(stats.overfetched_bytes));
}

}  // namespace thanos::bucketstore
