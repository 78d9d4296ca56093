// dweight[k, r, s, c] = sum over (n, h, w) of dz[n, h, w, k] x[n, h + r - pad, w + s - pad, c], dbias[k] = sum of dz,
// dz = dy carried through the activation where it is read.
//
// The same patches as forward (conv2d_tile.h): a block walks over tiles of pixels, stages dz of 64 out-channels and the
// patch of x under them, and multiplies dz by the patch as each tap sees it. A unit is one tap of 16 in-channels; three
// warps hold three units each: the nine taps of a 3x3 window, so that dz and x are staged once for all of them. The
// bias gradient is summed by one warp of the blocks of the first in-channels, from the fragments that it holds anyway.
//
// Bytes: dz once per 16 in-channels of a 3x3 window, x 1.4 times per 64 out-channels, from the second-level cache
// beyond the first time. Floors on an H100, bf16, batch 64: 28x28, 16 -> 32: 4.8 MB, 1.6 us; 56x56, 64 -> 64: 14.8
// GFLOP, 20 us.
//
// The sum over the pixels is cut into parts, for about four blocks a multiprocessor of an H100 (the number depends on
// the parameters alone); each part goes to the workspace, a second kernel adds them in a fixed order: no atomics.
#include "kernels/cuda/conv2d_weight_gradient.h"

#include "kernels/cuda/conv2d_weight_sums.h"
#include "kernels/device/shared_memory.h"
#include "kernels/launch.h"

