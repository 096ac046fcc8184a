#include "objstore/s3_answers.h"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "base/time_text.h"
#include "net/http_types.h"
#include "objstore/xml.h"

namespace thanos::objstore {
namespace {

Result<int64_t> Number(std::string_view text, std::string_view what) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    return DataLossError(std::string(what) + " is not a size: \"" + std::string(text) + "\"");
  }
  return value;
}

Result<std::string> Decoded(std::string_view text, bool url_encoded) {
  if (!url_encoded) return std::string(text);
  return net::UrlUnescape(text, /*plus_is_space=*/true);
}

Result<S3ListedObject> ReadObject(const XmlElement& element, bool encoded) {
  S3ListedObject out;
  THANOS_ASSIGN_OR_RETURN(out.name, Decoded(element.Text("Key"), encoded));
  if (out.name.empty()) return DataLossError("an object has no key");
  THANOS_ASSIGN_OR_RETURN(out.attributes.size, Number(element.Text("Size"), "size of " + out.name));
  const auto modified = base::ParseRfc3339Ms(element.Text("LastModified"));
  if (!modified.ok()) return DataLossError("time of " + out.name + " cannot be read");
  out.attributes.modified_ms = *modified;
  return out;
}

Status ReadEntries(const XmlElement& root, bool encoded, std::vector<S3ListedObject>* out) {
  for (const XmlElement& child : root.children) {
    if (child.name == "Contents") {
      THANOS_ASSIGN_OR_RETURN(S3ListedObject object, ReadObject(child, encoded));
      out->push_back(std::move(object));
    } else if (child.name == "CommonPrefixes") {
      for (const XmlElement& prefix : child.children) {
        if (prefix.name != "Prefix") continue;
        S3ListedObject entry;
        THANOS_ASSIGN_OR_RETURN(entry.name, Decoded(prefix.text, encoded));
        if (!entry.name.ends_with('/')) return DataLossError("a common prefix ends without '/'");
        entry.is_prefix = true;
        out->push_back(std::move(entry));
      }
    }
  }
  std::sort(out->begin(), out->end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return OkStatus();
}

}  // namespace

S3Error ParseS3Error(std::string_view xml) {
  S3Error out;
  const auto root = ParseXml(xml);
  if (!root.ok() || root->name != "Error") return out;
  out.code = root->Text("Code");
  out.message = root->Text("Message");
  out.region = root->Text("Region");
  out.endpoint = root->Text("Endpoint");
  out.request_id = root->Text("RequestId");
  return out;
}

Result<S3Page> ParseS3Page(std::string_view xml, bool version1) {
  THANOS_ASSIGN_OR_RETURN(const XmlElement root, ParseXml(xml));
  if (root.name != "ListBucketResult") return DataLossError("answer is <" + root.name + ">");
  const std::string_view truncated = root.Text("IsTruncated");
  if (truncated != "true" && truncated != "false") {
    return DataLossError("listing does not say whether it is whole");
  }
  S3Page page;
  page.truncated = truncated == "true";
  const bool encoded = root.Text("EncodingType") == "url";
  THANOS_RETURN_IF_ERROR(ReadEntries(root, encoded, &page.entries));
  if (!page.truncated) return page;
  if (version1) {
    THANOS_ASSIGN_OR_RETURN(page.next, Decoded(root.Text("NextMarker"), encoded));
    // Without a delimiter the last key is the marker.
    if (page.next.empty() && !page.entries.empty()) page.next = page.entries.back().name;
  } else {
    page.next = root.Text("NextContinuationToken");
  }
  if (page.next.empty()) return DataLossError("listing goes on but does not say where");
  return page;
}

Result<std::string> ParseUploadId(std::string_view xml) {
  THANOS_ASSIGN_OR_RETURN(const XmlElement root, ParseXml(xml));
  const std::string_view id = root.Text("UploadId");
  if (root.name != "InitiateMultipartUploadResult" || id.empty()) {
    return DataLossError("answer has no upload id");
  }
  return std::string(id);
}

