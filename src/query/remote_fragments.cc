#include "query/remote_fragments.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "chunk/histogram_writer.h"
#include "chunk/xor.h"
#include "codec/byte_reader.h"
#include "model/matcher.h"
#include "series/batch_builder.h"
#include "series/filter.h"

namespace thanos::query {
namespace {

constexpr size_t kChunkSamples = 1024;
constexpr uint32_t kBatchSeries = 64;
constexpr char kMixOfKinds[] = "encountered a mix of";
// How Prometheus marks a series that has no value any more.
const double kStale = std::bit_cast<double>(uint64_t{0x7ff0000000000002});

struct Values {
  std::vector<int64_t> t;
  std::vector<double> v;
  std::vector<wire::SampledHistogram> histograms;
};
using SeriesMap = std::map<Labels, Values>;

// The steps of a query, for placing samples and finding gaps.
struct Steps {
  int64_t start_ms, end_ms, step_ms;  // step_ms 0: one step.
  bool Has(int64_t t) const {
    if (step_ms == 0) return t == start_ms;
    return t >= start_ms && t <= end_ms && (t - start_ms) % step_ms == 0;
  }
};

// A stale marker behind each value whose next step has none, so that looking back finds nothing.
void MarkGaps(const Steps& steps, Values* values) {
  if (steps.step_ms == 0) return;
  Values out;
  size_t f = 0;
  std::vector<int64_t> all = values->t;
  for (const wire::SampledHistogram& histogram : values->histograms) all.push_back(histogram.t);
  std::sort(all.begin(), all.end());
  for (size_t i = 0; i < all.size(); ++i) {
    while (f < values->t.size() && values->t[f] == all[i]) {
      out.t.push_back(values->t[f]);
      out.v.push_back(values->v[f++]);
    }
    const int64_t next = all[i] + steps.step_ms;
    const bool gap = next <= steps.end_ms && (i + 1 == all.size() || all[i + 1] > next);
    if (gap) {
      out.t.push_back(next);
      out.v.push_back(kStale);
    }
  }
  values->t = std::move(out.t);
  values->v = std::move(out.v);
}

// Builds the chunks of one series: runs of floats and of histograms in order of time.
class SeriesEncoder {
 public:
  explicit SeriesEncoder(series::BatchBuilder* builder) : builder_(builder) {}

  Status Add(const Labels& labels, const Values& values) {
    builder_->BeginSeries(labels);
    size_t f = 0, h = 0;
    while (f < values.t.size() || h < values.histograms.size()) {
      const auto float_is_next = [&](size_t at) {
        return at < values.t.size() &&
               (h == values.histograms.size() || values.t[at] < values.histograms[h].t);
      };
      if (float_is_next(f)) {
        const size_t begin = f;
        while (float_is_next(f) && f - begin < kChunkSamples) ++f;
        AddFloats(values, begin, f);
      } else {
        const int64_t before = f < values.t.size() ? values.t[f] : INT64_MAX;
        THANOS_RETURN_IF_ERROR(AddHistograms(values.histograms, before, &h));
      }
    }
    builder_->EndSeries();
    return OkStatus();
  }

 private:
  void AddChunk(int64_t min_ms, int64_t max_ms, ChunkEncoding encoding,
                std::span<const std::byte> bytes) {
    const ChunkPart part{Aggr::kRaw, encoding, 0, builder_->CopyBytes(bytes)};
    builder_->AddChunk(min_ms, max_ms, 0, {&part, 1});
  }
  void AddFloats(const Values& values, size_t begin, size_t end) {
    buffer_.resize(chunk::XorBytesMax(end - begin));
    const size_t size = chunk::EncodeXor(values.t.data() + begin, values.v.data() + begin,
                                         end - begin, buffer_.data());
    AddChunk(values.t[begin], values.t[end - 1], ChunkEncoding::kXor, {buffer_.data(), size});
  }
  Status AddHistograms(const std::vector<wire::SampledHistogram>& all, int64_t before, size_t* h) {
    chunk::HistogramChunkWriter<model::FloatHistogram> writer;
    std::string finished;
    size_t begin = *h;
    const auto cut = [&](const std::string& bytes, size_t end) {
      AddChunk(all[begin].t, all[end - 1].t, ChunkEncoding::kFloatHistogram,
               std::as_bytes(std::span<const char>(bytes)));
      begin = end;
    };
    for (; *h < all.size() && all[*h].t < before; ++*h) {
      THANOS_ASSIGN_OR_RETURN(const auto what, writer.Append(all[*h].t, all[*h].value, &finished));
      if (what == chunk::HistogramAppend::kNew) cut(finished, *h);
    }
    if (const std::string rest = writer.Cut(); !rest.empty()) cut(rest, *h);
    return OkStatus();
  }

