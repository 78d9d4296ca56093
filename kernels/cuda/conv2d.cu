// Convolution, forward and input gradient: act(bias + correlation) and the correlation of dy, carried through the
// activation where it is read, with the mirrored window (conv2d_correlate.h). 2 n oh ow r s c k operations each.
//
// Bytes: x, y (dy, y, dx) once each, about 1.4 times where the patches overlap, the weights once a block from the
// second-level cache. Floors on an H100, bf16, batch 64: 28x28, 16 -> 32 channels 0.46 GFLOP, 4.8 MB: 1.6 us, memory;
// 56x56, 64 -> 64: 14.8 GFLOP, 51 MB: 20 us, tensor cores. mma.sync reaches about 60 % of what wgmma does; below 64
// channels the memory decides and it is enough. Float: 47 TFLOP/s decide from 16 channels on.
//
// Tiles: pixels x out-channels. 256 x 32 and 128 x 64 in bf16 (four warps of 64 x 32), 128 x 64 and 128 x 32 in float;
// smaller ones where these would leave multiprocessors without a block.
#include "kernels/conv2d.h"

#include "kernels/cuda/conv2d_chain.h"
#include "kernels/cuda/conv2d_correlate.h"
#include "kernels/cuda/conv2d_direct_forward.h"
#include "kernels/cuda/conv2d_tensor_core.h"
#include "kernels/cuda/conv2d_weight_gradient.h"
#include "kernels/gpu_runtime.h"
#include "kernels/launch.h"

