// Any text gives endpoints, targets and a group's policy, or an error that says why; what was taken
// is valid.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fanout/discovery.h"

using namespace thanos;  // NOLINT: a fuzz target is a program of its own.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = fanout::ParseEndpointConfig(text, {});
  if (!config.ok() && config.status().message().empty()) std::abort();
  if (config.ok()) {
    for (const fanout::EndpointSpec& spec : config->endpoints) {
      if (!fanout::CheckEndpoint(spec).ok()) std::abort();
    }
  }
  const auto targets = fanout::ParseTargetFile(text);
  if (!targets.ok() && targets.status().message().empty()) std::abort();
  const auto policy = fanout::ParseServiceConfig(text);
  if (policy.ok() && (policy->attempts_max < 2 || policy->attempts_max > 5 ||
                      policy->initial_backoff.count() <= 0 || !(policy->backoff_multiplier > 0))) {
    std::abort();
  }
  return 0;
}
