#include "net/http_client.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include <curl/curl.h>
#include <pthread.h>

#include "config/flags.h"

namespace thanos::net {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr size_t kWindowBytes = 1 << 20;  // Of a body, read ahead or waiting to be sent.
constexpr size_t kResumeBytes = kWindowBytes / 2;
constexpr long kReceiveBytes = 256 << 10;
constexpr size_t kUploadPieceBytes = 256 << 10;
constexpr long kStallBytesPerSecond = 1024;
constexpr int kPollMs = 1000;
constexpr size_t kHeaderBytesMax = 1 << 20;

long Milliseconds(std::chrono::nanoseconds time) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

// Bytes in pieces, in order.
class PieceQueue {
 public:
  void Push(std::string piece) {
    bytes_ += piece.size();
    pieces_.push_back(std::move(piece));
  }
  size_t Pop(char* out, size_t size) {
    size_t copied = 0;
    while (copied < size && !pieces_.empty()) {
      const std::string& front = pieces_.front();
      const size_t part = std::min(size - copied, front.size() - offset_);
      std::memcpy(out + copied, front.data() + offset_, part);
      copied += part;
      offset_ += part;
      if (offset_ == front.size()) {
        pieces_.pop_front();
        offset_ = 0;
      }
    }
    bytes_ -= copied;
    return copied;
  }
  size_t bytes() const { return bytes_; }

 private:
  std::deque<std::string> pieces_;
  size_t offset_ = 0;
  size_t bytes_ = 0;
};

// A request under way. The driver's thread and one caller share it; `mutex` guards what follows it.
struct Transfer {
  // Set before the driver gets it, then the driver's alone.
  CURL* easy = nullptr;
  curl_slist* header_list = nullptr;
  curl_slist* connect_list = nullptr;
  std::string body;
  std::string name;  // "GET http://host/path", for messages.
  char error_text[CURL_ERROR_SIZE] = "";
  bool uploads = false;

  std::mutex mutex;
  std::condition_variable changed;
  int status = 0;
  HttpHeaders headers;
  size_t header_bytes = 0;
  bool headers_done = false;
  bool done = false;
  Status result;  // Once done.
  PieceQueue received;
  bool receive_paused = false;
  PieceQueue to_send;
  bool send_ended = false;
  bool send_paused = false;
  bool cancelled = false;
  SteadyClock::time_point sent_at = SteadyClock::now();  // When the last of the request went out.

  ~Transfer() {
    if (easy != nullptr) curl_easy_cleanup(easy);
    curl_slist_free_all(header_list);
    curl_slist_free_all(connect_list);
  }
};
using TransferRef = std::shared_ptr<Transfer>;

size_t OnHeader(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  std::string_view line(data, size);
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  std::lock_guard lock(transfer.mutex);
  if (transfer.headers_done) return size;  // Trailers.
  transfer.header_bytes += size;
  if (transfer.header_bytes > kHeaderBytesMax) return 0;
  if (line.starts_with("HTTP/")) {
    // A new head, perhaps after "100 Continue".
    transfer.headers = {};
    const size_t space = line.find(' ');
    transfer.status = space == std::string_view::npos ? 0 : std::atoi(line.data() + space + 1);
  } else if (line.empty()) {
    if (transfer.status >= 200) transfer.headers_done = true;
    transfer.changed.notify_all();
  } else if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
    transfer.headers.Add(std::string(line.substr(0, colon)), std::string(value));
  }
  return size;
}

size_t OnReceive(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  std::lock_guard lock(transfer.mutex);
  if (transfer.received.bytes() >= kWindowBytes) {
    transfer.receive_paused = true;  // The same bytes come again when it goes on.
    return CURL_WRITEFUNC_PAUSE;
  }
  // Who reads waits only while there is nothing.
  const bool awaited = transfer.received.bytes() == 0;
  transfer.received.Push(std::string(data, size));
  if (awaited) transfer.changed.notify_all();
  return size;
}

