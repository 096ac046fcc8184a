// A small Prometheus over HTTP: answers what tests put into it, and remembers what it was asked.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "codec/byte_reader.h"
#include "codec/compression.h"
#include "net/http_server.h"
#include "wire/remote_read.h"

namespace thanos::testing {

class FakePrometheus {
 public:
  /// A series as remote read gives it: labels with the external ones merged in already.
  struct Series {
    Labels labels;
    std::vector<std::vector<std::string>> frames;  // Chunk data, frame by frame.
  };

  FakePrometheus() : server_(net::HttpServerOptions()) {
    for (const char* path :
         {"/api/v1/status/config", "/api/v1/status/buildinfo", "/api/v1/status/flags", "/metrics",
          "/api/v1/status/runtimeinfo", "/-/reload", "/api/v1/series", "/api/v1/labels",
          "/api/v1/label/:name/values", "/api/v1/rules", "/api/v1/targets", "/api/v1/metadata",
          "/api/v1/query_exemplars", "/api/v1/status/tsdb"}) {
      server_.Handle({}, path, [this](const CallContext&, const net::HttpRequest& request) {
        std::lock_guard lock(mutex_);
        requests_.push_back(request);
        const auto found = answers_.find(request.path);
        if (found == answers_.end()) return net::HttpResponse::Text(404, "404 page not found\n");
        return net::HttpResponse::Json(found->second.first, found->second.second);
      });
    }
    server_.Handle({"POST"}, "/api/v1/read",
                   [this](const CallContext& context, const net::HttpRequest& request) {
                     return Read(context, request);
                   });
    THANOS_CHECK(server_.Start().ok());
  }

  std::string url() const { return "http://" + server_.address(); }
  void Answer(const std::string& path, std::string body, int status = 200) {
    std::lock_guard lock(mutex_);
    answers_[path] = {status, std::move(body)};
  }
  std::vector<net::HttpRequest> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  wire::ReadRequest last_read() {
    std::lock_guard lock(mutex_);
    return last_read_;
  }

  std::vector<Series> series;
  std::vector<wire::SampledSeries> samples;
  bool sampled = false;  // Answers with samples.
  int read_status = 200;
  std::string content_type;  // Instead of the right one.
  std::string appended;      // Behind the last frame, as late errors are.
  std::function<void(const CallContext&)> before_frame;

 private:
  net::HttpResponse Read(const CallContext& context, const net::HttpRequest& request) {
    auto bytes = codec::SnappyDecompress(request.body, 1 << 20);
    auto read = wire::DecodeReadRequest(bytes.ok() ? *bytes : "\xff");
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(request);
      if (read.ok()) last_read_ = *read;
    }
    if (!read.ok()) return net::HttpResponse::Text(400, "bad request");
    if (read_status != 200) return net::HttpResponse::Text(read_status, "out of order");
    net::HttpResponse response;
    if (sampled) {
      response.headers.Add("Content-Type", "application/x-protobuf");
      response.headers.Add("Content-Encoding", "snappy");
      response.body = codec::SnappyCompress(wire::EncodeReadResponse({samples}));
      return response;
    }
    response.headers.Add(
        "Content-Type",
        content_type.empty()
            ? "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
            : content_type);
    response.stream = [this, context](net::BodyWriter& out) { return WriteFrames(context, out); };
    return response;
  }

  Status WriteFrames(const CallContext& context, net::BodyWriter& out) {
    for (const Series& one : series) {
      int64_t ms = 0;
      for (const std::vector<std::string>& frame : one.frames) {
        if (before_frame) before_frame(context);
        std::vector<ChunkPart> parts;
        std::vector<ChunkView> chunks;
        parts.reserve(frame.size());
        for (const std::string& data : frame) {
          parts.push_back({Aggr::kRaw, ChunkEncoding::kXor, 0, codec::AsBytes(data)});
          chunks.push_back({ms, ms + 9, 0, {&parts.back(), 1}});
          ms += 10;
        }
        THANOS_RETURN_IF_ERROR(out.Write(wire::EncodeReadFrame(0, {one.labels, chunks})));
      }
    }
    return out.Write(appended);
  }

  std::mutex mutex_;
  std::map<std::string, std::pair<int, std::string>> answers_;  // Guarded by mutex_.
  std::vector<net::HttpRequest> requests_;                      // Guarded by mutex_.
  wire::ReadRequest last_read_;                                 // Guarded by mutex_.
  net::HttpServer server_;                                      // Last: stops first.
};

}  // namespace thanos::testing
