// Weight and bias gradients of the stem: dweight[k, r, s, c] = sum over the windows (n, h, w) of dy[n, h, w, k] times x
// under tap (r, s) of the window's maximum. One of four pixels contributes, the byte says which: a quarter of the
// operations of a convolution's weight gradient, and neither y nor the gradient of the convolution's output is read.
//
// Bytes: dy, argmax and x once (1.1 times). Floor on an H100, batch 32, 224x224, 3 -> 32 channels, bf16: 26 + 13 + 10
// MB, 16 us. 27 fmaf and as many reads of shared memory a window and channel make about 40 us of that, 18 us for one
// channel.
//
// 3x3 windows: a lane holds all 9 c weights of one out-channel in registers (its neighbours the neighbouring channels:
// dy and argmax come in whole lines, x mostly as a broadcast) and walks over a share of the block's windows; shares,
// then blocks (conv2d_weight_gradient.h), are added in a fixed order. Other windows, and the gradient of x, spread dy
// out and go the way of a convolution without activation.
#include "kernels/conv2d_stem.h"
#include "kernels/cuda/conv2d_direct.h"
#include "kernels/cuda/conv2d_weight_gradient.h"
#include "kernels/launch.h"
#include "kernels/max_pool.h"

namespace plait {
namespace {

using conv::Pixel;

constexpr int threads = 128, windows = conv::direct_pixels / 4;
constexpr int wanted_blocks = 8 * 132;
constexpr int ahead = 4;  // windows whose dy and byte are on their way at once

struct StemSums {
  conv::Images x, y;
  conv::PixelTiles tiles;  // of the convolution's output
  conv::Parts parts;
  device::Divisor channels;  // of x
  int pad = 0, tiles_a_part = 0;
};

// lanes: out-channels of a block; in_channels known, so that the sums have names.
template <int in_channels, int lanes, class T>
__global__ void __launch_bounds__(threads)
    stem_sums_kernel(StemSums q, const T* x, const std::uint8_t* argmax, const T* dy, float* parts) {
  constexpr int row = 3 * in_channels, terms = 3 * row, shares = threads / lanes;
  float* const patch = device::dynamic_shared<float>();
  const int lane = static_cast<int>(threadIdx.x) % lanes, share = static_cast<int>(threadIdx.x) / lanes;
  const int k = static_cast<int>(blockIdx.x) * lanes + lane;
  const int first = static_cast<int>(blockIdx.y) * q.tiles_a_part,
            end = std::min(first + q.tiles_a_part, q.tiles.count);
  const int patch_row = q.tiles.patch_wide.value() * in_channels;

  float sum[terms], bias = 0.0f;
  PLAIT_UNROLL
  for (int i = 0; i < terms; ++i) sum[i] = 0.0f;
  for (int tile = first; tile < end; ++tile) {
    const Pixel origin = q.tiles.origin(tile);
    __syncthreads();  // the last patch has been read
    conv::copy_view<threads, 1>(
        conv::patch_view(q.tiles, {origin.n, origin.h - q.pad, origin.w - q.pad}, 0, q.channels, in_channels), q.x, x,
        patch);
    device::async_commit();
    device::async_wait<0>();
    __syncthreads();
    for (int m = share; m < windows; m += ahead * shares) {
      float gradient[ahead];
      int where[ahead], corner[ahead];
      PLAIT_UNROLL
      for (int i = 0; i < ahead; ++i) {
        const Pixel at = q.tiles.window(m + i * shares);
        const int n = origin.n + at.n, h = (origin.h + at.h) / 2, w = (origin.w + at.w) / 2;
        corner[i] = ((at.n * q.tiles.patch_high.value() + at.h) * q.tiles.patch_wide.value() + at.w) * in_channels;
        gradient[i] = 0.0f, where[i] = Conv2dStemParams::no_gradient;
        if (n >= q.y.batch || h >= q.y.height || w >= q.y.width || k >= q.y.channels) continue;
        const std::int64_t image = std::int64_t{q.y.height} * q.y.width * q.y.channels;
        const std::int64_t offset = (std::int64_t{h} * q.y.width + w) * q.y.channels + k;
        gradient[i] = to_float(dy[n * q.y.stride + offset]);
        where[i] = argmax[n * image + offset];
      }
      PLAIT_UNROLL
      for (int i = 0; i < ahead; ++i) {
        if (where[i] >= Conv2dStemParams::no_gradient) continue;
        const float* const seen = patch + corner[i] + where[i] / 2 * patch_row + where[i] % 2 * in_channels;
        bias = bias + gradient[i];
        PLAIT_UNROLL
        for (int r = 0; r < 3; ++r) {
          PLAIT_UNROLL
          for (int j = 0; j < row; ++j) sum[r * row + j] = fmaf(seen[r * patch_row + j], gradient[i], sum[r * row + j]);
        }
      }
    }
  }

  float* const shared = patch;  // [share][term][lane]
  __syncthreads();
  PLAIT_UNROLL
  for (int i = 0; i < terms; ++i) shared[(share * (terms + 1) + i) * lanes + lane] = sum[i];
  shared[(share * (terms + 1) + terms) * lanes + lane] = bias;
  __syncthreads();
  float* const part = parts + blockIdx.y * q.parts.size;
  for (int e = static_cast<int>(threadIdx.x); e < (terms + 1) * lanes; e += threads) {
    float total = shared[e];
    PLAIT_UNROLL
    for (int s = 1; s < shares; ++s) total = total + shared[s * (terms + 1) * lanes + e];
    const int term = e / lanes, out = static_cast<int>(blockIdx.x) * lanes + e % lanes;
    if (out < q.y.channels) part[term < terms ? out * terms + term : q.y.channels * terms + out] = total;
  }
}

Conv2dParams convolution_of(const Conv2dStemParams& p) {
  const std::int64_t image = std::max<std::int64_t>(0, p.conv_height()) * std::max<std::int64_t>(0, p.conv_width());
  return {.batch = p.batch,
          .height = p.height,
          .width = p.width,
          .in_channels = p.in_channels,
          .out_channels = p.out_channels,
          .kernel_height = p.kernel_height,
          .kernel_width = p.kernel_width,
          .pad = p.pad,
          .x_stride = p.x_stride,
          .weight_stride = p.weight_stride,
          .y_stride = conv::round_up(image * p.out_channels, 8)};
}

bool has_registers_for(const Conv2dStemParams& p) {
  return p.kernel_height == 3 && p.kernel_width == 3 && p.in_channels >= 1 && p.in_channels <= 4 &&
         p.batch * (p.height + 2 * p.pad) * (p.width + 2 * p.pad) < std::int64_t{1} << 30;
}

StemSums plan_sums(const Conv2dStemParams& p) {
  StemSums q;
  const Conv2dParams convolution = convolution_of(p);
  q.x = conv::inputs(convolution), q.y = conv::outputs(convolution);
  q.y.height = static_cast<int>(p.out_height()), q.y.width = static_cast<int>(p.out_width());
  q.y.stride = p.y_stride;
  q.channels = device::Divisor(p.in_channels);
  q.pad = static_cast<int>(p.pad);
  q.parts = conv::Parts::of(9 * p.in_channels, p.out_channels, p.weight_stride);
  if (p.batch * p.out_height() * p.out_width() * p.out_channels == 0) return q;
  q.tiles = conv::choose_tiles(conv::direct_pixels, p.batch, 2 * p.out_height(), 2 * p.out_width(), 3, 3, 1);
  const int groups = static_cast<int>((p.out_channels + 31) / 32);
  const int parts = std::clamp(wanted_blocks / groups, 1, q.tiles.count);
  q.tiles_a_part = (q.tiles.count + parts - 1) / parts;
  q.parts.count = (q.tiles.count + q.tiles_a_part - 1) / q.tiles_a_part;
  return q;
}

template <class T>
void sum_windows(const StemSums& q, const T* x, const std::uint8_t* argmax, const T* dy, float* parts,
                 cudaStream_t stream) {
  const auto run = [&]<int in_channels, int lanes>(std::integral_constant<int, in_channels>,
                                                   std::integral_constant<int, lanes>) {
    const int elements = std::max(q.tiles.patch_pixels() * in_channels, threads * (9 * in_channels + 1));
    launch(stem_sums_kernel<in_channels, lanes, T>,
           dim3(blocks_for(q.y.channels, lanes), static_cast<unsigned>(q.parts.count)), threads,
           sizeof(float) * static_cast<std::size_t>(elements), stream, q, x, argmax, dy, parts);
  };
  const auto with_channels = [&]<int in_channels>(std::integral_constant<int, in_channels> known) {
    if (q.y.channels <= 16)
      run(known, std::integral_constant<int, 16>{});
    else
      run(known, std::integral_constant<int, 32>{});
  };
  if (q.x.channels == 1) with_channels(std::integral_constant<int, 1>{});
  if (q.x.channels == 2) with_channels(std::integral_constant<int, 2>{});
  if (q.x.channels == 3) with_channels(std::integral_constant<int, 3>{});
  if (q.x.channels == 4) with_channels(std::integral_constant<int, 4>{});
}

template <class T>
std::size_t spread_bytes(const Conv2dParams& p) {
  return static_cast<std::size_t>(conv::round_up(p.batch * p.y_stride * static_cast<std::int64_t>(sizeof(T)), 64));
}

}  // namespace

namespace gpu {

template <class T>
std::size_t conv2d_stem_workspace_bytes(const Conv2dStemParams& p, bool with_input_gradient) {
  if (!with_input_gradient && has_registers_for(p)) return std::max<std::size_t>(64, plan_sums(p).parts.bytes());
  const Conv2dParams convolution = convolution_of(p);
  return spread_bytes<T>(convolution) + conv2d_workspace_bytes<T>(convolution);
}

template <class T>
void conv2d_stem_backward(const Conv2dStemParams& p, const T* x, const T* weight, const std::uint8_t* argmax,
                          const T* dy, const Conv2dGradients<T>& gradients, void* workspace, cudaStream_t stream) {
  if (gradients.x.mode == GradMode::ignore && has_registers_for(p)) {
    if (gradients.weight.mode == GradMode::ignore && gradients.bias.mode == GradMode::ignore) return;
    const StemSums q = plan_sums(p);
    float* const parts = static_cast<float*>(workspace);
    if (q.parts.count > 0) sum_windows(q, x, argmax, dy, parts, stream);
    return conv::add_parts(q.parts, parts, gradients.weight, gradients.bias, stream);
  }
  const Conv2dParams convolution = convolution_of(p);
  T* const spread = static_cast<T*>(workspace);
  if (!conv::is_empty(convolution)) {
    const MaxPoolParams pool{.batch = p.batch,
                             .height = p.conv_height(),
                             .width = p.conv_width(),
                             .channels = p.out_channels,
                             .x_stride = convolution.y_stride,
                             .y_stride = p.y_stride};
    max_pool_backward<T>(pool, argmax, dy, {spread, GradMode::overwrite}, stream);
  }
  conv2d_backward<T>(convolution, x, weight, nullptr, spread, gradients,
                     static_cast<char*>(workspace) + spread_bytes<T>(convolution), stream);
}

template std::size_t conv2d_stem_workspace_bytes<float>(const Conv2dStemParams&, bool);
template std::size_t conv2d_stem_workspace_bytes<bf16>(const Conv2dStemParams&, bool);
template void conv2d_stem_backward<float>(const Conv2dStemParams&, const float*, const float*, const std::uint8_t*,
                                          const float*, const Conv2dGradients<float>&, void*, cudaStream_t);
template void conv2d_stem_backward<bf16>(const Conv2dStemParams&, const bf16*, const bf16*, const std::uint8_t*,
                                         const bf16*, const Conv2dGradients<bf16>&, void*, cudaStream_t);

}  // namespace gpu
}  // namespace plait