  series::BatchBuilder* builder_;
  std::vector<std::byte> buffer_;
};

class FragmentSource : public SeriesSource {
 public:
  FragmentSource(SeriesSource* source, std::vector<std::vector<SeriesBatchRef>> fragments)
      : source_(source), fragments_(std::move(fragments)) {}

  SourceInfo Info() const override { return source_->Info(); }
  Result<std::unique_ptr<SeriesCursor>> Select(const CallContext& context,
                                               const SelectRequest& request) override {
    for (size_t i = 0; i < fragments_.size(); ++i) {
      const auto of_fragment = model::Matcher::Equal(kFragmentLabel, std::to_string(i));
      const auto& matchers = request.matchers;
      if (std::find(matchers.begin(), matchers.end(), of_fragment) != matchers.end()) {
        return series::CursorOf(fragments_[i]);
      }
    }
    return source_->Select(context, request);
  }
  Result<LabelsResult> LabelNames(const CallContext& context,
                                  const LabelsRequest& request) override {
    return source_->LabelNames(context, request);
  }
  Result<LabelsResult> LabelValues(const CallContext& context, const std::string& name,
                                   const LabelsRequest& request) override {
    return source_->LabelValues(context, name, request);
  }

 private:
  SeriesSource* const source_;
  const std::vector<std::vector<SeriesBatchRef>> fragments_;
};

// All calls of one query, and what they bring.
class Asking {
 public:
  Asking(const CallContext& context, const promql::QueryParams& params, int64_t lookback_ms,
         std::chrono::nanoseconds silence, const DistributedQuery& query,
         const std::vector<std::shared_ptr<fanout::Endpoint>>& peers)
      : context_(context.WithCancel()),
        params_(params),
        lookback_ms_(lookback_ms),
        silence_(silence),
        query_(query),
        peers_(peers),
        steps_{params.start_ms, params.step_ms == 0 ? params.start_ms : params.end_ms,
               params.step_ms} {}
  ~Asking() { context_.Cancel(); }

  Status Run(SeriesSource* source, RemoteResults* out) {
    std::vector<Call> calls;
    for (const Fragment& fragment : query_.fragments) {
      for (const size_t peer : fragment.peers) calls.push_back(Begin(fragment, peer));
      for (const size_t peer : fragment.absent) NoteAbsent(peer, out);
    }
    size_t at = 0;
    std::vector<std::vector<SeriesBatchRef>> fragments;
    for (const Fragment& fragment : query_.fragments) {
      SeriesMap series;
      for (size_t i = 0; i < fragment.peers.size(); ++i) {
        THANOS_RETURN_IF_ERROR(Await(fragment, &calls[at++], &series, out));
        if (!out->fallback.empty()) return OkStatus();
      }
      THANOS_RETURN_IF_ERROR(Encode(std::move(series), &fragments.emplace_back()));
    }
    out->source = std::make_shared<FragmentSource>(source, std::move(fragments));
    return OkStatus();
  }

 private:
  struct Call {
    size_t peer;
    std::unique_ptr<rpc::FrameReader> reader;
  };

  const std::string& AddressOf(size_t peer) const { return peers_[peer]->address(); }

