// A small S3 on loopback: keeps objects in memory, refuses wrong signatures and checksums, and
// fails as told. Its check of signatures shares nothing with the client's.
#pragma once

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "net/http_server.h"
#include "objstore/bucket_config.h"

namespace thanos::testing {

class FakeS3 {
 public:
  static constexpr const char* kAccessKey = "AKIATEST";
  static constexpr const char* kSecretKey = "secret/key+1";
  static constexpr const char* kBucket = "metrics";

  struct Request {
    std::string method, target, key;
    net::Values query;
    net::HttpHeaders headers;
    size_t body_bytes = 0;
    int status = 0;
  };
  /// What goes wrong with a request. `reply` instead of an answer, with `after` once the request
  /// was obeyed; `body_bytes` of the answer's body, then the connection is cut.
  struct Fault {
    std::optional<net::HttpResponse> reply = {};
    bool after = false;
    int64_t body_bytes = -1;
    std::function<void(net::HttpResponse*)> edit = {};
  };
  using Decide = std::function<std::optional<Fault>(const Request&)>;

  /// `web_config` may make it serve TLS.
  explicit FakeS3(std::string region = "us-east-1", const std::string& web_config = "")
      : region_(std::move(region)), server_(Options(web_config)) {
    server_.Handle({}, "/*rest", [this](const CallContext&, const net::HttpRequest& request) {
      return Serve(request);
    });
    THANOS_CHECK(server_.Start().ok());
  }

