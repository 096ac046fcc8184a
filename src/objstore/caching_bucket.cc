#include "objstore/caching_bucket.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/single_flight.h"
#include "codec/byte_reader.h"
#include "objstore/byte_sources.h"
#include "objstore/subranges.h"

namespace thanos::objstore {
namespace {

constexpr size_t kListingBytesMax = 64 << 20;

bool IsChunks(std::string_view name) {
  const size_t slash = name.rfind('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view file = name.substr(slash + 1), directory = name.substr(0, slash);
  return directory.ends_with("/chunks") && !file.empty() &&
         file.find_first_not_of("0123456789") == std::string_view::npos;
}

bool IsMeta(std::string_view name) {
  return name.ends_with("/meta.json") || name.ends_with("/deletion-mark.json");
}

std::string Key(std::string_view verb, std::string_view name) {
  return std::string(verb) + ":" + std::string(name);
}

// "1" size modified, or "0" for what is not there.
std::string EncodeAttributes(const ObjectAttributes& attributes) {
  std::string out = "1";
  codec::ByteWriter writer(&out);
  writer.Be64(static_cast<uint64_t>(attributes.size));
  writer.Be64(static_cast<uint64_t>(attributes.modified_ms));
  return out;
}

struct Operation {
  metrics::Counter requests, hits;
};

class CachingBucket : public Bucket {
 public:
  CachingBucket(std::unique_ptr<Bucket> inner, std::unique_ptr<cache::Cache> cache,
                const CachingOptions& options, metrics::Registry* registry)
      : inner_(std::move(inner)), cache_(std::move(cache)), options_(options) {
    if (registry != nullptr) AddMetrics(registry);
  }

  std::string name() const override { return inner_->name(); }
  Capabilities capabilities() const override { return inner_->capabilities(); }

  Result<ObjectAttributes> Attributes(const CallContext& context, std::string_view name) override {
    if (IsChunks(name)) return ChunkAttributes(context, name);
    if (!IsMeta(name)) return inner_->Attributes(context, name);
    exists_.requests.Add();
    const std::string key = Key("exists", name);
    if (auto kept = KeptAttributes(context, key, name)) {
      exists_.hits.Add();
      return std::move(*kept);
    }
    auto found = inner_->Attributes(context, name);
    if (found.ok()) {
      Store(key, EncodeAttributes(*found), options_.exists_ttl_ms);
    } else if (found.status().code() == StatusCode::kNotFound) {
      Store(key, "0", options_.doesnt_exist_ttl_ms);
    }
    return found;
  }

  Status Iterate(const CallContext& context, const ListOptions& options,
                 const ObjectVisitor& visitor) override {
    if (!options.prefix.empty() || !options.start_after.empty()) {
      return inner_->Iterate(context, options, visitor);
    }
    iter_.requests.Add();
    std::string verb = options.recursive ? "iter-recursive" : "iter";
    if (!options.uninteresting.empty()) verb += "-without-" + options.uninteresting;
    const std::string key = Key(verb, inner_->name());
    if (const base::PinnedBytes kept = Fetch(context, key); kept.owner()) {
      std::vector<Listed> listed;
      if (DecodeListing(kept.bytes(), &listed)) {
        iter_.hits.Add();
        return Visit(listed, visitor);
      }
    }
    std::string listing;
    std::vector<Listed> listed;
    THANOS_RETURN_IF_ERROR(inner_->Iterate(context, options, [&](const ListedObject& object) {
      AppendListed(object, &listing);
      listed.push_back({std::string(object.name), object.attributes, object.has_attributes});
      return OkStatus();
    }));
    if (listing.size() <= kListingBytesMax) Store(key, listing, options_.iter_ttl_ms);
    return Visit(listed, visitor);
  }

  Result<std::unique_ptr<ByteSource>> Open(const CallContext& context, std::string_view name,
                                           ByteRange range) override {
    if (IsMeta(name) && range.offset == 0 && range.length < 0) return OpenMeta(context, name);
    if (IsChunks(name) && range.length > 0 && range.offset >= 0 && options_.subrange_bytes > 0) {
      return OpenSubranges(context, name, range);
    }
    return inner_->Open(context, name, range);
  }

  Status Upload(const CallContext& context, std::string_view name, ByteSource& content,
                const PutOptions& options) override {
    return inner_->Upload(context, name, content, options);
  }
  Status Delete(const CallContext& context, std::string_view name) override {
    return inner_->Delete(context, name);
  }
  Status Copy(const CallContext& context, std::string_view from, std::string_view to) override {
    return inner_->Copy(context, from, to);
  }

 private:
  struct Listed {
    std::string name;
    ObjectAttributes attributes;
    bool has_attributes = false;
  };

  void AddMetrics(metrics::Registry* registry) {
    const std::string prefix = "thanos_store_bucket_cache_";
    const auto requests =
        registry->AddCounterFamily(prefix + "operation_requests_total",
                                   "Number of requested operations matching given config.");
    const auto hits =
        registry->AddCounterFamily(prefix + "operation_hits_total",
                                   "Number of operations served from cache for given config.");
    const auto make = [&](const char* operation, const char* config) {
      const metrics::LabelPairs labels = {{"operation", operation}, {"config", config}};
      return Operation{requests.With(labels), hits.With(labels)};
    };
    attributes_ = make("attributes", "chunks");
    get_range_ = make("get_range", "chunks");
    exists_ = make("exists", "meta.jsons");
    get_ = make("get", "meta.jsons");
    iter_ = make("iter", "blocks-iter");
    requested_bytes_ = registry->AddCounter(prefix + "getrange_requested_bytes_total",
                                            "Total number of bytes requested via GetRange.",
                                            {{"config", "chunks"}});
    const auto fetched = registry->AddCounterFamily(
        prefix + "getrange_fetched_bytes_total",
        "Bytes that ranges were answered with, from the cache and from the bucket.");
    cached_bytes_ = fetched.With({{"config", "chunks"}, {"origin", "cache"}});
    bucket_bytes_ = fetched.With({{"config", "chunks"}, {"origin", "bucket"}});
    refetched_bytes_ = registry->AddCounter(
        prefix + "getrange_refetched_bytes_total",
        "Bytes read from the bucket again although the cache had them, to make fewer requests.",
        {{"config", "chunks"}, {"origin", "bucket"}});
  }

  base::PinnedBytes Fetch(const CallContext& context, std::string_view key) {
    return cache_->Fetch(context, std::span(&key, 1))[0];
  }
  void Store(std::string_view key, std::string_view value, int64_t ttl_ms) {
    if (ttl_ms > 0) cache_->Store(key, codec::AsBytes(value), ttl_ms, 0);
  }

  std::optional<Result<ObjectAttributes>> KeptAttributes(const CallContext& context,
                                                         const std::string& key,
                                                         std::string_view name) {
    const base::PinnedBytes kept = Fetch(context, key);
    if (kept.size() == 1 && codec::AsText(kept.bytes()) == "0") {
      return Result<ObjectAttributes>(NotFoundError(std::string(name) + ": no such object"));
    }
    if (kept.size() != 17) return std::nullopt;
    codec::ByteReader in(kept.bytes().subspan(1));
    ObjectAttributes out;
    out.size = static_cast<int64_t>(in.Be64());
    out.modified_ms = static_cast<int64_t>(in.Be64());
    if (out.size < 0) return std::nullopt;
    return Result<ObjectAttributes>(out);
  }

  Result<ObjectAttributes> ChunkAttributes(const CallContext& context, std::string_view name) {
    attributes_.requests.Add();
    const std::string key = Key("attrs", name);
    if (auto kept = KeptAttributes(context, key, name)) {
      attributes_.hits.Add();
      return std::move(*kept);
    }
    auto found = inner_->Attributes(context, name);
    if (found.ok()) Store(key, EncodeAttributes(*found), options_.attributes_ttl_ms);
    return found;
  }

  static void AppendListed(const ListedObject& object, std::string* out) {
    codec::ByteWriter writer(out);
    writer.UvarintString(object.name);
    writer.Uvarint(object.has_attributes ? 1 : 0);
    writer.Varint(object.attributes.size);
    writer.Varint(object.attributes.modified_ms);
  }
  static bool DecodeListing(std::span<const std::byte> bytes, std::vector<Listed>* out) {
    codec::ByteReader in(bytes);
    while (in.position() < bytes.size()) {
      Listed listed;
      listed.name = in.UvarintString();
      listed.has_attributes = in.Uvarint() == 1;
      listed.attributes.size = in.Varint();
      listed.attributes.modified_ms = in.Varint();
      if (!in.Check("listing").ok() || listed.name.empty()) return false;
      out->push_back(std::move(listed));
    }
    return true;
  }
  static Status Visit(const std::vector<Listed>& listed, const ObjectVisitor& visitor) {
    for (const Listed& object : listed) {
      THANOS_RETURN_IF_ERROR(visitor({object.name, object.attributes, object.has_attributes}));
    }
    return OkStatus();
  }

  Result<std::unique_ptr<ByteSource>> OpenMeta(const CallContext& context, std::string_view name) {
    get_.requests.Add();
    const std::string content_key = Key("content", name), exists_key = Key("exists", name);
    if (const base::PinnedBytes kept = Fetch(context, content_key); kept.owner()) {
      get_.hits.Add();
      return MemorySource(std::string(codec::AsText(kept.bytes())));
    }
    const base::PinnedBytes known = Fetch(context, exists_key);
    if (known.size() == 1 && codec::AsText(known.bytes()) == "0") {
      get_.hits.Add();
      return NotFoundError(std::string(name) + ": no such object");
    }
    auto source = inner_->Open(context, name, {});
    if (!source.ok()) {
      if (source.status().code() == StatusCode::kNotFound) {
        Store(exists_key, "0", options_.doesnt_exist_ttl_ms);
      }
      return source;
    }
    // What is too large to be kept, or does not say how large it is, passes through.
    if ((*source)->size() < 0 || (*source)->size() > options_.content_bytes_max) return source;
    THANOS_ASSIGN_OR_RETURN(
        std::string content,
        ReadAll(**source, name, static_cast<size_t>(options_.content_bytes_max)));
    Store(content_key, content, options_.content_ttl_ms);
    return MemorySource(std::move(content));
  }

  static std::string PieceKey(std::string_view name, const Subrange& piece) {
    return Key("subrange", name) + ":" + std::to_string(piece.begin) + ":" +
           std::to_string(piece.end);
  }

  Result<std::unique_ptr<ByteSource>> OpenSubranges(const CallContext& context,
                                                    std::string_view name, ByteRange range) {
    get_range_.requests.Add();
    THANOS_ASSIGN_OR_RETURN(const ObjectAttributes attributes, ChunkAttributes(context, name));
    if (range.offset > attributes.size) {
      return Status(StatusCode::kOutOfRange,
                    std::string(name) + ": range at " + std::to_string(range.offset) +
                        " begins behind the end at " + std::to_string(attributes.size));
    }
    const int64_t end = range.offset + std::min(range.length, attributes.size - range.offset);
    requested_bytes_.Add(static_cast<double>(end - range.offset));
    const std::vector<Subrange> pieces =
        PiecesOf(range.offset, end, attributes.size, options_.subrange_bytes);
    std::vector<base::PinnedBytes> held;
    THANOS_RETURN_IF_ERROR(FetchPieces(context, name, pieces, &held));
    std::string out;
    out.reserve(static_cast<size_t>(end - range.offset));
    for (size_t i = 0; i < pieces.size(); ++i) {
      const int64_t from = std::max(pieces[i].begin, range.offset);
      const int64_t to = std::min(pieces[i].end, end);
      out += codec::AsText(held[i].bytes().subspan(static_cast<size_t>(from - pieces[i].begin),
                                                   static_cast<size_t>(to - from)));
    }
    return MemorySource(std::move(out));
  }

  Status FetchPieces(const CallContext& context, std::string_view name,
                     const std::vector<Subrange>& pieces, std::vector<base::PinnedBytes>* held) {
    std::vector<std::string> keys;
    for (const Subrange& piece : pieces) keys.push_back(PieceKey(name, piece));
    const std::vector<std::string_view> views(keys.begin(), keys.end());
    if (!views.empty()) *held = cache_->Fetch(context, views);
    std::vector<Subrange> missing;
    int64_t missing_bytes = 0;
    for (size_t i = 0; i < pieces.size(); ++i) {
      const int64_t length = pieces[i].end - pieces[i].begin;
      if (std::ssize((*held)[i].bytes()) == length && (*held)[i].owner()) {
        cached_bytes_.Add(static_cast<double>(length));
        continue;
      }
      (*held)[i] = {};
      missing.push_back(pieces[i]);
      missing_bytes += length;
    }
    if (missing.empty()) {
      get_range_.hits.Add();
      return OkStatus();
    }
    for (const Subrange& run : JoinMissing(missing, options_.subrange_requests_max)) {
      THANOS_RETURN_IF_ERROR(context.Check());
      THANOS_RETURN_IF_ERROR(FetchRun(context, name, run, pieces, keys, held));
      missing_bytes -= run.end - run.begin;
    }
    refetched_bytes_.Add(static_cast<double>(-missing_bytes));
    return OkStatus();
  }

  // One request, or that of another call for the same; its pieces are kept and handed out.
  Status FetchRun(const CallContext& context, std::string_view name, const Subrange& run,
                  const std::vector<Subrange>& pieces, const std::vector<std::string>& keys,
                  std::vector<base::PinnedBytes>* held) {
    THANOS_ASSIGN_OR_RETURN(auto flight, flights_.Board(context, PieceKey(name, run)));
    const auto shared = flight.Result<base::PinnedBytes>();
    base::PinnedBytes bytes;
    if (shared != nullptr) {
      bytes = *shared;
    } else {
      THANOS_ASSIGN_OR_RETURN(bytes, ReadRun(context, name, run));
      flight.Land(std::make_shared<const base::PinnedBytes>(bytes));
    }
    for (size_t i = 0; i < pieces.size(); ++i) {
      if (pieces[i].begin < run.begin || pieces[i].end > run.end || (*held)[i].owner()) continue;
      (*held)[i] = bytes.Slice(static_cast<size_t>(pieces[i].begin - run.begin),
                               static_cast<size_t>(pieces[i].end - pieces[i].begin));
      if (shared == nullptr) {
        Store(keys[i], codec::AsText((*held)[i].bytes()), options_.subrange_ttl_ms);
      }
    }
    return OkStatus();
  }

  Result<base::PinnedBytes> ReadRun(const CallContext& context, std::string_view name,
                                    const Subrange& run) {
    const int64_t length = run.end - run.begin;
    THANOS_ASSIGN_OR_RETURN(const auto source, inner_->Open(context, name, {run.begin, length}));
    THANOS_ASSIGN_OR_RETURN(std::string text, ReadAll(*source, name, static_cast<size_t>(length)));
    if (std::ssize(text) != length) {
      return DataLossError(std::string(name) + ": range at " + std::to_string(run.begin) +
                           " gave " + std::to_string(text.size()) + " of " +
                           std::to_string(length) + " bytes");
    }
    bucket_bytes_.Add(static_cast<double>(length));
    return base::PinnedBytes::Of(std::move(text));
  }

  const std::unique_ptr<Bucket> inner_;
  const std::unique_ptr<cache::Cache> cache_;
  const CachingOptions options_;
  base::SingleFlight flights_;  // Of reads of chunks.
  Operation attributes_, get_range_, exists_, get_, iter_;
  metrics::Counter requested_bytes_, cached_bytes_, bucket_bytes_, refetched_bytes_;
};

}  // namespace

std::unique_ptr<Bucket> WithCache(std::unique_ptr<Bucket> inner,
                                  std::unique_ptr<cache::Cache> cache,
                                  const CachingOptions& options, metrics::Registry* registry) {
  return std::make_unique<CachingBucket>(std::move(inner), std::move(cache), options, registry);
}

}  // namespace thanos::objstore