Status ParseLateResult(std::string_view xml, std::string_view root_name, S3Error* error) {
  THANOS_ASSIGN_OR_RETURN(const XmlElement root, ParseXml(xml));
  if (root.name == root_name) return OkStatus();
  *error = ParseS3Error(xml);
  if (error->code.empty()) return DataLossError("answer is <" + root.name + ">");
  return OkStatus();
}

Result<std::string> ParseLocation(std::string_view xml) {
  THANOS_ASSIGN_OR_RETURN(const XmlElement root, ParseXml(xml));
  if (root.name != "LocationConstraint") return DataLossError("answer is <" + root.name + ">");
  // Some servers put the element into one of the same name.
  const XmlElement* inner = root.Find("LocationConstraint");
  const std::string& text = inner == nullptr ? root.text : inner->text;
  if (text.empty()) return std::string("us-east-1");
  return text == "EU" ? std::string("eu-west-1") : text;
}

Result<ExpiringCredentials> ParseStsCredentials(std::string_view xml) {
  THANOS_ASSIGN_OR_RETURN(const XmlElement root, ParseXml(xml));
  const XmlElement* result = root.Find("AssumeRoleWithWebIdentityResult");
  const XmlElement* found = result == nullptr ? nullptr : result->Find("Credentials");
  if (found == nullptr) return DataLossError("answer of STS has no credentials");
  ExpiringCredentials out;
  out.keys = {std::string(found->Text("AccessKeyId")), std::string(found->Text("SecretAccessKey")),
              std::string(found->Text("SessionToken"))};
  if (out.keys.access_key.empty() || out.keys.secret_key.empty()) {
    return DataLossError("answer of STS lacks a key");
  }
  THANOS_ASSIGN_OR_RETURN(out.expires_ms, base::ParseRfc3339Ms(found->Text("Expiration")));
  return out;
}

Result<ExpiringCredentials> ParseMetadataCredentials(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return DataLossError("credentials are not a JSON object");
  const auto get = [&](const char* key) {
    const auto it = json.find(key);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  if (const std::string code = get("Code"); !code.empty() && code != "Success") {
    return UnavailableError("metadata service says " + code + ": " + get("Message"));
  }
  ExpiringCredentials out;
  out.keys = {get("AccessKeyId"), get("SecretAccessKey"), get("Token")};
  if (out.keys.access_key.empty() || out.keys.secret_key.empty()) {
    return DataLossError("credentials lack a key");
  }
  if (const std::string expiration = get("Expiration"); !expiration.empty()) {
    THANOS_ASSIGN_OR_RETURN(out.expires_ms, base::ParseRfc3339Ms(expiration));
  }
  return out;
}

Result<ContentRange> ParseContentRange(std::string_view text) {
  const auto bad = [&] {
    return DataLossError("Content-Range cannot be read: \"" + std::string(text) + "\"");
  };
  std::string_view rest = text;
  if (!rest.starts_with("bytes ")) return bad();
  rest.remove_prefix(6);
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return bad();
  ContentRange out;
  if (const std::string_view total = rest.substr(slash + 1); total != "*") {
    THANOS_ASSIGN_OR_RETURN(out.total, Number(total, "Content-Range's total"));
  }
  rest = rest.substr(0, slash);
  if (rest == "*") return out;
  const size_t dash = rest.find('-');
  if (dash == std::string_view::npos) return bad();
  THANOS_ASSIGN_OR_RETURN(out.first, Number(rest.substr(0, dash), "Content-Range's begin"));
  THANOS_ASSIGN_OR_RETURN(out.last, Number(rest.substr(dash + 1), "Content-Range's end"));
  if (out.first > out.last || (out.total >= 0 && out.last >= out.total)) return bad();
  return out;
}

}  // namespace thanos::objstore
