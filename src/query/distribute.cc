#include "query/distribute.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "fanout/label_sets.h"
#include "promql/functions.h"
#include "promql/printer.h"

namespace thanos::query {
namespace {

using promql::Aggregate;
using promql::As;
using promql::Binary;
using promql::Call;
using promql::Expr;
using promql::ExprKind;
using promql::ExprPtr;
using promql::FunctionId;
using promql::TokenKind;
using promql::ValueType;

bool Contains(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// The one selector of a part, and what of its labels and times matters.
struct Shape {
  const promql::VectorSelector* selector = nullptr;
  std::vector<const Aggregate*> groupings;
  int64_t back_ms = 0, ahead_ms = 0;  // How far around the query's times samples are read.
  bool any_time = false;
};

void AddTime(const promql::TimeModifiers& time, Shape* shape) {
  shape->any_time |= time.has_at() || time.offset_expr != nullptr;
  (time.offset_ms > 0 ? shape->back_ms : shape->ahead_ms) += std::abs(time.offset_ms);
}

bool HasSelector(const Expr& expr);

bool AnyArgHasSelector(const Call& call) {
  return std::any_of(call.args.begin(), call.args.end(),
                     [](const ExprPtr& arg) { return HasSelector(*arg); });
}

bool HasSelector(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNumber:
    case ExprKind::kString:
      return false;
    case ExprKind::kCall:
      return AnyArgHasSelector(As<Call>(expr));
    case ExprKind::kBinary:
      return HasSelector(*As<Binary>(expr).lhs) || HasSelector(*As<Binary>(expr).rhs);
    case ExprKind::kUnary:
      return HasSelector(*As<promql::Unary>(expr).inner);
    case ExprKind::kParen:
      return HasSelector(*As<promql::Paren>(expr).inner);
    default:
      return true;
  }
}

// Functions whose value for a series, or for those that differ in `le` alone, needs no others.
bool WorksPerSeries(FunctionId id) {
  if (id >= FunctionId::kAbs && id <= FunctionId::kTimestamp) return true;
  if (id == FunctionId::kAbsentOverTime) return false;
  if (id >= FunctionId::kRate && id <= FunctionId::kDoubleExponentialSmoothing) return true;
  switch (id) {
    case FunctionId::kHistogramQuantile:
    case FunctionId::kHistogramFraction:
    case FunctionId::kHistogramAvg:
    case FunctionId::kHistogramCount:
    case FunctionId::kHistogramStddev:
    case FunctionId::kHistogramStdvar:
    case FunctionId::kHistogramSum:
      return true;
    default:
      return false;
  }
}

// Aggregators whose value for a group depends on nothing but the group's members. topk and bottomk
// order their result, which a union would lose.
bool WorksPerGroup(TokenKind op) {
  return op != TokenKind::kCountValues && op != TokenKind::kLimitk &&
         op != TokenKind::kLimitRatio && op != TokenKind::kTopk && op != TokenKind::kBottomk;
}

// True when the value over all data is the union of the values over each peer's data, provided that
// the groups do not cross peers.
bool ReadShape(const Expr& expr, Shape* shape);

bool ReadCallShape(const Call& call, Shape* shape) {
  if (!WorksPerSeries(call.function->id)) return false;
  const Expr* data = nullptr;
  for (const ExprPtr& arg : call.args) {
    if (!HasSelector(*arg)) continue;
    if (data != nullptr) return false;
    data = arg.get();
  }
  return data != nullptr && data->type != ValueType::kScalar && ReadShape(*data, shape);
}

bool ReadBinaryShape(const Binary& binary, Shape* shape) {
  const bool left = HasSelector(*binary.lhs), right = HasSelector(*binary.rhs);
  if (left == right) return false;
  const Expr& data = left ? *binary.lhs : *binary.rhs;
  const Expr& other = left ? *binary.rhs : *binary.lhs;
  // The other side must not be a vector: vector(1) would be matched by labels.
  return data.type == ValueType::kVector && other.type == ValueType::kScalar &&
         ReadShape(data, shape);
}

bool ReadShape(const Expr& expr, Shape* shape) {
  switch (expr.kind) {
    case ExprKind::kVector: {
      const auto& selector = As<promql::VectorSelector>(expr);
      shape->selector = &selector;
      AddTime(selector.time, shape);
      return true;
    }
    case ExprKind::kMatrix: {
      const auto& matrix = As<promql::MatrixSelector>(expr);
      shape->any_time |= matrix.window_expr != nullptr;
      shape->back_ms += matrix.window_ms;
      shape->ahead_ms += matrix.window_ms;  // A smoothed selector looks ahead.
      return ReadShape(*matrix.selector, shape);
    }
    case ExprKind::kSubquery: {
      const auto& subquery = As<promql::Subquery>(expr);
      shape->any_time |= subquery.window_expr != nullptr;
      shape->back_ms += subquery.window_ms;
      AddTime(subquery.time, shape);
      return ReadShape(*subquery.inner, shape);
    }
    case ExprKind::kCall:
      return ReadCallShape(As<Call>(expr), shape);
    case ExprKind::kAggregate: {
      const auto& aggregate = As<Aggregate>(expr);
      if (!WorksPerGroup(aggregate.op)) return false;
      if (aggregate.param && HasSelector(*aggregate.param)) return false;
      shape->groupings.push_back(&aggregate);
      return ReadShape(*aggregate.inner, shape);
    }
    case ExprKind::kBinary:
      return ReadBinaryShape(As<Binary>(expr), shape);
    case ExprKind::kUnary:
      return ReadShape(*As<promql::Unary>(expr).inner, shape);
    case ExprKind::kParen:
      return ReadShape(*As<promql::Paren>(expr).inner, shape);
    default:
      return false;
  }
}

// A subquery's default step is each querier's own: written out.
void WriteSteps(int64_t step_ms, Expr* expr) {
  switch (expr->kind) {
    case ExprKind::kSubquery: {
      auto& subquery = As<promql::Subquery>(*expr);
      if (subquery.step_ms == 0 && subquery.step_expr == nullptr) subquery.step_ms = step_ms;
      return WriteSteps(step_ms, subquery.inner.get());
    }
    case ExprKind::kCall:
      for (ExprPtr& arg : As<Call>(*expr).args) WriteSteps(step_ms, arg.get());
      return;
    case ExprKind::kAggregate:
      return WriteSteps(step_ms, As<Aggregate>(*expr).inner.get());
    case ExprKind::kBinary:
      WriteSteps(step_ms, As<Binary>(*expr).lhs.get());
      return WriteSteps(step_ms, As<Binary>(*expr).rhs.get());
    case ExprKind::kUnary:
      return WriteSteps(step_ms, As<promql::Unary>(*expr).inner.get());
    case ExprKind::kParen:
      return WriteSteps(step_ms, As<promql::Paren>(*expr).inner.get());
    default:
      return;
  }
}

// Aggregators whose value over all is the value of another one over the values of the parts.
std::optional<TokenKind> Joiner(TokenKind op) {
  switch (op) {
    case TokenKind::kSum:
    case TokenKind::kCount:
      return TokenKind::kSum;
    case TokenKind::kMin:
    case TokenKind::kMax:
    case TokenKind::kGroup:
      return op;
    default:
      return std::nullopt;
  }
}

class Distributor {
 public:
  Distributor(const std::vector<Peer>& peers, const DistributeOptions& options)
      : peers_(peers), options_(options) {}

