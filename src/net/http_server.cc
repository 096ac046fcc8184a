#include "net/http_server.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <exception>
#include <new>
#include <optional>

#include "base/executor.h"
#include "base/fair_executor.h"
#include "base/time_text.h"
#include "base/ulid.h"
#include "net/acceptor.h"
#include "net/http_engine.h"
#include "net/packing_stream.h"
#include "net/router.h"
#include "net/web_guard.h"

namespace thanos::net {
namespace {

constexpr size_t kCompressBytesMin = 1024;
constexpr size_t kRequestIdBytesMax = 128;
constexpr size_t kWaitingPasswordsMax = 256;
constexpr std::string_view kTextPlain = "text/plain; charset=utf-8";

bool HasBody(int status) { return status >= 200 && status != 204 && status != 304; }

// "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n"
std::string DateLine() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char line[64];
  const size_t size =
      std::strftime(line, sizeof(line), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
  return std::string(line, size);
}

std::string Head(const HttpResponse& response, int minor_version, bool keep_alive,
                 std::string_view framing) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head += HttpStatusText(response.status);
  head += "\r\n";
  for (const auto& [name, value] : response.headers.fields()) {
    // A line break in a value would let its author write headers of his own.
    if (value.find_first_of("\r\n") != std::string::npos) continue;
    head += name + ": " + value + "\r\n";
  }
  head += framing;
  head += DateLine();
  if (!keep_alive) {
    head += "Connection: close\r\n";
  } else if (minor_version == 0) {
    head += "Connection: keep-alive\r\n";
  }
  head += "\r\n";
  return head;
}

HttpResponse ErrorPage(int status, std::string text) {
  HttpResponse response = HttpResponse::Text(status, std::move(text));
  response.headers.Set("X-Content-Type-Options", "nosniff");
  return response;
}

// Pieces of a streamed body on their way: chunked, perhaps packed first.
class ChunkWriter : public BodyWriter {
 public:
  ChunkWriter(Exchange& exchange, bool chunked, Encoding packing)
      : exchange_(exchange), chunked_(chunked) {
    if (packing != Encoding::kIdentity) packer_ = PackingStream::Make(packing);
  }

  Status Write(std::string_view piece) override {
    THANOS_RETURN_IF_ERROR(exchange_.context().Check());
    if (!packer_) return Send(piece);
    std::string packed;
    packer_->Write(piece, &packed);
    return Send(packed);
  }
  Status Close() {
    if (packer_) {
      std::string packed;
      packer_->Finish(&packed);
      THANOS_RETURN_IF_ERROR(Send(packed));
    }
    return chunked_ ? exchange_.Write("0\r\n\r\n", false) : OkStatus();
  }
  size_t bytes() const { return bytes_; }

 private:
  Status Send(std::string_view piece) {
    if (piece.empty()) return OkStatus();
    bytes_ += piece.size();
    if (!chunked_) return exchange_.Write(std::string(piece), true);
    char size[20];
    const int digits = std::snprintf(size, sizeof(size), "%zx\r\n", piece.size());
    std::string framed;
    framed.reserve(piece.size() + static_cast<size_t>(digits) + 2);
    framed.append(size, static_cast<size_t>(digits)).append(piece).append("\r\n");
    return exchange_.Write(std::move(framed), true);
  }

