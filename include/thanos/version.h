// What this build calls itself.
#pragma once

#include <string_view>

namespace thanos {

inline constexpr std::string_view kVersion = "0.1.0";
#ifdef THANOS_REVISION
inline constexpr std::string_view kRevision = THANOS_REVISION;
#else
inline constexpr std::string_view kRevision = "unknown";
#endif
#if defined(__x86_64__)
inline constexpr const char* kArchitecture = "amd64";
#elif defined(__aarch64__)
inline constexpr const char* kArchitecture = "arm64";
#else
inline constexpr const char* kArchitecture = "other";
#endif

}  // namespace thanos
