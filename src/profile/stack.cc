#include "profile/stack.h"

#include <unwind.h>

namespace thanos::profile {
namespace {

struct Walk {
  const void* from;
  size_t skip;
  std::array<uintptr_t, kFramesMax>* frames;
  size_t count;
};

_Unwind_Reason_Code TakeFrame(_Unwind_Context* context, void* argument) {
  auto* walk = static_cast<Walk*>(argument);
  int before_instruction = 0;
  const uintptr_t pc = _Unwind_GetIPInfo(context, &before_instruction);
  if (pc == 0) return _URC_END_OF_STACK;
  if (walk->from != nullptr) {
    if (pc != reinterpret_cast<uintptr_t>(walk->from)) return _URC_NO_REASON;
    walk->from = nullptr;
    walk->skip = 0;
  } else if (walk->skip > 0) {
    --walk->skip;
    return _URC_NO_REASON;
  }
  // A return address lies behind its call; inside it is what belongs to the caller's line.
  (*walk->frames)[walk->count++] = before_instruction != 0 ? pc : pc - 1;
  return walk->count < kFramesMax ? _URC_NO_REASON : _URC_END_OF_STACK;
}

}  // namespace

size_t CaptureStack(const void* from, size_t skip, std::array<uintptr_t, kFramesMax>* frames) {
  Walk walk{from, skip, frames, 0};
  _Unwind_Backtrace(TakeFrame, &walk);
  if (walk.count == 0 && from != nullptr) {
    // The unwinder did not come out of the handler: at least where the thread was.
    (*frames)[walk.count++] = reinterpret_cast<uintptr_t>(from);
  }
  return walk.count;
}

void PrepareUnwinding() {
  std::array<uintptr_t, kFramesMax> frames;
  CaptureStack(nullptr, 0, &frames);
}

}  // namespace thanos::profile
