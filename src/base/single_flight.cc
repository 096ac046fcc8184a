#include "base/single_flight.h"

#include <utility>

#include "base/await.h"

namespace thanos::base {

Result<SingleFlight::Flight> SingleFlight::Board(const CallContext& context, std::string key) {
  Flight flight;
  std::shared_ptr<State> state;
  {
    const std::lock_guard lock(mutex_);
    const auto [at, first] = flying_.try_emplace(std::move(key));
    if (first) {
      at->second = std::make_shared<State>();
      flight.owner_ = this;
      flight.key_ = at->first;
      flight.state_ = at->second;
      return flight;
    }
    state = at->second;
    ++waiting_;
  }
  const auto done = [&] {
    if (!state->landed) return false;
    flight.result_ = state->result;
    --waiting_;
    return true;
  };
  THANOS_RETURN_IF_ERROR(Await(context, mutex_, state->changed, done, [&] { --waiting_; }));
  return flight;
}

size_t SingleFlight::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

SingleFlight::Flight::Flight(Flight&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)),
      key_(std::move(other.key_)),
      state_(std::move(other.state_)),
      result_(std::move(other.result_)) {}

SingleFlight::Flight& SingleFlight::Flight::operator=(Flight&& other) noexcept {
  std::swap(owner_, other.owner_);
  std::swap(key_, other.key_);
  std::swap(state_, other.state_);
  std::swap(result_, other.result_);
  return *this;
}

void SingleFlight::Flight::Land(std::shared_ptr<const void> result) {
  SingleFlight* const owner = std::exchange(owner_, nullptr);
  if (owner == nullptr) return;
  {
    const std::lock_guard lock(owner->mutex_);
    owner->flying_.erase(key_);
    state_->landed = true;
    state_->result = std::move(result);
  }
  state_->changed.notify_all();
  state_.reset();
}

}  // namespace thanos::base
