// Steps between generated messages and our types that several messages share. Internal to wire:
// includes generated headers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/any.pb.h>
#include <google/protobuf/repeated_ptr_field.h>
#include <google/protobuf/timestamp.pb.h>

#include "model/matcher.h"
#include "store/labelpb/types.pb.h"
#include "store/storepb/types.pb.h"
#include "thanos/series.h"
#include "wire/federation_messages.h"

namespace thanos::wire {

/// kDataLoss naming the message when the bytes are none.
template <typename Message>
Status ParseMessage(std::string_view bytes, Message* out) {
  if (bytes.size() <= INT32_MAX &&
      out->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return OkStatus();
  }
  return DataLossError("malformed " + std::string(out->GetTypeName()) + " of " +
                       std::to_string(bytes.size()) + " bytes");
}

using Texts = google::protobuf::RepeatedPtrField<std::string>;
inline std::vector<std::string> ToVector(const Texts& texts) {
  return {texts.begin(), texts.end()};
}
inline void FillTexts(const std::vector<std::string>& from, Texts* out) {
  for (const std::string& text : from) *out->Add() = text;
}

/// Works for each of the two LabelMatcher messages.
template <typename ProtoMatcher>
void FillMatchers(const std::vector<model::Matcher>& from,
                  google::protobuf::RepeatedPtrField<ProtoMatcher>* out) {
  for (const model::Matcher& matcher : from) {
    ProtoMatcher* proto = out->Add();
    proto->set_type(static_cast<typename ProtoMatcher::Type>(matcher.type()));
    proto->set_name(matcher.name());
    proto->set_value(matcher.value());
  }
}

template <typename ProtoMatcher>
Status ReadMatchers(const google::protobuf::RepeatedPtrField<ProtoMatcher>& from,
                    std::vector<model::Matcher>* out) {
  for (const ProtoMatcher& proto : from) {
    const int type = proto.type();
    if (type < 0 || type > static_cast<int>(model::MatchType::kNotRegex)) {
      return InvalidArgumentError("unknown matcher type " + std::to_string(type) + " of label " +
                                  proto.name());
    }
    THANOS_ASSIGN_OR_RETURN(
        model::Matcher matcher,
        model::Matcher::Make(static_cast<model::MatchType>(type), proto.name(), proto.value()));
    out->push_back(std::move(matcher));
  }
  return OkStatus();
}

template <typename ProtoLabel>
Labels ReadLabels(const google::protobuf::RepeatedPtrField<ProtoLabel>& from) {
  std::vector<std::pair<std::string, std::string>> labels;
  for (const ProtoLabel& label : from) labels.emplace_back(label.name(), label.value());
  return Labels::Of(std::move(labels));
}

template <typename ProtoLabel>
void FillLabels(LabelsView from, google::protobuf::RepeatedPtrField<ProtoLabel>* out) {
  for (const Label& label : from) {
    ProtoLabel* proto = out->Add();
    proto->set_name(label.name.data(), label.name.size());
    proto->set_value(label.value.data(), label.value.size());
  }
}

template <typename Message>
PartialStrategy ReadStrategy(const Message& message) {
  return message.partial_response_strategy() == ::thanospb::ABORT ? PartialStrategy::kAbort
                                                      : PartialStrategy::kWarn;
}
inline ::thanospb::PartialResponseStrategy ToProto(PartialStrategy strategy) {
  return strategy == PartialStrategy::kAbort ? ::thanospb::ABORT : ::thanospb::WARN;
}

/// `any` is serialised; "" leaves the field out.
Status FillAny(std::string_view any, google::protobuf::Any* out);

/// "Never" is Go's zero time, on the wire explicitly.
void FillTime(const MaybeTime& time, google::protobuf::Timestamp* out);
MaybeTime ReadTime(bool present, const google::protobuf::Timestamp& time);

}  // namespace thanos::wire
