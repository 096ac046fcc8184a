// Any bytes give a message or a status, and a message that was read can be written and read again.
// The first byte chooses the message.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/federation_messages.h"
#include "wire/query_messages.h"
#include "wire/store_messages.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

namespace {

template <typename Decode, typename Encode>
void Again(std::string_view bytes, Decode decode, Encode encode) {
  const auto message = decode(bytes);
  if (!message.ok()) return;
  const std::string written = encode(*message);
  const auto again = decode(written);
  if (!again.ok() || encode(*again) != written) std::abort();
}

template <typename Request>
void AgainRequest(std::string_view bytes) {
  Request request;
  if (!wire::Decode(bytes, &request).ok()) return;
  const std::string written = wire::Encode(request);
  Request again;
  if (!wire::Decode(written, &again).ok() || wire::Encode(again) != written) std::abort();
}

template <typename Response>
void Frame(std::string_view bytes) {
  Response response;
  (void)wire::AddFrame(bytes, &response).ok();
}

std::string EncodeNames(const LabelsResult& result) {
  return wire::EncodeLabelNamesResponse(result);
}
std::string EncodeValues(const LabelsResult& result) {
  return wire::EncodeLabelValuesResponse(result);
}
std::string EncodeValuesRequest(const wire::LabelValuesRequest& request) {
  return wire::EncodeLabelValuesRequest(request.label, request.request);
}

void Store(uint8_t kind, std::string_view bytes) {
  switch (kind) {
    case 0:
      return Again(bytes, wire::DecodeSeriesRequest, wire::EncodeSeriesRequest);
    case 1:
      return Again(bytes, wire::DecodeLabelNamesRequest, wire::EncodeLabelNamesRequest);
    case 2:
      return Again(bytes, wire::DecodeLabelValuesRequest, EncodeValuesRequest);
    case 3:
      return Again(bytes, wire::DecodeLabelNamesResponse, EncodeNames);
    case 4:
      return Again(bytes, wire::DecodeLabelValuesResponse, EncodeValues);
    case 5:
      return Again(bytes, wire::DecodeInfoResponse, wire::EncodeInfoResponse);
    case 6:
      return Again(bytes, wire::DecodeQueryRequest, wire::EncodeQueryRequest);
    case 7:
      return Again(bytes, wire::DecodeQueryRangeRequest, wire::EncodeQueryRangeRequest);
    default:
      (void)wire::DecodeQueryFrame(bytes).ok();
  }
}

void Federation(uint8_t kind, std::string_view bytes) {
  switch (kind) {
    case 9:
      return AgainRequest<wire::RulesRequest>(bytes);
    case 10:
      return AgainRequest<wire::TargetsRequest>(bytes);
    case 11:
      return AgainRequest<wire::MetadataRequest>(bytes);
    case 12:
      return AgainRequest<wire::ExemplarsRequest>(bytes);
    case 13:
      return AgainRequest<wire::TsdbStatisticsRequest>(bytes);
    case 14:
      return Frame<wire::RulesResponse>(bytes);
    case 15:
      return Frame<wire::TargetsResponse>(bytes);
    case 16:
      return Frame<wire::MetadataResponse>(bytes);
    case 17:
      return Frame<wire::ExemplarsResponse>(bytes);
    default:
      return Frame<wire::TsdbStatisticsResponse>(bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto kind = static_cast<uint8_t>(data[0] % 19);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  kind < 9 ? Store(kind, bytes) : Federation(kind, bytes);
  return 0;
}
