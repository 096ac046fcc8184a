// Where a thread is: return addresses, innermost first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace thanos::profile {

inline constexpr size_t kFramesMax = 128;  // Outer frames past it are cut.

/// Makes the first unwinding, which allocates; later ones do not. Before CaptureStack() is used in
/// a signal handler.
void PrepareUnwinding();

/// Fills `frames`, returns how many. Async-signal-safe after PrepareUnwinding(): the unwinder finds
/// its tables without locks (_dl_find_object). `from` is the program counter of the first frame
/// wanted, inner ones are left out; null leaves `skip` frames out.
size_t CaptureStack(const void* from, size_t skip, std::array<uintptr_t, kFramesMax>* frames);

using Stack = std::vector<uintptr_t>;

/// Values a stack has gathered; which they are is the profile's matter.
using StackValues = std::map<Stack, std::vector<int64_t>>;

}  // namespace thanos::profile
