// An HTTP/1.1 server. Handlers are functions from a request to a response:
//
//   HttpServer server(options);
//   server.Handle({"GET", "POST"}, "/api/v1/label/:name/values",
//                 [](const CallContext& context, const HttpRequest& request) {
//                   return HttpResponse::Json(200, Answer(request.PathParam("name")));
//                 });
//   THANOS_RETURN_IF_ERROR(server.Start());
//
// I/O threads never block; handlers run on a bounded pool. A request's context is cancelled when
// its client goes away. Limits on headers, bodies, connections and waiting hold from the start.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "net/http_types.h"
#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::net {

struct HttpRequest {
  std::string method;  // "GET"
  std::string target;  // As sent: "/api/v1/query?query=up".
  std::string path;    // Unescaped, without the query.
  Values query;        // Of the URL only.
  Values form;         // Of the body, then of the URL: for single values the body wins.
  Status form_error;   // Why a part of `query` or `form` could not be read.
  HttpHeaders headers;
  std::string body;                         // Raw; a form's body too.
  std::string remote_address;               // "127.0.0.1:4711"
  std::shared_ptr<const PeerSubject> peer;  // Null when the client showed no certificate.
  std::vector<std::pair<std::string, std::string>> path_params;

  /// What `:name` or `*name` of the pattern took, unescaped; "" when there is no such part.
  std::string_view PathParam(std::string_view name) const;
};

/// Where a streamed body goes. One thread.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  /// Blocks while the client is slow, at most the server's write timeout. kCancelled or
  /// kDeadlineExceeded once the client is gone: stop then.
  virtual Status Write(std::string_view piece) = 0;
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;
  std::string body;
  /// The body when `body` is empty: bytes that live as long as the process, sent as they are,
  /// without a copy and never compressed here.
  std::string_view lasting_body;
  /// When set, the body is what this writes, sent in pieces as it comes; `body` is ignored. Called
  /// once, on the handler's thread, after the handler returned. After an error the connection is
  /// cut, so that the client sees that the body is not whole.
  std::function<Status(BodyWriter&)> stream;

  static HttpResponse Text(int status, std::string body);
  static HttpResponse Json(int status, std::string body);
  /// 302 by default.
  static HttpResponse Redirect(std::string location, int status = 302);
};

/// Called on many threads at once. The request lives until the response, streamed or not, is done.
using HttpHandler = std::function<HttpResponse(const CallContext&, const HttpRequest&)>;

/// What became of a request, for metrics and request logs.
struct HttpObservation {
  std::string_view handler;  // RouteOptions::name; "" when no route was found.
  std::string_view method;
  std::string_view tenant;  // Of HttpServerOptions::tenant_header; "" when there is none.
  std::string_view path;
  int status = 0;
  double seconds = 0;
  size_t request_bytes = 0;
  size_t response_bytes = 0;  // Body, as sent.
};

/// Called on the server's threads; must not block.
class HttpObserver {
 public:
  virtual ~HttpObserver() = default;
  /// Before the start, for each named route: what may come.
  virtual void Announce(std::string_view handler, const std::vector<std::string>& methods) = 0;
  virtual void Started(std::string_view handler, std::string_view method,
                       std::string_view tenant) = 0;
  virtual void Ended(const HttpObservation& observation) = 0;
};

/// One request, as an interceptor accompanies it.
class HttpVisit {
 public:
  virtual ~HttpVisit() = default;
  /// Before the answer goes out; may add headers.
  virtual void Answering(HttpResponse* response) = 0;
  /// When all of it is out, or the client gone.
  virtual void Ended(const HttpObservation& observation) = 0;
};

/// Steps into requests to named routes before their handlers run: traces, request logs. Called on
/// handlers' threads, on many at once; must not block.
class HttpInterceptor {
 public:
  virtual ~HttpInterceptor() = default;
  /// May replace the context that the handler gets. Null when it has no interest. The request
  /// outlives the visit.
  virtual std::unique_ptr<HttpVisit> Begin(std::string_view handler, const HttpRequest& request,
                                           CallContext* context) = 0;
};

/// What became of a server's connections.
struct HttpConnections {
  size_t open = 0;
  uint64_t turned_away = 0;  // For want of room: the new one, or one that was idle.
};

struct RouteOptions {
  std::string name = {};      // For the observer; interceptors see named routes only.
  size_t body_bytes_max = 0;  // 0: the server's.
  bool compress = true;       // zstd or gzip where the client accepts it and it is worth it.
  /// Answered by a thread of its own and free of the cap on waiting requests: probes. Such a
  /// handler must be quick.
  bool urgent = false;
  /// It changes something: a browser that comes from another site is refused, 403.
  bool mutating = false;
};

struct HttpServerOptions {
  std::string address = "127.0.0.1:0";  // "host:port", ":port", "[::1]:port".
  /// Of exporter-toolkit: TLS, users, headers, rate limit; followed as it changes. "" is none.
  std::string web_config_file;
  /// Which tenant a request is counted for: this header, or the default. "" counts none.
  std::string tenant_header, default_tenant;
  /// Requests of the same flow wait for each other; different flows take turns, see
  /// base::FairQueue. Null: all are of one. Called on I/O threads; must not block.
  std::function<std::string(const HttpRequest&)> flow;
  size_t io_threads = 1;
  size_t handler_threads = 32;
  size_t waiting_requests_max = 1024;  // More are answered 503 at once.
  size_t connections_max = 4096;       // Above it, idle ones make room for new ones.
  size_t header_bytes_max = 64 << 10;  // 431.
  size_t body_bytes_max = 10 << 20;    // 413.
  size_t out_bytes_max = 1 << 20;      // Of a streamed body, waiting for a slow client.
  std::chrono::nanoseconds header_timeout = std::chrono::seconds(10);
  std::chrono::nanoseconds body_timeout = std::chrono::minutes(5);
  std::chrono::nanoseconds idle_timeout = std::chrono::minutes(2);
  std::chrono::nanoseconds write_timeout = std::chrono::seconds(60);  // Without any progress.
  CallContext context;  // Parent of each request's: budget, tenant.
  base::Logger logger;
  std::shared_ptr<HttpObserver> observer;
  std::vector<std::shared_ptr<HttpInterceptor>> interceptors;  // In the order of Begin().
};

/// Routes are added before Start(). All other methods are thread-safe.
class HttpServer {
 public:
  explicit HttpServer(HttpServerOptions options);
  /// Stop(0).
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;

  /// `pattern` is a path; `:name` stands for one part, `*name` at the end for the rest. The more
  /// literal pattern wins. No `methods`: any. Another method on a known path is 405 with Allow.
  void Handle(std::vector<std::string> methods, std::string pattern, HttpHandler handler,
              RouteOptions options = {});
  /// Instead of 404 `404 page not found\n`.
  void HandleNotFound(HttpHandler handler, RouteOptions options = {});

  /// Binds and listens. kUnavailable or kInvalidArgument names the address, or what is wrong with
  /// the web configuration.
  Status Start();
  /// The port that is bound; 0 before Start().
  int port() const;
  /// "host:port" as bound.
  std::string address() const;
  HttpConnections connections() const;

  /// Stops listening, lets requests under way end for at most `grace`, cancels the rest, joins all
  /// threads. Idempotent.
  void Stop(std::chrono::nanoseconds grace);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thanos::net
