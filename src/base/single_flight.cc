#include "base/single_flight.h"

#include <utility>

namespace thanos::base {

Result<SingleFlight::Flight> SingleFlight::Board(const CallContext& context, std::string key) {
  Flight flight;
  std::unique_lock lock(mutex_);
  const auto [at, first] = flying_.try_emplace(std::move(key));
  if (first) {
    at->second = std::make_shared<State>();
    flight.owner_ = this;
    flight.key_ = at->first;
    flight.state_ = at->second;
    return flight;
  }
  const std::shared_ptr<State> state = at->second;
  lock.unlock();
  const auto registration = context.OnCancel([&] {
    const std::lock_guard cancel(mutex_);
    state->changed.notify_all();
  });
  lock.lock();
  ++waiting_;
  const auto done = [&] { return state->landed || context.cancelled(); };
  if (context.deadline() == SteadyTime::max()) {
    state->changed.wait(lock, done);
  } else {
    state->changed.wait_until(lock, context.deadline(), done);
  }
  --waiting_;
  const bool landed = state->landed;
  flight.result_ = state->result;
  lock.unlock();
  if (!landed) {
    THANOS_RETURN_IF_ERROR(context.Check());
    return DeadlineExceededError("context deadline exceeded");
  }
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
