#include <cstdlib>
#include <map>

#include "base/time_text.h"
#include "config/flags.h"
#include "net/http_client.h"
#include "objstore/s3_credentials.h"
#include "thanos/version.h"

namespace thanos::objstore {
namespace {

constexpr std::chrono::seconds kTimeout{5};
constexpr std::chrono::seconds kTokenTimeout{1};
constexpr size_t kAnswerBytesMax = 1 << 20;
constexpr std::string_view kInstanceHost = "http://169.254.169.254";
constexpr std::string_view kContainerHost = "http://169.254.170.2";

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1));
}

using Profile = std::map<std::string, std::string>;

// The keys of [name], or of [profile name] as the configuration file has it.
Profile ReadProfile(std::string_view text, std::string_view name) {
  Profile profile;
  bool inside = false;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string line = Trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      std::string section = Trimmed(std::string_view(line).substr(1, line.find(']') - 1));
      if (section.starts_with("profile ")) section = Trimmed(section.substr(8));
      inside = section == name;
    } else if (const size_t equals = line.find('='); inside && equals != std::string::npos) {
      profile[Trimmed(line.substr(0, equals))] = Trimmed(line.substr(equals + 1));
    }
  }
  return profile;
}

Result<ExpiringCredentials> KeysOf(const Profile& profile, const std::string& where) {
  const auto get = [&](const char* key) {
    const auto it = profile.find(key);
    return it == profile.end() ? std::string() : it->second;
  };
  ExpiringCredentials out;
  out.keys = {get("aws_access_key_id"), get("aws_secret_access_key"), get("aws_session_token")};
  if (!out.keys.access_key.empty() && !out.keys.secret_key.empty()) return out;
  for (const char* key : {"credential_process", "role_arn", "sso_session", "sso_start_url"}) {
    if (profile.contains(key)) return UnimplementedError(where + ": " + key + " is not built");
  }
  return NotFoundError(where + " has no keys");
}

// One request of its own to a service that gives credentials.
Result<std::string> Ask(const CallContext& context, net::ClientRequest request, bool proxy,
                        std::chrono::nanoseconds timeout) {
  net::HttpClientOptions options;
  options.user_agent = "thanos/" + std::string(kVersion);
  options.connect_timeout = timeout;
  if (!proxy) options.proxy_url = "none";
  THANOS_ASSIGN_OR_RETURN(const auto client, net::HttpClient::Make(std::move(options)));
  request.response_bytes_max = kAnswerBytesMax;
  THANOS_ASSIGN_OR_RETURN(net::ClientResponse answer,
                          client->Do(context.WithTimeout(timeout), request));
  if (answer.status == 200) return std::move(answer.body);
  const std::string text = request.method + " " + net::UrlForMessages(request.url) + ": status " +
                           std::to_string(answer.status);
  const S3Error error = ParseS3Error(answer.body);
  return UnavailableError(error.code.empty() ? text : text + ", " + error.code);
}

