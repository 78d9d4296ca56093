// launch(kernel, grid, block, shared_bytes, stream, arguments...): the only place that starts a kernel. Arguments are
// converted to the kernel's parameter types and passed by value. shared_bytes above 48 KiB are asked for as CUDA wants.
// Throws gpu::Failure when the launch is refused. An empty grid is no launch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>

#include "kernels/device/language.h"
#include "kernels/gpu_failure.h"
#include "kernels/stream.h"

namespace plait {

#ifdef __CUDACC__

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
            const Arguments&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (shared_bytes > 48 * 1024)
    gpu::check(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)),
        "shared memory of a kernel");
  kernel<<<grid, block, shared_bytes, stream>>>(static_cast<Parameters>(arguments)...);
  gpu::check(cudaGetLastError(), "launch of a kernel");
}

#else

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
            const Arguments&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  struct Call {
    void (*kernel)(Parameters...);
    std::tuple<std::remove_cv_t<Parameters>...> arguments;
  };
  static_assert((std::is_trivially_copyable_v<std::remove_cv_t<Parameters>> && ...));
  const Call call{kernel, {static_cast<Parameters>(arguments)...}};
  simt::enqueue(stream, {.grid = grid,
                         .block = block,
                         .shared_bytes = shared_bytes,
                         .kernel = reinterpret_cast<const void*>(kernel),
                         .arguments = &call,
                         .argument_bytes = sizeof call,
                         .body = [](const void* bytes) {
                           const Call& c = *static_cast<const Call*>(bytes);
                           std::apply(c.kernel, c.arguments);
                         }});
}

#endif

// How many blocks of `size` cover `count`.
constexpr unsigned blocks_for(std::int64_t count, std::int64_t size) {
  return static_cast<unsigned>((count + size - 1) / size);
}

}  // namespace plait