namespace plait {
namespace {

using conv::Correlation;

constexpr std::int64_t multiprocessors =
    132;  // of an H100; a constant, as the choice of a tile is to be the same everywhere

template <class T>
struct Operands {
  const T *in, *in_outputs, *weight;
  const float* bias;
  T* out;
};

template <class Math, bool mirrored, int width, class T>
void run(Correlation q, const Operands<T>& t, cudaStream_t stream) {
  const std::size_t bytes = conv::plan_correlation<Math, mirrored>(q);
  if (bytes > conv::most_shared_bytes)
    throw gpu::Failure(gpu::Failure::Kind::other, "[conv2d] kernel too large for the shared memory");
  launch(conv::correlate_kernel<Math, mirrored, width, T>, static_cast<unsigned>(q.tiles.count * q.out_blocks.value()),
         Math::threads, bytes, stream, q, t.in, t.in_outputs, t.weight, t.bias, t.out);
}

template <bool mirrored>
void correlate(const Correlation& q, const Operands<float>& t, bool packed, cudaStream_t stream) {
  const std::int64_t pixels = std::int64_t{q.out.batch} * q.out.height * q.out.width;
  const bool narrow = q.out.channels <= 32;
  if (!packed) return run<conv::Chain<8, 4>, mirrored, 1>(q, t, stream);
  if (pixels * (narrow ? 1 : (q.out.channels + 63) / 64) < 128 * multiprocessors)
    return run<conv::Chain<4, 4>, mirrored, 4>(q, t, stream);
  if (narrow) return run<conv::Chain<8, 4>, mirrored, 4>(q, t, stream);
  run<conv::Chain<8, 8>, mirrored, 4>(q, t, stream);
}

template <bool mirrored>
void correlate(const Correlation& q, const Operands<bf16>& t, bool packed, cudaStream_t stream) {
  const std::int64_t pixels = std::int64_t{q.out.batch} * q.out.height * q.out.width;
  const bool narrow = q.out.channels <= 32;
  if (!packed) return run<conv::TensorCore<2, 2, 2>, mirrored, 1>(q, t, stream);
  if (narrow && pixels < 256 * multiprocessors) return run<conv::TensorCore<2, 2, 1>, mirrored, 8>(q, t, stream);
  if (narrow) return run<conv::TensorCore<4, 4, 1>, mirrored, 8>(q, t, stream);
  if (pixels * ((q.out.channels + 63) / 64) < 128 * multiprocessors)
    return run<conv::TensorCore<2, 2, 2>, mirrored, 8>(q, t, stream);
  run<conv::TensorCore<4, 2, 2>, mirrored, 8>(q, t, stream);
}

template <bool mirrored, class T>
void correlate_images(Correlation q, Operands<T> t, std::int64_t batch, cudaStream_t stream) {
  const auto packed_rows = [](const T* data, const conv::Images& images) {
    return data == nullptr || device::rows_are_packed(data, images.stride, images.channels);
  };
  const bool packed = packed_rows(t.in, q.in) && packed_rows(t.in_outputs, q.in) &&
                      device::rows_are_packed(t.weight, q.weight_stride, mirrored ? q.out.channels : q.in.channels);
  q.whole_packs_out = packed_rows(t.out, q.out);
  // So many images a launch that pixels can be counted in an int.
  const std::int64_t image =
      std::max<std::int64_t>({std::int64_t{q.in.height} * q.in.width, std::int64_t{q.out.height} * q.out.width, 1});
  const std::int64_t most = std::max<std::int64_t>(1, (std::int64_t{1} << 30) / image);
  for (std::int64_t n = 0; n < batch; n += most) {
    q.in.batch = q.out.batch = static_cast<int>(std::min(most, batch - n));
    correlate<mirrored>(q, t, packed, stream);
    t.in += most * q.in.stride, t.out += most * q.out.stride;
    if (t.in_outputs != nullptr) t.in_outputs += most * q.in.stride;
  }
}

}  // namespace

namespace gpu {

template <class T>
void conv2d_forward(const Conv2dParams& p, const T* x, const T* weight, const float* bias, T* y, void*,
                    cudaStream_t stream) {
  if (conv::is_empty(p)) return;
  if (conv::is_direct(p)) return conv::direct_forward(p, x, weight, bias, y, stream);
  Correlation q;
  q.in = conv::inputs(p), q.out = conv::outputs(p);
  q.taps_high = static_cast<int>(p.kernel_height), q.taps_wide = static_cast<int>(p.kernel_width);
  q.pad_top = q.pad_left = static_cast<int>(p.pad);
  q.weight_stride = p.weight_stride;
  q.out_activation = p.activation;
  correlate_images<false, T>(q, {x, nullptr, weight, bias, y}, p.batch, stream);
}

template <class T>
void conv2d_backward(const Conv2dParams& p, const T* x, const T* weight, const T* y, const T* dy,
                     const Conv2dGradients<T>& gradients, void* workspace, cudaStream_t stream) {
  conv::weight_gradient(p, x, y, dy, gradients.weight, gradients.bias, workspace, stream);
  if (gradients.x.mode == GradMode::ignore || p.batch == 0 || p.height * p.width * p.in_channels == 0) return;
  Correlation q;
  q.in = conv::outputs(p), q.out = conv::inputs(p);
  if (conv::is_empty(p)) q.in.height = q.in.width = q.in.channels = 0;  // no outputs: gradients are sums over nothing
  q.taps_high = static_cast<int>(p.kernel_height), q.taps_wide = static_cast<int>(p.kernel_width);
  q.pad_top = q.taps_high - 1 - static_cast<int>(p.pad), q.pad_left = q.taps_wide - 1 - static_cast<int>(p.pad);
  q.weight_stride = p.weight_stride;
  q.in_activation = p.activation;
  q.accumulate = gradients.x.mode == GradMode::accumulate;
  correlate_images<true, T>(
      q, {dy, p.activation == Activation::identity ? nullptr : y, weight, nullptr, gradients.x.data}, p.batch, stream);
}

template <class T>
std::size_t conv2d_workspace_bytes(const Conv2dParams& p) {
  return std::max<std::size_t>(64, conv::weight_gradient_workspace_bytes<T>(p));
}

template std::size_t conv2d_workspace_bytes<float>(const Conv2dParams&);
template std::size_t conv2d_workspace_bytes<bf16>(const Conv2dParams&);
template void conv2d_forward<float>(const Conv2dParams&, const float*, const float*, const float*, float*, void*,
                                    cudaStream_t);
template void conv2d_forward<bf16>(const Conv2dParams&, const bf16*, const bf16*, const float*, bf16*, void*,
                                   cudaStream_t);
template void conv2d_backward<float>(const Conv2dParams&, const float*, const float*, const float*, const float*,
                                     const Conv2dGradients<float>&, void*, cudaStream_t);
template void conv2d_backward<bf16>(const Conv2dParams&, const bf16*, const bf16*, const bf16*, const bf16*,
                                    const Conv2dGradients<bf16>&, void*, cudaStream_t);

}  // namespace gpu
}  // namespace plait