  Call Begin(const Fragment& fragment, size_t peer) const {
    wire::QueryRequest request;
    request.query = fragment.query;
    request.lookback_delta_seconds = lookback_ms_ / 1000;
    request.max_resolution_seconds = params_.select.max_resolution_ms / 1000;
    request.replica_labels = params_.select.replica_labels;
    request.dedup = params_.select.dedup != series::DedupAlgorithm::kNone;
    request.partial_response = params_.select.partial == PartialStrategy::kWarn;
    request.batch_series = kBatchSeries;
    if (context_.deadline() != SteadyTime::max()) {
      const auto left = context_.deadline() - std::chrono::steady_clock::now();
      request.timeout_seconds =
          std::max<int64_t>(std::chrono::ceil<std::chrono::seconds>(left).count(), 1);
    }
    rpc::StreamOptions options;
    options.frame_timeout = silence_;
    rpc::Channel& channel = peers_[peer]->channel();
    if (steps_.step_ms == 0) {
      request.time_seconds = steps_.start_ms / 1000;
      return {peer, channel.Query(context_, request, options)};
    }
    request.start_seconds = steps_.start_ms / 1000;
    request.end_seconds = steps_.end_ms / 1000;
    request.interval_seconds = steps_.step_ms / 1000;
    return {peer, channel.QueryRange(context_, request, options)};
  }

  void Warn(std::string warning, RemoteResults* out) const {
    if (std::find(out->warnings.begin(), out->warnings.end(), warning) == out->warnings.end()) {
      out->warnings.push_back(std::move(warning));
    }
  }

  void NoteAbsent(size_t peer, RemoteResults* out) const {
    if (params_.select.partial == PartialStrategy::kAbort) return;
    out->partial = true;
    Warn("not asked, since it is unhealthy: " + AddressOf(peer) + ": " +
             peers_[peer]->state()->last_error,
         out);
  }

  Status Await(const Fragment& fragment, Call* call, SeriesMap* series, RemoteResults* out) {
    SeriesMap own;  // Taken over once whole: a part of a peer's answer would be a wrong one.
    const Status status = Collect(fragment, call, &own, out);
    if (!status.ok()) {
      THANOS_RETURN_IF_ERROR(fanout::OwnFailure(context_, status));
      std::string text =
          "remote query error (" + AddressOf(call->peer) + "): " + fanout::RpcErrorText(status);
      if (params_.select.partial == PartialStrategy::kAbort) {
        return Status(status.code(), std::move(text));
      }
      out->partial = true;
      Warn(std::move(text), out);
      return OkStatus();
    }
    series->merge(own);
    if (!own.empty()) out->fallback = "a series has several owners";
    return OkStatus();
  }

  Status Collect(const Fragment& fragment, Call* call, SeriesMap* own, RemoteResults* out) {
    while (out->fallback.empty()) {
      THANOS_ASSIGN_OR_RETURN(auto frame, call->reader->Next());
      if (!frame) break;
      THANOS_RETURN_IF_ERROR(Take(fragment, call->peer, *frame, own, out));
    }
    return OkStatus();
  }

  Status Take(const Fragment& fragment, size_t peer, const base::PinnedBytes& bytes,
              SeriesMap* series, RemoteResults* out) {
    THANOS_ASSIGN_OR_RETURN(wire::QueryFrame frame,
                            wire::DecodeQueryFrame(codec::AsText(bytes.bytes())));
    if (!frame.warnings.empty()) {
      if (frame.warnings.find(kMixOfKinds) != std::string::npos) {
        out->fallback = "floats and histograms are mixed";
      }
      out->partial |= frame.warnings.find("PromQL ") == std::string::npos;
      Warn("remote query warning (" + AddressOf(peer) + "): " + frame.warnings, out);
    }
    if (frame.stats) {
      out->samples_queryable +=
          static_cast<uint64_t>(std::max<int64_t>(frame.stats->samples_total, 0));
    }
    THANOS_RETURN_IF_ERROR(Charge(bytes.size()));
    for (wire::SampledSeries& one : frame.series) {
      THANOS_RETURN_IF_ERROR(TakeSeries(fragment, peer, std::move(one), series, out));
    }
    return OkStatus();
  }