size_t OnSend(char* out, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  std::lock_guard lock(transfer.mutex);
  const size_t copied = transfer.to_send.Pop(out, size);
  if (copied == 0 && !transfer.send_ended) {
    transfer.send_paused = true;
    return CURL_READFUNC_PAUSE;
  }
  transfer.sent_at = SteadyClock::now();
  transfer.changed.notify_all();
  return copied;
}

StatusCode CodeOf(CURLcode code) {
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return StatusCode::kInvalidArgument;
    case CURLE_PARTIAL_FILE:
    case CURLE_BAD_CONTENT_ENCODING:
      return StatusCode::kDataLoss;
    case CURLE_OUT_OF_MEMORY:
      return StatusCode::kResourceExhausted;
    default:
      return StatusCode::kUnavailable;  // The network's: it may work another time.
  }
}

Status ResultOf(const Transfer& transfer, CURLcode code) {
  if (code == CURLE_OK) return OkStatus();
  const std::string text =
      transfer.error_text[0] != '\0' ? transfer.error_text : curl_easy_strerror(code);
  return Status(CodeOf(code), transfer.name + ": " + text);
}

// The thread that drives all transfers of one client. Callers hand it commands.
class Driver {
 public:
  explicit Driver(const HttpClientOptions& options) : multi_(curl_multi_init()) {
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(options.connections_max));
    curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS,
                      static_cast<long>(options.connections_per_host_max));
    thread_ = std::thread([this] { Run(); });
    pthread_setname_np(thread_.native_handle(), "http-client");
  }
  ~Driver() {
    Stop();
    curl_multi_cleanup(multi_);
  }

  void Start(TransferRef transfer) { Command(Kind::kStart, std::move(transfer)); }
  void Cancel(TransferRef transfer) { Command(Kind::kCancel, std::move(transfer)); }
  void Resume(TransferRef transfer) { Command(Kind::kResume, std::move(transfer)); }
  /// Ends all transfers. Idempotent.
  void Stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    curl_multi_wakeup(multi_);
    if (thread_.joinable()) thread_.join();
  }

 private:
  enum class Kind { kStart, kCancel, kResume };

  void Command(Kind kind, TransferRef transfer) {
    {
      std::lock_guard lock(mutex_);
      if (!stopping_) {
        commands_.emplace_back(kind, std::move(transfer));
        transfer = nullptr;
      }
    }
    if (transfer != nullptr) {
      Finish(transfer, CancelledError(transfer->name + ": HTTP client is closed"));
    } else {
      curl_multi_wakeup(multi_);
    }
  }
  static void Finish(const TransferRef& transfer, Status result) {
    std::lock_guard lock(transfer->mutex);
    if (!transfer->done) {
      transfer->done = true;
      transfer->result = std::move(result);
    }
    transfer->changed.notify_all();
  }
  void Run();
  void Obey(Kind kind, const TransferRef& transfer);
  void Remove(const TransferRef& transfer, Status result);

  CURLM* const multi_;
  std::mutex mutex_;
  std::vector<std::pair<Kind, TransferRef>> commands_;  // Guarded by mutex_.
  bool stopping_ = false;                               // Guarded by mutex_.
  std::unordered_map<CURL*, TransferRef> running_;      // The thread's.
  std::thread thread_;
};

void Driver::Run() {
  for (;;) {
    std::vector<std::pair<Kind, TransferRef>> commands;
    bool stopping = false;
    {
      std::lock_guard lock(mutex_);
      commands.swap(commands_);
      stopping = stopping_;
    }
    for (const auto& [kind, transfer] : commands) Obey(kind, transfer);
    if (stopping) break;
    int running = 0;
    curl_multi_perform(multi_, &running);
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const auto found = running_.find(message->easy_handle);
      if (found == running_.end()) continue;
      const TransferRef transfer = found->second;
      Remove(transfer, ResultOf(*transfer, message->data.result));
    }
    curl_multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
  }
  while (!running_.empty()) {
    const TransferRef transfer = running_.begin()->second;
    Remove(transfer, CancelledError(transfer->name + ": HTTP client is closed"));
  }
}