  Exchange& exchange_;
  const bool chunked_;
  std::unique_ptr<PackingStream> packer_;
  size_t bytes_ = 0;
};

// Appends the parameters in the body, where its type says that there are such.
Status ReadBodyForm(const HttpRequest& request, Values* out) {
  const std::string& method = request.method;
  if (method != "POST" && method != "PUT" && method != "PATCH") return OkStatus();
  const std::string_view whole_type = request.headers.Get("Content-Type");
  std::string_view type = whole_type.substr(0, whole_type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  if (EqualsIgnoringCase(type, "application/x-www-form-urlencoded")) {
    return ParseQuery(request.body, out);
  }
  if (EqualsIgnoringCase(type, "multipart/form-data")) {
    return ParseMultipart(request.body, whole_type, out);
  }
  return OkStatus();
}

void ReadParameters(HttpRequest* request) {
  const size_t mark = request->target.find('?');
  if (mark != std::string::npos) {
    request->form_error =
        ParseQuery(std::string_view(request->target).substr(mark + 1), &request->query);
  }
  Status status = ReadBodyForm(*request, &request->form);
  if (!status.ok()) request->form_error = std::move(status);
  for (const auto& [name, value] : request->query.items()) request->form.Add(name, value);
}

// The path of a request line, which may be in absolute form ("http://host/path").
std::string_view RawPath(std::string_view target) {
  target = target.substr(0, target.find_first_of("?#"));
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const size_t slash = target.find('/', scheme.size());
    return slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  return target;
}

// What a browser says of where a request comes from. Others than browsers say nothing, and nobody
// can make a browser lie.
bool IsCrossSite(const HttpRequest& request) {
  if (const std::string_view site = request.headers.Get("Sec-Fetch-Site"); !site.empty()) {
    return site != "same-origin" && site != "none";
  }
  std::string_view origin = request.headers.Get("Origin");
  if (origin.empty()) return false;
  const size_t slashes = origin.find("://");
  if (slashes == std::string_view::npos) return true;  // "null"
  origin.remove_prefix(slashes + 3);
  return !EqualsIgnoringCase(origin, request.headers.Get("Host"));
}

std::string RequestId(const HttpRequest& request) {
  const std::string_view given = request.headers.Get("X-Request-ID");
  const bool printable =
      std::all_of(given.begin(), given.end(), [](char c) { return c > ' ' && c < 127; });
  if (!given.empty() && given.size() <= kRequestIdBytesMax && printable) return std::string(given);
  return base::Ulid::Make(base::NowMs()).ToString();
}

}  // namespace

std::string_view HttpRequest::PathParam(std::string_view name) const {
  for (const auto& [key, value] : path_params) {
    if (key == name) return value;
  }
  return "";
}

HttpResponse HttpResponse::Text(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.Add("Content-Type", std::string(kTextPlain));
  response.body = std::move(body);
  return response;
}

HttpResponse HttpResponse::Json(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.Add("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

HttpResponse HttpResponse::Redirect(std::string location, int status) {
  HttpResponse response;
  response.status = status;
  response.headers.Add("Location", std::move(location));
  return response;
}

struct HttpServer::Impl {
  explicit Impl(HttpServerOptions given) : options(std::move(given)) {}

  size_t BodyBytesMax(std::string_view method, std::string_view target) const {
    const Router::Match match = router.Find(method, RawPath(target));
    const bool own = match.route != nullptr && match.route->options.body_bytes_max != 0;
    return own ? match.route->options.body_bytes_max : options.body_bytes_max;
  }
  /// What the web configuration says of the request, then Dispatch.
  void Admit(std::shared_ptr<Exchange> exchange);
  void AskForPassword(std::shared_ptr<Exchange> exchange);
  void Deny(Exchange& exchange, int status);
  void Dispatch(std::shared_ptr<Exchange> exchange);
  void Serve(Exchange& exchange, const Router::Route* route, const Router::Match& match);
  std::vector<std::unique_ptr<HttpVisit>> Visit(std::string_view handler,
                                                const HttpRequest& request, CallContext* context);
  HttpResponse Answer(const CallContext& context, const HttpRequest& request,
                      const Router::Route* route, const Router::Match& match);
  std::string TenantOf(const HttpRequest& request) const {
    if (options.tenant_header.empty()) return "";
    const std::string_view given = request.headers.Get(options.tenant_header);
    return given.empty() ? options.default_tenant : std::string(given);
  }
  /// The headers of the web configuration.
  void AddConfigured(HttpResponse* response) const {
    if (!guard) return;
    for (const auto& [name, value] : *guard->headers()) response->headers.Set(name, value);
  }
  size_t SendWhole(Exchange& exchange, HttpResponse response, bool compress);
  Status SendStream(Exchange& exchange, HttpResponse& response, bool compress, size_t* bytes);

  const HttpServerOptions options;
  Router router;
  Router::Route not_found;
  std::unique_ptr<Acceptor> acceptor;
  std::unique_ptr<HttpEngine> engine;
  std::unique_ptr<base::FairExecutor> handlers;
  std::unique_ptr<base::Executor> urgent;
  std::unique_ptr<WebGuard> guard;            // Null without a web configuration.
  std::unique_ptr<base::Executor> passwords;  // One thread: bcrypt takes a core while it lasts.
  std::atomic<bool> stopping{false};
};

void HttpServer::Impl::Deny(Exchange& exchange, int status) {
  HttpResponse page = ErrorPage(status, std::string(HttpStatusText(status)) + "\n");
  if (status == 401) page.headers.Set("WWW-Authenticate", "Basic");
  SendWhole(exchange, std::move(page), false);
}

void HttpServer::Impl::Admit(std::shared_ptr<Exchange> exchange) {
  if (!guard) return Dispatch(std::move(exchange));
  switch (guard->Check(exchange->request().headers.Get("Authorization"))) {
    case WebGuard::Verdict::kPass:
      return Dispatch(std::move(exchange));
    case WebGuard::Verdict::kUnauthorized:
      return Deny(*exchange, 401);
    case WebGuard::Verdict::kTooMany:
      return Deny(*exchange, 429);
    case WebGuard::Verdict::kAsk:
      return AskForPassword(std::move(exchange));
  }
}

void HttpServer::Impl::AskForPassword(std::shared_ptr<Exchange> exchange) {
  const bool taken = passwords->TrySubmit([this, exchange] {
    if (!exchange->context().Check().ok()) return;  // Nobody waits for the answer.
    const bool good = guard->Verify(exchange->request().headers.Get("Authorization"));
    return good ? Dispatch(exchange) : Deny(*exchange, 401);
  });
  if (!taken) {
    SendWhole(*exchange, ErrorPage(503, "too many passwords are being checked\n"), false);
  }
}

void HttpServer::Impl::Dispatch(std::shared_ptr<Exchange> exchange) {
  HttpRequest& request = exchange->request();
  const std::string_view raw_path = RawPath(request.target);
  auto match = std::make_shared<Router::Match>(router.Find(request.method, raw_path));
  const Router::Route* route = match->route;
  if (route == nullptr && match->allowed.empty() && not_found.handler) route = &not_found;
  const bool is_urgent = route != nullptr && route->options.urgent;
  auto serve = [this, exchange, route, match] { Serve(*exchange, route, *match); };
  const bool taken = is_urgent
                         ? urgent->TrySubmit(std::move(serve))
                         : handlers->TrySubmit(options.flow ? options.flow(request) : std::string(),
                                               std::move(serve));
  if (!taken) {
    HttpResponse busy = ErrorPage(503, "too many requests are waiting\n");
    SendWhole(*exchange, std::move(busy), false);
  }
}

void HttpServer::Impl::Serve(Exchange& exchange, const Router::Route* route,
                             const Router::Match& match) {
  const SteadyTime began = std::chrono::steady_clock::now();
  HttpRequest& request = exchange.request();
  const std::string_view name = route ? std::string_view(route->options.name) : "";
  const std::string tenant = TenantOf(request);
  if (options.observer) options.observer->Started(name, request.method, tenant);
  request.path_params = match.params;
  request.path = UrlUnescape(RawPath(request.target), false).ok()
                     ? *UrlUnescape(RawPath(request.target), false)
                     : std::string(RawPath(request.target));
  ReadParameters(&request);
  CallContext context = exchange.context().WithRequestId(RequestId(request));
  const std::vector<std::unique_ptr<HttpVisit>> visits = Visit(name, request, &context);

  HttpResponse response = Answer(context, request, route, match);
  for (const auto& visit : visits) visit->Answering(&response);
  const bool compress =
      (route == nullptr || route->options.compress) && !response.headers.Has("Content-Encoding");
  HttpObservation seen{.handler = name,
                       .method = request.method,
                       .tenant = tenant,
                       .path = request.path,
                       .status = response.status,
                       .request_bytes = request.body.size()};
  if (response.stream && HasBody(response.status)) {
    const Status sent = SendStream(exchange, response, compress, &seen.response_bytes);
    if (!sent.ok()) exchange.Abort();
  } else {
    seen.response_bytes = SendWhole(exchange, std::move(response), compress);
  }
  seen.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (options.observer) options.observer->Ended(seen);
  for (const auto& visit : visits) visit->Ended(seen);
}

std::vector<std::unique_ptr<HttpVisit>> HttpServer::Impl::Visit(std::string_view handler,
                                                                const HttpRequest& request,
                                                                CallContext* context) {
  std::vector<std::unique_ptr<HttpVisit>> visits;
  if (handler.empty()) return visits;
  for (const auto& interceptor : options.interceptors) {
    auto visit = interceptor->Begin(handler, request, context);
    if (visit) visits.push_back(std::move(visit));
  }
  return visits;
}

HttpResponse HttpServer::Impl::Answer(const CallContext& context, const HttpRequest& request,
                                      const Router::Route* route, const Router::Match& match) {
  if (!context.Check().ok()) return ErrorPage(503, "request was cancelled\n");
  if (route != nullptr) {
    if (route->options.mutating && IsCrossSite(request)) {
      return ErrorPage(403, "a request from another site may not change anything\n");
    }
    try {
      return route->handler(context, request);
    } catch (const std::bad_alloc&) {
      options.logger.Error("out of memory", {{"path", request.path}});
      return ErrorPage(503, "out of memory\n");
    } catch (const std::exception& error) {
      options.logger.Error("HTTP handler threw", {{"path", request.path}, {"err", error.what()}});
      return ErrorPage(500, "internal error\n");
    }
  }
  if (match.allowed.empty()) return ErrorPage(404, "404 page not found\n");
  HttpResponse response = ErrorPage(405, "Method Not Allowed\n");
  std::string allow;
  for (const std::string& method : match.allowed) allow += (allow.empty() ? "" : ", ") + method;
  response.headers.Add("Allow", std::move(allow));
  return response;
}

// Returns the body's size as sent.
size_t HttpServer::Impl::SendWhole(Exchange& exchange, HttpResponse response, bool compress) {
  const HttpRequest& request = exchange.request();
  AddConfigured(&response);
  const bool keep = exchange.keep_alive() && !stopping.load();
  const bool lasting = response.body.empty() && !response.lasting_body.empty();
  if (compress && !lasting && HasBody(response.status)) {
    response.headers.Set("Vary", "Accept-Encoding");
    const Encoding packing = response.body.size() >= kCompressBytesMin
                                 ? ChoosePacking(request.headers.Get("Accept-Encoding"))
                                 : Encoding::kIdentity;
    if (packing != Encoding::kIdentity) {
      response.body = Pack(packing, response.body);
      response.headers.Add("Content-Encoding", std::string(NameOf(packing)));
    }
  }
  const size_t body_bytes = lasting ? response.lasting_body.size() : response.body.size();
  const std::string framing =
      HasBody(response.status) ? "Content-Length: " + std::to_string(body_bytes) + "\r\n" : "";
  std::string head = Head(response, exchange.http_minor_version(), keep, framing);
  const bool send_body = HasBody(response.status) && request.method != "HEAD";
  // When the client is gone there is nobody to tell.
  Status ignored = exchange.Write(std::move(head), false);
  if (send_body) {
    ignored = lasting ? exchange.WriteLasting(response.lasting_body)
                      : exchange.Write(std::move(response.body), false);
  }
  exchange.Finish(keep);
  return send_body ? body_bytes : 0;
}

Status HttpServer::Impl::SendStream(Exchange& exchange, HttpResponse& response, bool compress,
                                    size_t* bytes) {
  const HttpRequest& request = exchange.request();
  AddConfigured(&response);
  const bool chunked = exchange.http_minor_version() >= 1;
  const bool keep = exchange.keep_alive() && chunked && !stopping.load();
  const Encoding packing =
      compress ? ChoosePacking(request.headers.Get("Accept-Encoding")) : Encoding::kIdentity;
  if (compress) response.headers.Set("Vary", "Accept-Encoding");
  if (packing != Encoding::kIdentity) {
    response.headers.Add("Content-Encoding", std::string(NameOf(packing)));
  }
  const std::string_view framing = chunked ? "Transfer-Encoding: chunked\r\n" : "";
  THANOS_RETURN_IF_ERROR(
      exchange.Write(Head(response, exchange.http_minor_version(), keep, framing), true));
  if (request.method != "HEAD") {
    ChunkWriter writer(exchange, chunked, packing);
    Status status;
    try {
      status = response.stream(writer);
    } catch (const std::exception& error) {
      status = InternalError(error.what());
    }
    if (status.ok()) status = writer.Close();
    *bytes = writer.bytes();
    if (!status.ok()) {
      options.logger.Debug("streamed answer was cut", {{"path", request.path}, {"err", status}});
      return status;
    }
  }
  exchange.Finish(keep);
  return OkStatus();
}

HttpServer::HttpServer(HttpServerOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

HttpServer::~HttpServer() { Stop(std::chrono::nanoseconds(0)); }

void HttpServer::Handle(std::vector<std::string> methods, std::string pattern, HttpHandler handler,
                        RouteOptions options) {
  if (impl_->options.observer && !options.name.empty()) {
    impl_->options.observer->Announce(options.name, methods);
  }
  impl_->router.Add(std::move(methods), pattern, std::move(handler), std::move(options));
}

void HttpServer::HandleNotFound(HttpHandler handler, RouteOptions options) {
  impl_->not_found.handler = std::move(handler);
  impl_->not_found.options = std::move(options);
}

Status HttpServer::Start() {
  if (!impl_->options.web_config_file.empty()) {
    THANOS_ASSIGN_OR_RETURN(impl_->guard,
                            WebGuard::Open(impl_->options.web_config_file, impl_->options.logger));
    impl_->passwords = std::make_unique<base::Executor>("passwords", 1, kWaitingPasswordsMax);
  }
  THANOS_ASSIGN_OR_RETURN(impl_->acceptor,
                          Acceptor::Listen(impl_->options.address, impl_->options.logger));
  Impl* impl = impl_.get();
  impl->handlers = std::make_unique<base::FairExecutor>("http", impl->options.handler_threads,
                                                        impl->options.waiting_requests_max);
  impl->urgent = std::make_unique<base::Executor>("http-urgent", 1);
  EngineHooks hooks;
  hooks.body_bytes_max = [impl](std::string_view method, std::string_view target) {
    return impl->BodyBytesMax(method, target);
  };
  hooks.dispatch = [impl](std::shared_ptr<Exchange> exchange) { impl->Admit(std::move(exchange)); };
  if (impl->guard && impl->guard->has_tls()) {
    hooks.tls = [guard = impl->guard.get()] { return guard->tls(); };
  }
  hooks.refusal = [](int status, std::string_view) {
    HttpResponse page =
        ErrorPage(status, std::to_string(status) + " " + std::string(HttpStatusText(status)));
    const std::string framing = "Content-Length: " + std::to_string(page.body.size()) + "\r\n";
    return Head(page, 1, false, framing) + page.body;
  };
  impl->engine = HttpEngine::Make(impl->options, std::move(hooks));
  impl->acceptor->Start([impl](int fd, const std::string& peer) { impl->engine->Adopt(fd, peer); });
  return OkStatus();
}

int HttpServer::port() const { return impl_->acceptor ? impl_->acceptor->port() : 0; }
std::string HttpServer::address() const {
  return impl_->acceptor ? impl_->acceptor->address() : impl_->options.address;
}

HttpConnections HttpServer::connections() const {
  if (!impl_->engine) return {};
  HttpConnections seen = impl_->engine->connections();
  seen.turned_away += impl_->acceptor->refused();
  return seen;
}

void HttpServer::Stop(std::chrono::nanoseconds grace) {
  if (!impl_->engine || impl_->stopping.exchange(true)) return;
  impl_->acceptor->Stop();
  impl_->engine->Drain();
  const auto step = std::chrono::duration_cast<std::chrono::steady_clock::duration>(grace);
  impl_->engine->WaitIdle(std::chrono::steady_clock::now() + step);
  impl_->engine->CutOff();
  // The I/O threads first: nothing is dispatched to a pool that is going away.
  impl_->engine->Join();
  impl_->passwords.reset();  // It hands on to the others.
  impl_->handlers.reset();   // Joins: handlers see that they are cancelled.
  impl_->urgent.reset();
}

}  // namespace thanos::net
