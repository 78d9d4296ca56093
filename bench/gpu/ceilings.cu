// What this device gives at most, measured with the same clock as everything else: the roofs that shares refer to.
#include <vector>

#include "bench/gpu/memory.h"
#include "bench/gpu/rivals.h"
#include "kernels/device/pack.h"
#include "kernels/launch.h"

namespace plait::bench {
namespace {

constexpr int threads = 512;
using Unit16 = device::Pack<float>;

// A block moves 4 x 512 x 16 B = 32 KiB; four loads of a thread are in flight before the first store.
__global__ void __launch_bounds__(threads) copy_kernel(std::int64_t units, const Unit16* from, Unit16* to) {
  const std::int64_t first = std::int64_t{blockIdx.x} * threads * 4 + threadIdx.x;
  Unit16 held[4];
  PLAIT_UNROLL
  for (int i = 0; i < 4; ++i)
    if (first + i * threads < units) held[i] = from[first + i * threads];
  PLAIT_UNROLL
  for (int i = 0; i < 4; ++i)
    if (first + i * threads < units) to[first + i * threads] = held[i];
}

__global__ void __launch_bounds__(threads) write_kernel(std::int64_t units, Unit16* to) {
  const std::int64_t first = std::int64_t{blockIdx.x} * threads * 4 + threadIdx.x;
  PLAIT_UNROLL
  for (int i = 0; i < 4; ++i)
    if (first + i * threads < units) to[first + i * threads] = {{1.0f, 2.0f, 3.0f, static_cast<float>(i)}};
}

// Reads the same memory `times` times; the sum is written where it is infinite, which it is not: the reads must stay.
__global__ void __launch_bounds__(threads) read_kernel(std::int64_t units, int times, const Unit16* from, float* to) {
  float sum = 0.0f;
  for (int t = 0; t < times; ++t) {
    const std::int64_t block = (blockIdx.x + 17u * static_cast<unsigned>(t)) % gridDim.x;
    const std::int64_t first = block * threads * 4 + threadIdx.x;
    Unit16 held[4] = {};
    PLAIT_UNROLL
    for (int i = 0; i < 4; ++i)
      if (first + i * threads < units) held[i] = from[first + i * threads];
    PLAIT_UNROLL
    for (int i = 0; i < 4; ++i) sum += held[i].value[0] + held[i].value[1] + held[i].value[2] + held[i].value[3];
  }
  if (sum == INFINITY) *to = sum;
}

__global__ void nothing_kernel(int) {}

unsigned grid_for(std::int64_t units) {
  return blocks_for(units, threads * 4);
}

struct Buffers {
  std::vector<Array<float>> from, to;
  Buffers(int sets, std::int64_t count, cudaStream_t stream) {
    for (int i = 0; i < sets; ++i) {
      from.push_back(normal_array<float>(count, static_cast<std::uint32_t>(i + 1), stream));
      to.emplace_back(count);
    }
  }
};

Unit16* units_of(const Array<float>& x) {
  return reinterpret_cast<Unit16*>(x.data());
}

Case memory_case(const std::string& operation, std::int64_t count, double bytes,
                 std::function<void(const Array<float>&, const Array<float>&, cudaStream_t)> call, int sets,
                 bool rival_copy) {
  return {.section = "ceilings",
          .goal = "",
          .operation = operation,
          .dtype = "bytes",
          .shape = std::to_string(count * 4),
          .flops = 0,
          .bytes = bytes,
          .unit = Unit::none,
          .tolerance = 0,
          .prepare = [=](cudaStream_t stream) {
            const Buffers b(sets, count, stream);
            Trial trial{.sets = sets};
            trial.ours = [=](int s) {
              call(b.from[static_cast<std::size_t>(s)], b.to[static_cast<std::size_t>(s)], stream);
            };
            if (rival_copy)
              trial.rivals.push_back({"cudaMemcpyAsync", {[=](int s) {
                                        const auto i = static_cast<std::size_t>(s);
                                        gpu::copy_on_device(b.to[i], b.from[i], b.to[i].bytes(), stream);
                                      }}});
            return trial;
          }};
}

Case launch_case(const std::string& operation, bool captured) {
  return {.section = "ceilings",
          .goal = "",
          .operation = operation,
          .dtype = "none",
          .shape = "1x32",
          .flops = 0,
          .bytes = 0,
          .unit = Unit::none,
          .tolerance = 0,
          .prepare = [=](cudaStream_t stream) {
            Trial trial{.sets = 1, .captured = captured};
            trial.ours = [=](int) { launch(nothing_kernel, 1, 32, 0, stream, 0); };
            return trial;
          }};
}

}  // namespace

void add_ceilings(Cases& cases, bool small) {
  const std::int64_t count = small ? 10000 : std::int64_t{1} << 28, bytes = count * 4;  // 1 GiB
  const std::int64_t l2 = small ? 5000 : std::int64_t{4} << 20;                         // 16 MiB
  const int sets = small ? 1 : 2, times = 16;
  cases.push_back(memory_case(
      "copy", count, 2.0 * static_cast<double>(bytes),
      [=](const auto& from, const auto& to, cudaStream_t stream) {
        launch(copy_kernel, grid_for(count / 4), threads, 0, stream, count / 4, units_of(from), units_of(to));
      },
      sets, true));
  cases.push_back(memory_case(
      "read", count, static_cast<double>(bytes),
      [=](const auto& from, const auto& to, cudaStream_t stream) {
        launch(read_kernel, grid_for(count / 4), threads, 0, stream, count / 4, 1, units_of(from), to.data());
      },
      sets, false));
  cases.push_back(memory_case(
      "write", count, static_cast<double>(bytes),
      [=](const auto&, const auto& to, cudaStream_t stream) {
        launch(write_kernel, grid_for(count / 4), threads, 0, stream, count / 4, units_of(to));
      },
      sets, false));
  cases.push_back(memory_case(
      "l2_read", l2, static_cast<double>(l2) * 4.0 * times,
      [=](const auto& from, const auto& to, cudaStream_t stream) {
        launch(read_kernel, grid_for(l2 / 4), threads, 0, stream, l2 / 4, times, units_of(from), to.data());
      },
      1, false));
  cases.push_back(launch_case("launch", false));
  cases.push_back(launch_case("graph_node", true));
  add_product_ceilings(cases, small);
}

}  // namespace plait::bench