  void Rewrite(ExprPtr* expr);
  std::vector<Fragment> TakeFragments() { return std::move(fragments_); }

 private:
  /// The peers for a part that is a union over them; nothing when that is not so.
  std::optional<Fragment> UnionOf(const Expr& expr) const;
  /// The peers that hold what the shape reads; nothing when one of them does not evaluate.
  std::optional<Fragment> Choose(const Shape& shape) const;
  bool AreDisjoint(const std::vector<size_t>& peers, const Shape& shape) const;
  bool Keeps(const Shape& shape, std::string_view name) const;
  ExprPtr Give(Fragment fragment, Expr* expr);
  bool RewriteAggregate(ExprPtr* expr);
  ExprPtr JoinedAggregate(const Aggregate& written, TokenKind op, TokenKind joiner,
                          Fragment fragment);
  void RewriteBelow(Expr* expr);

  const std::vector<Peer>& peers_;
  const DistributeOptions& options_;
  std::vector<Fragment> fragments_;
};

std::optional<Fragment> Distributor::Choose(const Shape& shape) const {
  int64_t min_ms = INT64_MIN, max_ms = INT64_MAX;
  if (!shape.any_time) {
    min_ms = options_.start_ms - shape.back_ms - options_.lookback_ms;
    max_ms = options_.end_ms + shape.ahead_ms + options_.lookback_ms;
  }
  Fragment fragment;
  for (size_t i = 0; i < peers_.size(); ++i) {
    const Peer& peer = peers_[i];
    if (peer.min_ms > max_ms || peer.max_ms < min_ms) continue;
    if (!fanout::AnySetMatches(peer.announced, shape.selector->matchers)) continue;
    if (peer.absent) {
      fragment.absent.push_back(i);
    } else if (!peer.evaluates) {
      return std::nullopt;
    } else {
      fragment.peers.push_back(i);
    }
  }
  if (fragment.peers.empty()) return std::nullopt;
  return fragment;
}

bool Distributor::Keeps(const Shape& shape, std::string_view name) const {
  if (!options_.partition_labels.empty() && !Contains(options_.partition_labels, name)) {
    return false;
  }
  return std::all_of(shape.groupings.begin(), shape.groupings.end(), [&](const Aggregate* group) {
    return Contains(group->grouping, name) != group->without;
  });
}

// What a peer announces is what its TSDBs hold: without one for each set, some hold what is
// unknown.
bool IsCovered(const Peer& peer) {
  return std::all_of(peer.announced.begin(), peer.announced.end(), [&](const Labels& set) {
    return std::any_of(peer.tsdbs.begin(), peer.tsdbs.end(), [&](const Labels& tsdb) {
      return std::all_of(tsdb.begin(), tsdb.end(),
                         [&](const Label& label) { return set.Get(label.name) == label.value; });
    });
  });
}

// The labels that all sets of all peers have, and that are kept, tell any two peers apart.
bool Distributor::AreDisjoint(const std::vector<size_t>& peers, const Shape& shape) const {
  if (peers.size() == 1) return true;
  std::optional<std::set<std::string>> common;
  for (const size_t i : peers) {
    if (peers_[i].tsdbs.empty() || !IsCovered(peers_[i])) return false;
    for (const Labels& set : peers_[i].tsdbs) {
      std::set<std::string> names;
      for (const Label& label : set) {
        const bool replica = Contains(options_.replica_labels, label.name);
        const bool wanted = !common || common->contains(std::string(label.name));
        if (!replica && wanted && !label.value.empty() && Keeps(shape, label.name)) {
          names.emplace(label.name);
        }
      }
      common = std::move(names);
    }
  }
  if (common->empty()) return false;
  std::map<std::vector<std::string>, size_t> owners;
  for (const size_t i : peers) {
    for (const Labels& set : peers_[i].tsdbs) {
      std::vector<std::string> values;
      for (const std::string& name : *common) values.emplace_back(set.Get(name));
      const auto [at, is_new] = owners.emplace(std::move(values), i);
      if (!is_new && at->second != i) return false;
    }
  }
  return true;
}

std::optional<Fragment> Distributor::UnionOf(const Expr& expr) const {
  Shape shape;
  if (expr.type != ValueType::kVector || !ReadShape(expr, &shape)) return std::nullopt;
  std::optional<Fragment> fragment = Choose(shape);
  if (!fragment || !AreDisjoint(fragment->peers, shape)) return std::nullopt;
  return fragment;
}

// Gives the expression away; the selector of its values takes its place.
ExprPtr Distributor::Give(Fragment fragment, Expr* expr) {
  WriteSteps(options_.subquery_step_ms, expr);
  fragment.query = promql::Print(*expr);
  auto selector = std::make_unique<promql::VectorSelector>();
  selector->type = ValueType::kVector;
  selector->matchers.push_back(
      model::Matcher::Equal(kFragmentLabel, std::to_string(fragments_.size())));
  fragments_.push_back(std::move(fragment));
  return selector;
}

void Distributor::Rewrite(ExprPtr* expr) {
  if (auto fragment = UnionOf(**expr)) {
    *expr = Give(*std::move(fragment), expr->get());
  } else if (!RewriteAggregate(expr)) {
    RewriteBelow(expr->get());
  }
}

// op (inner) as joiner (fragment of op (inner)).
ExprPtr Distributor::JoinedAggregate(const Aggregate& written, TokenKind op, TokenKind joiner,
                                     Fragment fragment) {
  Aggregate part;
  part.op = op;
  part.grouping = written.grouping;
  part.without = written.without;
  // Borrowed for the printing only.
  part.inner.reset(written.inner.get());
  auto above = std::make_unique<Aggregate>();
  above->inner = Give(std::move(fragment), &part);
  (void)part.inner.release();
  above->type = ValueType::kVector;
  above->op = joiner;
  above->grouping = written.grouping;
  above->without = written.without;
  if (above->without) above->grouping.emplace_back(kPeerLabel);
  return above;
}

bool Distributor::RewriteAggregate(ExprPtr* expr) {
  if ((*expr)->kind != ExprKind::kAggregate) return false;
  auto& aggregate = As<Aggregate>(**expr);
  const bool average = aggregate.op == TokenKind::kAvg;
  const auto joiner = average ? TokenKind::kSum : Joiner(aggregate.op);
  if (!joiner || aggregate.param) return false;
  // A division drops the name that a group may be made of.
  if (average && !aggregate.without && Contains(aggregate.grouping, kMetricName)) return false;
  auto fragment = UnionOf(*aggregate.inner);
  if (!fragment) return false;
  fragment->joined_above = true;
  if (!average) {
    *expr = JoinedAggregate(aggregate, aggregate.op, *joiner, *std::move(fragment));
    return true;
  }
  fragment->of_average = true;
  auto quotient = std::make_unique<Binary>();
  quotient->type = ValueType::kVector;
  quotient->op = TokenKind::kDiv;
  quotient->lhs = JoinedAggregate(aggregate, TokenKind::kSum, TokenKind::kSum, *fragment);
  quotient->rhs = JoinedAggregate(aggregate, TokenKind::kCount, TokenKind::kSum, *fragment);
  quotient->matching.emplace();
  auto paren = std::make_unique<promql::Paren>();
  paren->type = ValueType::kVector;
  paren->inner = std::move(quotient);
  *expr = std::move(paren);
  return true;
}

void Distributor::RewriteBelow(Expr* expr) {
  const bool is_function = expr->kind == ExprKind::kCall || expr->kind == ExprKind::kAggregate;
  if (is_function && options_.downsampled) return;
  switch (expr->kind) {
    case ExprKind::kCall: {
      auto& call = As<Call>(*expr);
      const FunctionId id = call.function->id;
      // These look at more than the values at the steps, or at the selector itself.
      if (id == FunctionId::kTimestamp || id == FunctionId::kAbsent || id == FunctionId::kInfo ||
          id == FunctionId::kStartTimestamp) {
        return;
      }
      for (ExprPtr& arg : call.args) {
        if (arg->type == ValueType::kVector || arg->type == ValueType::kScalar) Rewrite(&arg);
      }
      return;
    }
    case ExprKind::kAggregate:
      return Rewrite(&As<Aggregate>(*expr).inner);
    case ExprKind::kBinary:
      Rewrite(&As<Binary>(*expr).lhs);
      return Rewrite(&As<Binary>(*expr).rhs);
    case ExprKind::kUnary:
      return Rewrite(&As<promql::Unary>(*expr).inner);
    case ExprKind::kParen:
      return Rewrite(&As<promql::Paren>(*expr).inner);
    default:
      return;
  }
}

}  // namespace

Peer PeerOf(const fanout::Endpoint& endpoint) {
  const auto state = endpoint.state();
  const SourceInfo info = endpoint.Info();
  Peer peer;
  peer.address = endpoint.address();
  peer.evaluates = endpoint.queryable(fanout::Api::kQuery);
  peer.absent = endpoint.absent();
  peer.announced = info.label_sets;
  for (const TsdbInfo& tsdb : info.tsdbs) peer.tsdbs.push_back(tsdb.labels);
  peer.min_ms = info.min_ms;
  peer.max_ms = info.max_ms;
  return peer;
}

DistributedQuery Distribute(ExprPtr expr, const std::vector<Peer>& peers,
                            const DistributeOptions& options) {
  Distributor distributor(peers, options);
  distributor.Rewrite(&expr);
  DistributedQuery out;
  out.fragments = distributor.TakeFragments();
  if (!out.fragments.empty()) out.query = promql::Print(*expr);
  return out;
}

}  // namespace thanos::query