namespace plait::conv {
namespace {

constexpr int wanted_blocks = 4 * 132;
constexpr std::int64_t least_pixels = 512;  // of a part

template <class T>
using Narrow = std::conditional_t<std::is_same_v<T, bf16>, TensorCoreSums<2>, ChainSums<1>>;
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, bf16>, TensorCoreSums<4>, ChainSums<2>>;

// One block: a part of the tiles, Sums::out_channels, a chunk of in-channels, up to nine units.
template <class Sums, int x_width, int dy_width, class T>
__global__ void __launch_bounds__(unit_threads, Sums::blocks)
    weight_gradient_kernel(WeightSumPlan q, const T* x, const T* y, const T* dy, float* parts) {
  T* const shared = device::dynamic_shared<T>();
  int block = static_cast<int>(blockIdx.x);
  const int unit_group = q.unit_groups.split(block), chunk = q.chunks.split(block), k0 = block * Sums::out_channels;
  const int c0 = chunk * q.chunk.value();
  const int first = static_cast<int>(blockIdx.y) * q.tiles_a_part,
            end = std::min(first + q.tiles_a_part, q.tiles.count);
  const bool through = q.activation != Activation::identity;
  T* const outputs = shared + q.outputs_at;

  const auto patch_of = [&](int tile) { return shared + (tile & 1) * q.patch_size; };
  const auto dz_of = [&](int tile) { return shared + q.dz_at + (tile & 1) * q.dz_size; };
  const auto dy_view = [&](int tile) {
    return View{q.tiles.origin(tile), k0, Sums::pixels, q.dz_pitch, q.tile_high, q.tile_wide, q.out_channels};
  };
  const auto start_copies = [&](int tile) {
    Pixel corner = q.tiles.origin(tile);
    corner.h -= q.pad, corner.w -= q.pad;
    copy_view<unit_threads, x_width, 2>(patch_view(q.tiles, corner, c0, q.chunk, q.patch_pitch), q.x, x,
                                        patch_of(tile));
    copy_view<unit_threads, dy_width, 2>(dy_view(tile), q.dy, dy, dz_of(tile));
    if (through) copy_view<unit_threads, dy_width, 2>(dy_view(tile), q.dy, y, outputs);
    device::async_commit();
  };

  Sums sums(q, unit_group, chunk == 0 && unit_group == 0);
  if (first < end) start_copies(first);
  for (int tile = first; tile < end; ++tile) {
    device::async_wait<0>();
    if (through) {
      each_unit<unit_threads, dy_width>(dy_view(tile), q.dy, [&](const View::Unit& unit) {
        if (unit.inside) through_activation<dy_width>(q.activation, outputs + unit.element, dz_of(tile) + unit.element);
      });
    }
    __syncthreads();
    if (tile + 1 < end) start_copies(tile + 1);
    sums.add(q, patch_of(tile), dz_of(tile));
  }
  sums.store(q, k0, c0, parts + blockIdx.y * q.parts.size);
}

// gradient = sum of the parts, eight runs of neighbouring parts first; the bias gradient lies behind the weights'.
constexpr int columns = 32, runs = 8;

__global__ void __launch_bounds__(columns* runs)
    add_parts_kernel(Parts q, const float* parts, GradSlice<float> weight, GradSlice<float> bias) {
  struct Runs {
    float sum[runs][columns];
  };
  Runs& shared = device::block_shared<Runs>();
  const int column = static_cast<int>(threadIdx.x) % columns, run = static_cast<int>(threadIdx.x) / columns;
  const std::int64_t e = std::int64_t{blockIdx.x} * columns + column, weights = q.weight_row * q.out_channels;
  const bool inside = e < weights + q.out_channels;
  const int length = (q.count + runs - 1) / runs, first = run * length, end = std::min(first + length, q.count);
  float sum = 0.0f;
  if (inside) {
    PLAIT_UNROLL
    for (int part = first; part < end; ++part) sum = sum + parts[part * q.size + e];
  }
  shared.sum[run][column] = sum;
  __syncthreads();
  if (run > 0 || !inside) return;
  PLAIT_UNROLL
  for (int i = 1; i < runs; ++i) sum = sum + shared.sum[i][column];
  const bool of_bias = e >= weights;
  const GradMode mode = of_bias ? bias.mode : weight.mode;
  if (mode == GradMode::ignore) return;
  float* const to =
      of_bias ? bias.data + (e - weights) : weight.data + e / q.weight_row * q.weight_stride + e % q.weight_row;
  *to = mode == GradMode::accumulate ? *to + sum : sum;
}

template <class Sums>
WeightSumPlan plan_sums(const Conv2dParams& p) {
  using T = typename Sums::Element;
  WeightSumPlan q;
  q.x = inputs(p), q.dy = outputs(p);
  q.activation = p.activation;
  q.taps_wide = static_cast<int>(p.kernel_width), q.pad = static_cast<int>(p.pad);
  q.parts = Parts::of(p.kernel_height * p.kernel_width * p.in_channels, p.out_channels, p.weight_stride);
  if (is_empty(p)) return q;  // no parts: the sum over nothing

  const int taps = static_cast<int>(p.kernel_height * p.kernel_width);
  const int most = std::max(1, block_units / taps) * unit_channels;  // so that a small window fills the units as well
  const int chunk =
      static_cast<int>(std::clamp<std::int64_t>(round_up(p.in_channels, unit_channels), unit_channels, most));
  q.chunk = device::Divisor(chunk), q.out_channels = device::Divisor(Sums::out_channels);
  q.units_a_tap = device::Divisor(chunk / unit_channels);
  q.units = taps * (chunk / unit_channels);
  q.unit_groups = device::Divisor((q.units + block_units - 1) / block_units);
  q.chunks = device::Divisor(std::max<std::int64_t>(1, (p.in_channels + chunk - 1) / chunk));
  q.blocks = q.unit_groups.value() * q.chunks.value() *
             static_cast<int>((p.out_channels + Sums::out_channels - 1) / Sums::out_channels);

  q.tiles = choose_tiles(Sums::pixels, p.batch, p.out_height(), p.out_width(), p.kernel_height, p.kernel_width);
  q.tile_high = device::Divisor(1 << q.tiles.high_bits), q.tile_wide = device::Divisor(1 << q.tiles.wide_bits);
  const int most_parts =
      static_cast<int>((std::int64_t{q.tiles.count} * Sums::pixels + least_pixels - 1) / least_pixels);
  const int parts = std::clamp((wanted_blocks + q.blocks - 1) / q.blocks, 1, most_parts);
  q.tiles_a_part = (q.tiles.count + parts - 1) / parts;
  q.parts.count = (q.tiles.count + q.tiles_a_part - 1) / q.tiles_a_part;

  q.patch_pitch = odd_pitch<T>(chunk), q.dz_pitch = odd_pitch<T>(Sums::out_channels);
  q.patch_size = q.tiles.patch_pixels() * q.patch_pitch, q.dz_size = Sums::pixels * q.dz_pitch;
  q.dz_at = 2 * q.patch_size;
  q.outputs_at = q.dz_at + 2 * q.dz_size;
  q.shared_bytes =
      sizeof(T) * static_cast<std::size_t>(q.outputs_at + (p.activation == Activation::identity ? 0 : q.dz_size));
  return q;
}

template <class T>
WeightSumPlan plan_sums_of(const Conv2dParams& p) {
  return p.out_channels <= Narrow<T>::out_channels ? plan_sums<Narrow<T>>(p) : plan_sums<Wide<T>>(p);
}

template <class Sums, class T>
void run(const WeightSumPlan& q, const T* x, const T* y, const T* dy, float* parts, cudaStream_t stream) {
  constexpr int pack = device::Pack<T>::size;
  if (q.shared_bytes > most_shared_bytes)
    throw gpu::Failure(gpu::Failure::Kind::other, "[conv2d] kernel too large for the shared memory");
  const bool x_packed = device::rows_are_packed(x, q.x.stride, q.x.channels);
  const bool dy_packed =
      device::rows_are_packed(dy, q.dy.stride, q.dy.channels) &&
      (q.activation == Activation::identity || device::rows_are_packed(y, q.dy.stride, q.dy.channels));
  const auto kernel = !dy_packed ? weight_gradient_kernel<Sums, 1, 1, T>
                      : x_packed ? weight_gradient_kernel<Sums, pack, pack, T>
                                 : weight_gradient_kernel<Sums, 1, pack, T>;
  launch(kernel, dim3(static_cast<unsigned>(q.blocks), static_cast<unsigned>(q.parts.count)), unit_threads,
         q.shared_bytes, stream, q, x, y, dy, parts);
}

}  // namespace

void add_parts(const Parts& parts, const float* data, GradSlice<float> weight, GradSlice<float> bias,
               cudaStream_t stream) {
  launch(add_parts_kernel, blocks_for((parts.weight_row + 1) * parts.out_channels, columns), columns * runs, 0, stream,
         parts, data, weight, bias);
}

template <class T>
std::size_t weight_gradient_workspace_bytes(const Conv2dParams& p) {
  return plan_sums_of<T>(p).parts.bytes();
}

template <class T>
void weight_gradient(const Conv2dParams& p, const T* x, const T* y, const T* dy, GradSlice<float> weight,
                     GradSlice<float> bias, void* workspace, cudaStream_t stream) {
  if (weight.mode == GradMode::ignore && bias.mode == GradMode::ignore) return;
  const WeightSumPlan q = plan_sums_of<T>(p);
  float* const parts = static_cast<float*>(workspace);
  if (q.parts.count > 0) {
    if (p.out_channels <= Narrow<T>::out_channels)
      run<Narrow<T>>(q, x, y, dy, parts, stream);
    else
      run<Wide<T>>(q, x, y, dy, parts, stream);
  }
  add_parts(q.parts, parts, weight, bias, stream);
}

template std::size_t weight_gradient_workspace_bytes<float>(const Conv2dParams&);
template std::size_t weight_gradient_workspace_bytes<bf16>(const Conv2dParams&);
template void weight_gradient<float>(const Conv2dParams&, const float*, const float*, const float*, GradSlice<float>,
                                     GradSlice<float>, void*, cudaStream_t);
template void weight_gradient<bf16>(const Conv2dParams&, const bf16*, const bf16*, const bf16*, GradSlice<float>,
                                    GradSlice<float>, void*, cudaStream_t);

}  // namespace plait::conv