void Driver::Obey(Kind kind, const TransferRef& transfer) {
  switch (kind) {
    case Kind::kStart:
      if (curl_multi_add_handle(multi_, transfer->easy) != CURLM_OK) {
        return Finish(transfer, InternalError(transfer->name + ": transfer cannot be started"));
      }
      running_.emplace(transfer->easy, transfer);
      return;
    case Kind::kCancel:
      return Remove(transfer, CancelledError(transfer->name + ": context canceled"));
    case Kind::kResume:
      if (running_.contains(transfer->easy)) curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
      return;
  }
}

void Driver::Remove(const TransferRef& transfer, Status result) {
  if (running_.erase(transfer->easy) != 0) curl_multi_remove_handle(multi_, transfer->easy);
  Finish(transfer, std::move(result));
}

class Stream : public ClientStream {
 public:
  Stream(std::shared_ptr<Driver> driver, TransferRef transfer, const CallContext& context)
      : driver_(std::move(driver)),
        transfer_(std::move(transfer)),
        context_(context),
        registration_(context.OnCancel([transfer = transfer_, driver = driver_] {
          {
            std::lock_guard lock(transfer->mutex);
            transfer->cancelled = true;
            transfer->changed.notify_all();
          }
          driver->Cancel(transfer);
        })) {}
  ~Stream() override {
    bool running = false;
    {
      std::lock_guard lock(transfer_->mutex);
      running = !transfer_->done;
    }
    if (running) driver_->Cancel(transfer_);
  }

  /// Sends the body and waits for the headers.
  Status Begin(ByteSource* source, std::chrono::nanoseconds header_timeout);
  int status() const override { return status_; }
  const HttpHeaders& headers() const override { return headers_; }
  Result<size_t> Read(std::span<std::byte> out) override;
  Result<std::string> ReadAll(size_t bytes_max) override;
  int64_t size() const override { return size_; }

 private:
  Status Feed(ByteSource& source, bool* ended);
  /// Waits for a change, with the lock held. kDeadlineExceeded at `until` or the context's.
  Status Wait(std::unique_lock<std::mutex>& lock, SteadyTime until);
  Status Named(Status status) const { return status.WithContext(transfer_->name); }

  const std::shared_ptr<Driver> driver_;
  const TransferRef transfer_;
  const CallContext context_;
  int status_ = 0;
  HttpHeaders headers_;
  int64_t size_ = -1;
  const CallContext::Registration registration_;
};

Status Stream::Wait(std::unique_lock<std::mutex>& lock, SteadyTime until) {
  const SteadyTime earlier = std::min(until, context_.deadline());
  if (earlier == SteadyTime::max()) {
    transfer_->changed.wait(lock);
  } else if (transfer_->changed.wait_until(lock, earlier) == std::cv_status::timeout) {
    Status own = context_.Check();
    if (!own.ok()) return Named(own);
    if (SteadyClock::now() >= until) {
      return UnavailableError(transfer_->name + ": timeout awaiting response headers");
    }
  }
  if (transfer_->cancelled) {
    Status own = context_.Check();
    return Named(own.ok() ? CancelledError("context canceled") : own);
  }
  return OkStatus();
}

// One piece of the body from its source, without the lock: the source may block.
Status Stream::Feed(ByteSource& source, bool* ended) {
  std::string piece(kUploadPieceBytes, '\0');
  Result<size_t> read = source.Read(std::as_writable_bytes(std::span(piece)));
  if (!read.ok()) {
    driver_->Cancel(transfer_);
    return read.status();
  }
  piece.resize(*read);
  *ended = piece.empty();
  bool resume = false;
  {
    std::lock_guard lock(transfer_->mutex);
    if (*ended) {
      transfer_->send_ended = true;
      transfer_->sent_at = SteadyClock::now();
    } else {
      transfer_->to_send.Push(std::move(piece));
    }
    resume = std::exchange(transfer_->send_paused, false);
  }
  if (resume) driver_->Resume(transfer_);
  return OkStatus();
}