  Status TakeSeries(const Fragment& fragment, size_t peer, wire::SampledSeries one,
                    SeriesMap* series, RemoteResults* out) const {
    if (one.labels.view().Find(kPeerLabel) || one.labels.view().Find(kFragmentLabel)) {
      return DataLossError("a result has the reserved label " + std::string(kPeerLabel));
    }
    if (fragment.joined_above) {
      LabelsBuilder builder(one.labels);
      builder.Set(kPeerLabel, AddressOf(peer));
      one.labels = builder.Build();
    }
    if (steps_.step_ms == 0) {
      // The time of an instant query's value is the query's, whatever the sample's was.
      if (one.t.size() + one.histograms.size() != 1) {
        return DataLossError("an instant result has not one value");
      }
      for (int64_t& t : one.t) t = steps_.start_ms;
      for (auto& histogram : one.histograms) histogram.t = steps_.start_ms;
    }
    THANOS_RETURN_IF_ERROR(CheckTimes(one));
    if (fragment.of_average &&
        std::any_of(one.v.begin(), one.v.end(), [](double v) { return std::isinf(v); })) {
      out->fallback = "the sum of an average is infinite";
    }
    Values values{std::move(one.t), std::move(one.v), std::move(one.histograms)};
    if (!series->emplace(std::move(one.labels), std::move(values)).second) {
      out->fallback = "a series has several owners";
    }
    return OkStatus();
  }

  Status CheckTimes(const wire::SampledSeries& one) const {
    int64_t before = INT64_MIN;
    for (const int64_t t : one.t) {
      if (!steps_.Has(t) || t <= before) return DataLossError("a result has a time off the steps");
      before = t;
    }
    before = INT64_MIN;
    for (const auto& histogram : one.histograms) {
      if (!steps_.Has(histogram.t) || histogram.t <= before ||
          std::binary_search(one.t.begin(), one.t.end(), histogram.t)) {
        return DataLossError("a result has a time off the steps");
      }
      before = histogram.t;
    }
    return OkStatus();
  }

  Status Charge(size_t bytes) {
    if (lease_.bytes() == 0) {
      THANOS_ASSIGN_OR_RETURN(lease_, BudgetLease::Take(context_.budget(), bytes));
      return OkStatus();
    }
    return lease_.Grow(bytes);
  }

  Status Encode(SeriesMap series, std::vector<SeriesBatchRef>* batches) const {
    series::BatchBuilder builder;
    SeriesEncoder encoder(&builder);
    const auto flush = [&]() -> Status {
      THANOS_ASSIGN_OR_RETURN(SeriesBatchRef batch, builder.Build(context_.budget()));
      batches->push_back(std::move(batch));
      return OkStatus();
    };
    for (auto& [labels, values] : series) {
      MarkGaps(steps_, &values);
      if (Status status = encoder.Add(labels, values); !status.ok()) {
        return status.WithContext("remote query result " + labels.ToString());
      }
      if (builder.series_count() >= kBatchSeries) THANOS_RETURN_IF_ERROR(flush());
    }
    return builder.series_count() > 0 ? flush() : OkStatus();
  }

  const CallContext context_;
  const promql::QueryParams& params_;
  const int64_t lookback_ms_;
  const std::chrono::nanoseconds silence_;
  const DistributedQuery& query_;
  const std::vector<std::shared_ptr<fanout::Endpoint>>& peers_;
  const Steps steps_;
  BudgetLease lease_;  // For what was received, until it is encoded.
};

}  // namespace

Result<RemoteResults> AskPeers(const CallContext& context, const promql::QueryParams& params,
                               int64_t lookback_ms, std::chrono::nanoseconds silence,
                               const DistributedQuery& query,
                               const std::vector<std::shared_ptr<fanout::Endpoint>>& peers,
                               SeriesSource* source) {
  RemoteResults out;
  Asking asking(context, params, lookback_ms, silence, query, peers);
  THANOS_RETURN_IF_ERROR(asking.Run(source, &out));
  return out;
}

}  // namespace thanos::query
