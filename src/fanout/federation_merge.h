// What makes one answer of the answers of many peers: duplicates of replicas go, order is fixed.
#pragma once

#include <string>
#include <vector>

#include "model/matcher.h"
#include "wire/federation_messages.h"

namespace thanos::fanout {

/// Keeps the rules whose labels meet all matchers of all sets; labels that are templates count as
/// absent, since alerts have other values. Groups left without rules go.
void FilterRules(const std::vector<model::Matchers>& selectors,
                 std::vector<wire::RuleGroup>* groups);
/// Keeps what the name, group and file lists of the request ask for; an empty list asks for all.
void FilterRules(const wire::RulesRequest& request, std::vector<wire::RuleGroup>* groups);
/// Groups in order of file and name, equal ones joined; rules without replica labels, alerts before
/// recording rules, then in order of name, labels, query and duration. Of equal rules the one in
/// the more critical state, then the one evaluated last stays.
void DedupRules(const std::vector<std::string>& replica_labels,
                std::vector<wire::RuleGroup>* groups);

/// Targets without replica labels, in order of URL, pool, discovered labels, labels. Of equal ones
/// the one that is down, then the one scraped last stays.
void DedupTargets(const std::vector<std::string>& replica_labels, wire::TargetsResponse* targets);

/// Takes in what is not there yet.
void MergeMetadata(wire::MetadataResponse from, wire::MetadataResponse* into);
/// The first `limit` names; a negative limit is none.
void LimitMetadata(int32_t limit, wire::MetadataResponse* metadata);

/// Series without replica labels, in order, equal ones joined, those without exemplars gone; their
/// exemplars in order of time, labels and value, each once.
void DedupExemplars(const std::vector<std::string>& replica_labels,
                    std::vector<wire::ExemplarData>* data);

}  // namespace thanos::fanout