Status Stream::Begin(ByteSource* source, std::chrono::nanoseconds header_timeout) {
  bool source_ended = source == nullptr;
  std::unique_lock lock(transfer_->mutex);
  while (!transfer_->headers_done && !transfer_->done) {
    if (!source_ended && transfer_->to_send.bytes() < kWindowBytes) {
      lock.unlock();
      THANOS_RETURN_IF_ERROR(context_.Check());
      THANOS_RETURN_IF_ERROR(Feed(*source, &source_ended));
      lock.lock();
      continue;
    }
    SteadyTime until = SteadyTime::max();
    if (header_timeout.count() > 0 && source_ended && transfer_->to_send.bytes() == 0) {
      until =
          transfer_->sent_at + std::chrono::duration_cast<SteadyClock::duration>(header_timeout);
    }
    if (Status status = Wait(lock, until); !status.ok()) {
      lock.unlock();
      driver_->Cancel(transfer_);
      return status;
    }
  }
  if (transfer_->done && !transfer_->result.ok() && !transfer_->headers_done) {
    Status own = context_.Check();
    return own.ok() ? transfer_->result : Named(own);
  }
  status_ = transfer_->status;
  headers_ = transfer_->headers;
  const std::string_view length = headers_.Get("Content-Length");
  if (!length.empty() && !headers_.Has("Content-Encoding")) {
    size_ = std::atoll(std::string(length).c_str());
  }
  return OkStatus();
}

Result<size_t> Stream::Read(std::span<std::byte> out) {
  if (out.empty()) return size_t{0};
  std::unique_lock lock(transfer_->mutex);
  for (;;) {
    if (Status own = context_.Check(); !own.ok()) return Named(own);
    if (transfer_->received.bytes() > 0) break;
    if (transfer_->done) {
      if (!transfer_->result.ok()) return transfer_->result;
      return size_t{0};
    }
    THANOS_RETURN_IF_ERROR(Wait(lock, SteadyTime::max()));
  }
  const size_t read = transfer_->received.Pop(reinterpret_cast<char*>(out.data()), out.size());
  const bool resume = transfer_->receive_paused && transfer_->received.bytes() < kResumeBytes;
  if (resume) transfer_->receive_paused = false;
  lock.unlock();
  if (resume) driver_->Resume(transfer_);
  return read;
}

Result<std::string> Stream::ReadAll(size_t bytes_max) {
  std::string out;
  for (;;) {
    const size_t before = out.size();
    out.resize(before + (64 << 10));
    THANOS_ASSIGN_OR_RETURN(size_t read,
                            Read(std::as_writable_bytes(std::span(out).subspan(before))));
    out.resize(before + read);
    if (out.size() > bytes_max) {
      return ResourceExhaustedError(transfer_->name + ": answer is above " +
                                    std::to_string(bytes_max) + " bytes");
    }
    if (read == 0) return out;
  }
}

void GlobalInit() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  THANOS_CHECK(done == CURLE_OK);
}

void SetTls(CURL* easy, const ClientTls& tls) {
  if (!tls.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, tls.ca_file.c_str());
  if (!tls.cert_file.empty()) curl_easy_setopt(easy, CURLOPT_SSLCERT, tls.cert_file.c_str());
  if (!tls.key_file.empty()) curl_easy_setopt(easy, CURLOPT_SSLKEY, tls.key_file.c_str());
  if (tls.insecure_skip_verify) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
}

void SetConnection(CURL* easy, const HttpClientOptions& options) {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kReceiveBytes);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, Milliseconds(options.connect_timeout));
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, Milliseconds(options.idle_timeout) / 1000);
  if (options.stall_timeout.count() > 0) {
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, kStallBytesPerSecond);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
                     static_cast<long>(options.stall_timeout.count()));
  }
  if (options.proxy_url == "none") {
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
  } else if (!options.proxy_url.empty()) {
    curl_easy_setopt(easy, CURLOPT_PROXY, options.proxy_url.c_str());
  }
  if (options.accept_compression) curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
  SetTls(easy, options.tls);
}