  objstore::S3Config config() const {
    objstore::S3Config out;
    out.bucket = kBucket;
    out.endpoint = server_.address();
    out.region = region_;
    out.insecure = true;
    out.access_key = kAccessKey;
    out.secret_key = kSecretKey;
    return out;
  }
  std::string yaml() const {
    return "type: S3\nconfig: {bucket: metrics, endpoint: '" + server_.address() +
           "', region: " + region_ +
           ", insecure: true, access_key: AKIATEST, secret_key: secret/key+1}\n";
  }
  /// Asked for each request that passed the check of its signature.
  void Fail(Decide decide) {
    std::lock_guard lock(mutex_);
    decide_ = std::move(decide);
  }
  std::vector<Request> requests() const {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  size_t Count(std::string_view method, std::string_view in_target = "") const {
    std::lock_guard lock(mutex_);
    return static_cast<size_t>(std::count_if(requests_.begin(), requests_.end(), [&](auto& r) {
      return r.method == method && r.target.find(in_target) != std::string::npos;
    }));
  }
  void Forget() {
    std::lock_guard lock(mutex_);
    requests_.clear();
  }
  std::map<std::string, std::string> objects() const {
    std::lock_guard lock(mutex_);
    return objects_;
  }
  void Put(const std::string& key, std::string content) {
    std::lock_guard lock(mutex_);
    objects_[key] = std::move(content);
  }
  void Clear() {
    std::lock_guard lock(mutex_);
    objects_.clear();
    uploads_.clear();
  }
  size_t open_uploads() const {
    std::lock_guard lock(mutex_);
    return uploads_.size();
  }
  static net::HttpResponse Error(int status, const std::string& code) {
    net::HttpResponse out = net::HttpResponse::Text(
        status, "<?xml version=\"1.0\"?><Error><Code>" + code +
                    "</Code><Message>told to</Message>" + "<RequestId>R1</RequestId></Error>");
    out.headers.Set("Content-Type", "application/xml");
    return out;
  }

  size_t page_max = 1000;
  std::string session_token;  // Wanted of each request when not empty.

 private:
  static net::HttpServerOptions Options(const std::string& web_config) {
    net::HttpServerOptions out;
    out.web_config_file = web_config;
    out.handler_threads = 8;
    out.body_bytes_max = 64 << 20;
    return out;
  }
  static std::string Hex(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
      char two[3];
      std::snprintf(two, sizeof(two), "%02x", static_cast<unsigned>(static_cast<uint8_t>(c)));
      out += two;
    }
    return out;
  }
  static std::string Digest(const EVP_MD* kind, std::string_view text) {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), out, &size, kind, nullptr);
    return {reinterpret_cast<char*>(out), size};
  }
  static std::string Mac(const std::string& key, const std::string& text) {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, &size);
    return {reinterpret_cast<char*>(out), size};
  }
  static std::string Between(const std::string& text, const std::string& a, const std::string& b) {
    const size_t begin = text.find(a);
    if (begin == std::string::npos) return "";
    return text.substr(begin + a.size(), text.find(b, begin) - begin - a.size());
  }
  static std::vector<std::string> Split(const std::string& text, char by) {
    std::vector<std::string> out(1);
    for (const char c : text) {
      if (c == by) {
        out.emplace_back();
      } else {
        out.back() += c;
      }
    }
    return out;
  }

  // "" when the signature is right. The target is taken as it was sent: it must be canonical.
  std::string SignatureProblem(const net::HttpRequest& request) const {
    const std::string authorization(request.headers.Get("Authorization"));
    const auto scope = Split(Between(authorization, "Credential=", ","), '/');
    const std::string names = Between(authorization, "SignedHeaders=", ",");
    if (scope.size() != 5 || scope[0] != kAccessKey) return "InvalidAccessKeyId";
    if (scope[2] != region_) return "AuthorizationHeaderMalformed";
    const std::string date(request.headers.Get("x-amz-date"));
    std::string lines;
    for (const std::string& name : Split(names, ';')) {
      lines += name + ":" + std::string(request.headers.Get(name)) + "\n";
    }
    for (const auto& [name, value] : request.headers.fields()) {
      std::string lower = name;
      for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      if (lower.starts_with("x-amz-") &&
          (";" + names + ";").find(";" + lower + ";") == std::string::npos) {
        return "SignatureDoesNotMatch";
      }
    }
    const size_t mark = request.target.find('?');
    std::vector<std::string> query;
    if (mark != std::string::npos) query = Split(request.target.substr(mark + 1), '&');
    std::sort(query.begin(), query.end());
    std::string joined;
    for (const std::string& item : query) joined += (joined.empty() ? "" : "&") + item;
    const std::string hash(request.headers.Get("x-amz-content-sha256"));
    const std::string canonical = request.method + "\n" + request.target.substr(0, mark) + "\n" +
                                  joined + "\n" + lines + "\n" + names + "\n" + hash;
    std::string key = std::string("AWS4") + kSecretKey;
    for (size_t i = 1; i < scope.size(); ++i) key = Mac(key, scope[i]);
    const std::string text = "AWS4-HMAC-SHA256\n" + date + "\n" + scope[1] + "/" + scope[2] + "/" +
                             scope[3] + "/" + scope[4] + "\n" +
                             Hex(Digest(EVP_sha256(), canonical));
    if (Hex(Mac(key, text)) != authorization.substr(authorization.find("Signature=") + 10)) {
      return "SignatureDoesNotMatch";
    }
    if (hash != "UNSIGNED-PAYLOAD" && hash != Hex(Digest(EVP_sha256(), request.body))) {
      return "XAmzContentSHA256Mismatch";
    }
    return "";
  }

  net::HttpResponse Serve(const net::HttpRequest& request) {
    std::lock_guard lock(mutex_);
    Request seen{request.method, request.target,  "",
                 request.query,  request.headers, request.body.size()};
    const std::string base = "/" + std::string(kBucket) + "/";
    if (request.path.starts_with(base)) seen.key = request.path.substr(base.size());
    net::HttpResponse answer = Answer(request, &seen);
    seen.status = answer.status;
    requests_.push_back(std::move(seen));
    return answer;
  }

  net::HttpResponse Answer(const net::HttpRequest& request, Request* seen) {
    if (const std::string problem = SignatureProblem(request); !problem.empty()) {
      net::HttpResponse refused =
          Error(problem == "AuthorizationHeaderMalformed" ? 400 : 403, problem);
      if (problem == "AuthorizationHeaderMalformed") {
        refused.headers.Set("x-amz-bucket-region", region_);
      }
      return refused;
    }
    if (request.headers.Get("x-amz-security-token") != session_token) {
      return Error(403, "InvalidToken");
    }
    if (!request.path.starts_with("/" + std::string(kBucket) + "/")) {
      return Error(404, "NoSuchBucket");
    }
    const std::optional<Fault> fault = decide_ ? decide_(*seen) : std::nullopt;
    if (fault && fault->reply && !fault->after) return *fault->reply;
    net::HttpResponse answer = Obey(request, seen->key);
    if (!fault) return answer;
    if (fault->reply) return *fault->reply;
    if (fault->edit) fault->edit(&answer);
    if (fault->body_bytes >= 0 && request.method != "HEAD") Cut(&answer, fault->body_bytes);
    return answer;
  }

  static void Cut(net::HttpResponse* answer, int64_t bytes) {
    answer->stream = [body = answer->body.substr(0, static_cast<size_t>(bytes))](
                         net::BodyWriter& writer) -> Status {
      THANOS_RETURN_IF_ERROR(writer.Write(body));
      return UnavailableError("cut");
    };
  }

  net::HttpResponse Obey(const net::HttpRequest& request, const std::string& key) {
    const auto& query = request.query;
    if (const std::string md5(request.headers.Get("Content-MD5")); !md5.empty()) {
      std::string wanted(25, '\0');
      const std::string sum = Digest(EVP_md5(), request.body);
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(wanted.data()),
                      reinterpret_cast<const unsigned char*>(sum.data()), 16);
      if (md5 != wanted.substr(0, 24)) return Error(400, "BadDigest");
    }
    if (key.empty()) {
      if (query.Has("location")) {
        return Xml("<LocationConstraint>" + region_ + "</LocationConstraint>");
      }
      return List(query);
    }
    if (request.method == "PUT" && query.Has("partNumber")) return PutPart(request);
    if (request.method == "PUT" && request.headers.Has("x-amz-copy-source")) {
      const auto unescaped = net::UrlUnescape(request.headers.Get("x-amz-copy-source"), false);
      const auto it = objects_.find(unescaped->substr(std::string(kBucket).size() + 2));
      if (it == objects_.end()) return Error(404, "NoSuchKey");
      objects_[key] = it->second;
      return Xml("<CopyObjectResult><ETag>x</ETag></CopyObjectResult>");
    }
    if (request.method == "PUT") {
      objects_[key] = request.body;
      net::HttpResponse out;
      out.headers.Set("ETag", Etag(request.body));
      return out;
    }
    if (request.method == "POST") return Post(request, key);
    if (request.method == "DELETE") {
      if (query.Has("uploadId")) {
        uploads_.erase(std::string(query.Get("uploadId")));
      } else {
        objects_.erase(key);
      }
      return net::HttpResponse::Text(204, "");
    }
    return Get(request, key);
  }

  static std::string Etag(const std::string& body) {
    return "\"" + Hex(Digest(EVP_md5(), body)) + "\"";
  }
  static net::HttpResponse Xml(const std::string& body) {
    net::HttpResponse out = net::HttpResponse::Text(200, "<?xml version=\"1.0\"?>\n" + body);
    out.headers.Set("Content-Type", "application/xml");
    return out;
  }
  static std::string Escaped(const std::string& text) { return net::QueryEscape(text); }

  net::HttpResponse Get(const net::HttpRequest& request, const std::string& key) {
    const auto it = objects_.find(key);
    if (it == objects_.end()) {
      return request.method == "HEAD" ? net::HttpResponse::Text(404, "") : Error(404, "NoSuchKey");
    }
    const auto etag = etags_.find(key);
    const std::string& body = it->second;
    net::HttpResponse out = net::HttpResponse::Text(200, body);
    const bool composed = etag != etags_.end() && composed_[key] == body;
    out.headers.Set("ETag", composed ? etag->second : Etag(body));
    out.headers.Set("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT");
    const std::string match(request.headers.Get("If-Match"));
    if (!match.empty() && match != out.headers.Get("ETag")) return Error(412, "PreconditionFailed");
    const std::string range(request.headers.Get("Range"));
    if (range.empty() || request.method == "HEAD") return out;
    const auto bounds = Split(range.substr(6), '-');
    const size_t first = std::stoull(bounds[0]);
    if (first >= body.size()) return Error(416, "InvalidRange");
    const size_t last = bounds[1].empty()
                            ? body.size() - 1
                            : std::min<size_t>(body.size() - 1, std::stoull(bounds[1]));
    out.status = 206;
    out.body = body.substr(first, last - first + 1);
    out.headers.Set("Content-Range", "bytes " + std::to_string(first) + "-" + std::to_string(last) +
                                         "/" + std::to_string(body.size()));
    return out;
  }

  net::HttpResponse List(const net::Values& query) {
    const std::string prefix(query.Get("prefix")), delimiter(query.Get("delimiter"));
    const bool version2 = query.Get("list-type") == "2";
    std::string after(query.Get(version2 ? "start-after" : "marker"));
    if (query.Has("continuation-token")) after = query.Get("continuation-token");
    const size_t most =
        std::min<size_t>(page_max, std::stoull("0" + std::string(query.Get("max-keys"))));
    std::string contents, prefixes, last;
    size_t count = 0;
    bool truncated = false;
    for (const auto& [name, body] : objects_) {
      if (!name.starts_with(prefix)) continue;
      const size_t slash = delimiter.empty() ? std::string::npos : name.find('/', prefix.size());
      const std::string shown = slash == std::string::npos ? name : name.substr(0, slash + 1);
      if (shown <= after || shown == last) continue;
      if (count == most) {
        truncated = true;
        break;
      }
      ++count;
      last = shown;
      if (slash != std::string::npos) {
        prefixes += "<CommonPrefixes><Prefix>" + Escaped(shown) + "</Prefix></CommonPrefixes>";
      } else {
        contents += "<Contents><Key>" + Escaped(name) +
                    "</Key><LastModified>2026-10-21T07:28:00.000Z</LastModified><Size>" +
                    std::to_string(body.size()) + "</Size></Contents>";
      }
    }
    std::string out = "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    out += std::string("<IsTruncated>") + (truncated ? "true" : "false") + "</IsTruncated>";
    out += "<EncodingType>url</EncodingType>";
    if (truncated) {
      out += version2 ? "<NextContinuationToken>" + last + "</NextContinuationToken>"
                      : (delimiter.empty() ? "" : "<NextMarker>" + Escaped(last) + "</NextMarker>");
    }
    return Xml(out + contents + prefixes + "</ListBucketResult>");
  }

  net::HttpResponse PutPart(const net::HttpRequest& request) {
    const auto it = uploads_.find(std::string(request.query.Get("uploadId")));
    if (it == uploads_.end()) return Error(404, "NoSuchUpload");
    it->second[std::stoi(std::string(request.query.Get("partNumber")))] = request.body;
    net::HttpResponse out;
    out.headers.Set("ETag", Etag(request.body));
    return out;
  }

  net::HttpResponse Post(const net::HttpRequest& request, const std::string& key) {
    if (request.query.Has("uploads")) {
      const std::string id = "upload/" + std::to_string(++next_upload_) + "+=";
      uploads_[id];
      return Xml("<InitiateMultipartUploadResult><UploadId>" + id +
                 "</UploadId></InitiateMultipartUploadResult>");
    }
    const auto it = uploads_.find(std::string(request.query.Get("uploadId")));
    if (it == uploads_.end()) return Error(404, "NoSuchUpload");
    std::string whole, sums;
    int expected = 0;
    size_t at = 0;
    while ((at = request.body.find("<PartNumber>", at)) != std::string::npos) {
      at += 12;
      const auto part = it->second.find(std::stoi(request.body.substr(at)));
      if (part == it->second.end() || part->first != ++expected) return Error(400, "InvalidPart");
      if (request.body.find(Hex(Digest(EVP_md5(), part->second)), at) == std::string::npos) {
        return Error(400, "InvalidPart");
      }
      whole += part->second;
      sums += Digest(EVP_md5(), part->second);
    }
    objects_[key] = composed_[key] = whole;
    etags_[key] = "\"" + Hex(Digest(EVP_md5(), sums)) + "-" + std::to_string(expected) + "\"";
    uploads_.erase(it);
    return Xml("<CompleteMultipartUploadResult><Key>x</Key></CompleteMultipartUploadResult>");
  }

  const std::string region_;
  mutable std::mutex mutex_;  // Guards all that follows but the server.
  std::map<std::string, std::string> objects_, etags_, composed_;
  std::map<std::string, std::map<int, std::string>> uploads_;
  int next_upload_ = 0;
  std::vector<Request> requests_;
  Decide decide_;
  net::HttpServer server_;
};

}  // namespace thanos::testing
