// The same work that many want at the same time, done once.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "thanos/call_context.h"
#include "thanos/status.h"

namespace thanos::base {

/// Calls that begin with the same key while one is on its way wait for it and get its result.
/// Thread-safe; outlives its flights.
class SingleFlight {
 private:
  struct State {
    std::condition_variable changed;
    bool landed = false;
    std::shared_ptr<const void> result;
  };

 public:
  class Flight {
   public:
    Flight() = default;
    Flight(Flight&& other) noexcept;
    Flight& operator=(Flight&& other) noexcept;
    ~Flight() { Land(nullptr); }

    /// What the flight brought that this one waited for. Null when there was none, or it failed:
    /// the caller works for itself then. The key tells what T is.
    template <typename T>
    std::shared_ptr<const T> Result() const {
      return std::static_pointer_cast<const T>(result_);
    }
    /// Hands over to those who wait; null lets them go with nothing.
    void Land(std::shared_ptr<const void> result);

   private:
    friend class SingleFlight;
    SingleFlight* owner_ = nullptr;  // Of who leads.
    std::string key_;
    std::shared_ptr<State> state_;
    std::shared_ptr<const void> result_;
  };

  /// At once for the first one. The others wait until that one lands or goes away, or until their
  /// context ends, which is an error.
  thanos::Result<Flight> Board(const CallContext& context, std::string key);
  /// Calls that wait now.
  size_t waiting() const;

 private:
  mutable std::mutex mutex_;
  size_t waiting_ = 0;                                    // Guarded by mutex_.
  std::map<std::string, std::shared_ptr<State>> flying_;  // Guarded by mutex_, as the states are.
};

}  // namespace thanos::base