// Method and body. A body goes out under any method; what curl would add by itself is taken off.
void SetRequest(Transfer& transfer, const ClientRequest& request) {
  CURL* easy = transfer.easy;
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (request.body_source != nullptr) {
    transfer.uploads = true;
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, OnSend);
    curl_easy_setopt(easy, CURLOPT_READDATA, &transfer);
    const int64_t size = request.chunked_upload ? -1 : request.body_source->size();
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
  } else if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(transfer.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer.body.data());
  }
  if (request.method != "HEAD") {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

// What proves who we are: from the options, or from files as they are now.
struct Credentials {
  std::string basic_password, bearer_token;
};

Result<std::string> ReadSecret(const std::string& path) {
  auto read = config::ReadFileText(path);
  if (!read.ok()) {
    return UnavailableError("cannot read the credentials: " + std::string(read.status().message()));
  }
  std::string text = std::move(*read);
  while (text.ends_with('\n') || text.ends_with('\r') || text.ends_with(' ')) text.pop_back();
  if (text.find_first_of("\r\n") != std::string::npos) {
    return InvalidArgumentError("the credentials in " + path + " have a line break");
  }
  return text;
}

Result<Credentials> CredentialsNow(const HttpClientOptions& options) {
  Credentials now{options.basic_password, options.bearer_token};
  if (!options.basic_password_file.empty()) {
    THANOS_ASSIGN_OR_RETURN(now.basic_password, ReadSecret(options.basic_password_file));
  }
  if (!options.bearer_token_file.empty()) {
    THANOS_ASSIGN_OR_RETURN(now.bearer_token, ReadSecret(options.bearer_token_file));
  }
  return now;
}

void SetCredentials(Transfer& transfer, const HttpClientOptions& options, const Credentials& now) {
  CURL* easy = transfer.easy;
  if (!options.basic_user.empty() || !now.basic_password.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    curl_easy_setopt(easy, CURLOPT_USERNAME, options.basic_user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, now.basic_password.c_str());
  }
  if (!now.bearer_token.empty()) {
    transfer.header_list = curl_slist_append(transfer.header_list,
                                             ("Authorization: Bearer " + now.bearer_token).c_str());
  }
}

// curl verifies and sends the URL's host: that becomes the wanted name, and the connection goes
// where the URL pointed to.
void SetServerName(Transfer& transfer, const std::string& url, const std::string& server_name) {
  CURLU* parts = curl_url();
  char *host = nullptr, *port = nullptr;
  const bool parsed = curl_url_set(parts, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
                      curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                      curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
  if (parsed && curl_url_set(parts, CURLUPART_HOST, server_name.c_str(), 0) == CURLUE_OK) {
    char* renamed = nullptr;
    curl_url_get(parts, CURLUPART_URL, &renamed, 0);
    curl_easy_setopt(transfer.easy, CURLOPT_URL, renamed);
    const std::string route = server_name + ":" + port + ":" + host + ":" + port;
    transfer.connect_list = curl_slist_append(nullptr, route.c_str());
    curl_easy_setopt(transfer.easy, CURLOPT_CONNECT_TO, transfer.connect_list);
    transfer.header_list = curl_slist_append(transfer.header_list,
                                             ("Host: " + std::string(host) + ":" + port).c_str());
    curl_free(renamed);
  }
  curl_free(host);
  curl_free(port);
  curl_url_cleanup(parts);
}

void SetHeaders(Transfer& transfer, const ClientRequest& request) {
  const auto append = [&](const std::string& line) {
    transfer.header_list = curl_slist_append(transfer.header_list, line.c_str());
  };
  for (const auto& [name, value] : request.headers.fields()) {
    // curl takes "Name;" for a header without a value.
    append(value.empty() ? name + ";" : name + ": " + value);
  }
  if (!request.headers.Has("Content-Type")) append("Content-Type:");
  append("Expect:");
  curl_easy_setopt(transfer.easy, CURLOPT_HTTPHEADER, transfer.header_list);
}

bool HasLineBreak(const ClientRequest& request) {
  for (const auto& [name, value] : request.headers.fields()) {
    if (name.find_first_of("\r\n:") != std::string::npos ||
        value.find_first_of("\r\n") != std::string::npos) {
      return true;
    }
  }
  return request.method.find_first_of("\r\n ") != std::string::npos || request.method.empty();
}

}  // namespace

struct HttpClient::Impl {
  explicit Impl(HttpClientOptions given)
      : options(std::move(given)), driver(std::make_shared<Driver>(options)) {}
  const HttpClientOptions options;
  const std::shared_ptr<Driver> driver;  // Streams that outlive the client hold it too.
};

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() { impl_->driver->Stop(); }

Result<std::shared_ptr<HttpClient>> HttpClient::Make(HttpClientOptions options) {
  GlobalInit();
  const bool bearer = !options.bearer_token.empty() || !options.bearer_token_file.empty();
  const bool basic = !options.basic_user.empty() || !options.basic_password.empty() ||
                     !options.basic_password_file.empty();
  if (bearer && basic) {
    return InvalidArgumentError("at most one of basic_auth and bearer_token may be set");
  }
  if (!options.bearer_token.empty() && !options.bearer_token_file.empty()) {
    return InvalidArgumentError("at most one of bearer_token and bearer_token_file may be set");
  }
  if (!options.basic_password.empty() && !options.basic_password_file.empty()) {
    return InvalidArgumentError("at most one of password and password_file may be set");
  }
  return std::shared_ptr<HttpClient>(new HttpClient(std::make_unique<Impl>(std::move(options))));
}

Result<std::unique_ptr<ClientStream>> HttpClient::Open(const CallContext& context,
                                                       const ClientRequest& request) {
  const std::string name = request.method + " " + UrlForMessages(request.url);
  if (Status own = context.Check(); !own.ok()) return own.WithContext(name);
  if (HasLineBreak(request)) return InvalidArgumentError(name + ": bad method or header");
  if (request.body_source != nullptr && !request.chunked_upload &&
      request.body_source->size() < 0) {
    return InvalidArgumentError(name + ": size of the body is not known");
  }
  Result<Credentials> credentials = CredentialsNow(impl_->options);
  if (!credentials.ok()) return credentials.status().WithContext(name);
  auto transfer = std::make_shared<Transfer>();
  transfer->easy = curl_easy_init();
  if (transfer->easy == nullptr) return ResourceExhaustedError(name + ": no transfer to be had");
  transfer->name = name;
  transfer->body = request.body;
  CURL* easy = transfer->easy;
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);  // A signed path must arrive as it was signed.
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error_text);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer.get());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, OnReceive);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer.get());
  SetConnection(easy, impl_->options);
  SetRequest(*transfer, request);
  if (const std::string& server = impl_->options.tls.server_name; !server.empty()) {
    SetServerName(*transfer, request.url, server);
  }
  SetCredentials(*transfer, impl_->options, *credentials);
  SetHeaders(*transfer, request);
  impl_->driver->Start(transfer);
  auto stream = std::make_unique<Stream>(impl_->driver, std::move(transfer), context);
  THANOS_RETURN_IF_ERROR(
      stream->Begin(request.body_source, impl_->options.response_header_timeout));
  return std::unique_ptr<ClientStream>(std::move(stream));
}

Result<ClientResponse> HttpClient::Do(const CallContext& context, const ClientRequest& request) {
  THANOS_ASSIGN_OR_RETURN(std::unique_ptr<ClientStream> stream, Open(context, request));
  ClientResponse response;
  response.status = stream->status();
  response.headers = stream->headers();
  THANOS_ASSIGN_OR_RETURN(response.body, stream->ReadAll(request.response_bytes_max));
  return response;
}

std::string UrlForMessages(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const size_t host = scheme + 3;
  const std::string_view authority = url.substr(host, url.find('/', host) - host);
  const size_t at = authority.rfind('@');
  const size_t skip = at == std::string_view::npos ? 0 : at + 1;
  return std::string(url.substr(0, host)) + std::string(url.substr(host + skip));
}

std::string JoinUrl(std::string_view base, std::string_view path) {
  const size_t mark = base.find('?');
  std::string out(base.substr(0, mark));
  while (out.ends_with('/')) out.pop_back();
  while (path.starts_with('/')) path.remove_prefix(1);
  out.append("/").append(path);
  if (mark != std::string_view::npos) out.append(base.substr(mark));
  return out;
}

}  // namespace thanos::net