bool IsLocalCredentialHost(std::string_view url) {
  const size_t begin = url.find("://") + 3;
  std::string_view host = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  if (host.find('@') != std::string_view::npos) return false;
  if (host.starts_with('[')) {
    host = host.substr(0, host.find(']') + 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  return host == "localhost" || host.starts_with("127.") || host == "[::1]" ||
         host == "169.254.170.2" || host == "169.254.170.23" || host == "[fd00:ec2::23]";
}

Result<ExpiringCredentials> AskContainer(const CallContext& context, const std::string& endpoint) {
  const std::string relative = Environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string full = Environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (relative.empty() && full.empty()) return NotFoundError("container: not set up");
  net::ClientRequest request;
  request.url = endpoint;
  if (endpoint.empty() && !relative.empty()) request.url = std::string(kContainerHost) + relative;
  if (endpoint.empty() && relative.empty()) {
    request.url = full;
    if (!full.starts_with("https://") &&
        !(full.starts_with("http://") && IsLocalCredentialHost(full))) {
      return PermissionDeniedError("AWS_CONTAINER_CREDENTIALS_FULL_URI: " +
                                   net::UrlForMessages(full) + " is not a local address");
    }
  }
  std::string token = Environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string file = Environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
      !file.empty()) {
    THANOS_ASSIGN_OR_RETURN(const std::string text, config::ReadFileText(file));
    token = Trimmed(text);
  }
  if (!token.empty()) request.headers.Set("Authorization", token);
  THANOS_ASSIGN_OR_RETURN(const std::string answer, Ask(context, request, false, kTimeout));
  return ParseMetadataCredentials(answer);
}

Result<ExpiringCredentials> AskInstance(const CallContext& context, const std::string& endpoint) {
  if (Environment("AWS_EC2_METADATA_DISABLED") == "true") {
    return NotFoundError("instance: AWS_EC2_METADATA_DISABLED");
  }
  const std::string base = endpoint.empty() ? std::string(kInstanceHost) : endpoint;
  net::ClientRequest request;
  request.method = "PUT";
  request.url = net::JoinUrl(base, "latest/api/token");
  request.headers.Set("X-aws-ec2-metadata-token-ttl-seconds", "21600");
  Result<std::string> token = Ask(context, request, false, kTokenTimeout);
  if (!token.ok() && token.status().code() != StatusCode::kDeadlineExceeded) return token.status();
  THANOS_RETURN_IF_ERROR(context.Check());
  request = {};
  if (token.ok()) request.headers.Set("X-aws-ec2-metadata-token", Trimmed(*token));
  const std::string path = "latest/meta-data/iam/security-credentials/";
  request.url = net::JoinUrl(base, path);
  THANOS_ASSIGN_OR_RETURN(const std::string roles, Ask(context, request, false, kTimeout));
  const std::string role = Trimmed(roles.substr(0, roles.find('\n')));
  if (role.empty()) return NotFoundError("instance: it has no role");
  request.url = net::JoinUrl(base, path + net::PathEscape(role));
  THANOS_ASSIGN_OR_RETURN(const std::string answer, Ask(context, request, false, kTimeout));
  return ParseMetadataCredentials(answer);
}

std::string StsUrl(const std::string& endpoint) {
  if (!endpoint.empty()) return endpoint;
  const std::string region = Environment("AWS_REGION");
  if (region.empty()) return "https://sts.amazonaws.com";
  return "https://sts." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
}

Result<ExpiringCredentials> AskSts(const CallContext& context, const std::string& endpoint) {
  const std::string file = Environment("AWS_WEB_IDENTITY_TOKEN_FILE");
  if (file.empty()) return NotFoundError("web identity: not set up");
  const std::string role = Environment("AWS_ROLE_ARN");
  if (role.empty()) return InvalidArgumentError("web identity: AWS_ROLE_ARN is not set");
  // Read each time: whoever gave it rotates it.
  THANOS_ASSIGN_OR_RETURN(const std::string token, config::ReadFileText(file));
  std::string name = Environment("AWS_ROLE_SESSION_NAME");
  if (name.empty()) name = "thanos-" + std::to_string(base::NowMs());
  net::Values form;
  form.Add("Action", "AssumeRoleWithWebIdentity");
  form.Add("Version", "2011-06-15");
  form.Add("RoleArn", role);
  form.Add("RoleSessionName", name);
  form.Add("WebIdentityToken", Trimmed(token));
  net::ClientRequest request;
  request.method = "POST";
  request.url = StsUrl(endpoint);
  request.headers.Set("Content-Type", "application/x-www-form-urlencoded");
  request.body = form.Encode();
  THANOS_ASSIGN_OR_RETURN(const std::string answer, Ask(context, request, true, kTimeout));
  return ParseStsCredentials(answer);
}

}  // namespace

CredentialSource EnvironmentCredentials() {
  return [](const CallContext&) -> Result<ExpiringCredentials> {
    ExpiringCredentials out;
    out.keys = {Environment("AWS_ACCESS_KEY_ID"), Environment("AWS_SECRET_ACCESS_KEY"),
                Environment("AWS_SESSION_TOKEN")};
    if (out.keys.access_key.empty()) out.keys.access_key = Environment("AWS_ACCESS_KEY");
    if (out.keys.secret_key.empty()) out.keys.secret_key = Environment("AWS_SECRET_KEY");
    if (out.keys.access_key.empty() || out.keys.secret_key.empty()) {
      return NotFoundError("environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY are not set");
    }
    return out;
  };
}

CredentialSource FileCredentials(bool with_config) {
  return [with_config](const CallContext&) -> Result<ExpiringCredentials> {
    std::string profile = Environment("AWS_PROFILE");
    if (profile.empty()) profile = "default";
    const std::string home = Environment("HOME");
    std::string path = Environment("AWS_SHARED_CREDENTIALS_FILE");
    if (path.empty()) path = home + "/.aws/credentials";
    std::vector<std::string> paths = {path};
    if (with_config) {
      path = Environment("AWS_CONFIG_FILE");
      paths.push_back(path.empty() ? home + "/.aws/config" : path);
    }
    std::string tried;
    for (const std::string& file : paths) {
      const auto text = config::ReadFileText(file);
      if (!text.ok()) {
        tried += (tried.empty() ? "" : ", ") + file + " cannot be read";
        continue;
      }
      const std::string where = file + " [" + profile + "]";
      auto keys = KeysOf(ReadProfile(*text, profile), where);
      if (keys.ok() || keys.status().code() != StatusCode::kNotFound) return keys;
      tried += (tried.empty() ? "" : ", ") + std::string(keys.status().message());
    }
    return NotFoundError(tried);
  };
}

CredentialSource WebIdentityCredentials(std::string endpoint) {
  return [endpoint = std::move(endpoint)](const CallContext& context) {
    return AskSts(context, endpoint);
  };
}
CredentialSource ContainerCredentials(std::string endpoint) {
  return [endpoint = std::move(endpoint)](const CallContext& context) {
    return AskContainer(context, endpoint);
  };
}
CredentialSource InstanceCredentials(std::string endpoint) {
  return [endpoint = std::move(endpoint)](const CallContext& context) {
    return AskInstance(context, endpoint);
  };
}

}  // namespace thanos::objstore
