// What a backward kernel does with a gradient buffer. `ignore`: nobody wants it, the pointer may be null and nothing is
// computed. `overwrite`: the buffer's old bytes are never read. `accumulate`: the sum starts from the buffer's old
// value, so a batch worked off in parts gives the bits of one pass.
#pragma once

namespace plait {

enum class GradMode { ignore, overwrite, accumulate };

// A gradient that a backward kernel may write. The row stride is that of the tensor it belongs to.
template <class T>
struct GradSlice {
  T* data = nullptr;
  GradMode mode = GradMode::ignore;
};

}  // namespace plait
