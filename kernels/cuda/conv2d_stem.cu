// y = 2x2 max-pool of act(conv(x) + bias) with a byte of argmax an output, and the plain convolution of few
// in-channels. Fused: convolution, bias, activation, pooling (conv2d_direct.h). 2 r s c k operations a pixel; x is read
// once (1.1 times), y and the bytes are written once: 4 x 4 + 5 B a window and channel less than convolution and
// pooling apart.
//
// Floors on an H100, batch 32, 224x224, 3 -> 32 channels, bf16: x 10, y 26, argmax 13 MB: 16 us (the convolution's
// output alone would take 34 us to write and as long to read again); 2.8 GFLOP: 4 us on the tensor cores, 60 us in
// float.
#include "kernels/conv2d_stem.h"

#include "kernels/cuda/conv2d_direct.h"
#include "kernels/cuda/conv2d_direct_forward.h"
#include "kernels/cuda/conv2d_weight_gradient.h"
#include "kernels/gpu_failure.h"
#include "kernels/launch.h"

namespace plait {
namespace {

using conv::Direct;

template <class Math, bool pooled, class T>
void run(Direct q, const T* x, const T* weight, const float* bias, T* y, std::uint8_t* argmax, cudaStream_t stream) {
  constexpr int unit = Math::lane_channels;
  constexpr std::int64_t alignment = std::min<std::int64_t>(16, unit * sizeof(T));
  q.whole_units = q.y.channels % unit == 0 && reinterpret_cast<std::uintptr_t>(y) % alignment == 0 &&
                  q.y.stride * static_cast<std::int64_t>(sizeof(T)) % alignment == 0 &&
                  reinterpret_cast<std::uintptr_t>(argmax) % unit == 0;
  q.blocks = device::Divisor((q.y.channels + Math::channels - 1) / Math::channels);
  q.weights_at = static_cast<int>(
      conv::round_up(q.tiles.patch_pixels() * q.x.channels * static_cast<std::int64_t>(sizeof(T)), 16));
  const std::size_t bytes = static_cast<std::size_t>(
      q.weights_at + (std::is_same_v<T, float> ? q.terms * Math::channels * static_cast<int>(sizeof(float)) : 0));
  launch(conv::direct_kernel<Math, pooled, T>, static_cast<unsigned>(q.tiles.count * q.blocks.value()),
         conv::direct_threads, bytes, stream, q, x, weight, bias, y, argmax);
}

template <bool pooled>
void convolve(const Direct& q, const float* x, const float* weight, const float* bias, float* y, std::uint8_t* argmax,
              cudaStream_t stream) {
  if (q.y.channels <= 16)
    run<conv::DirectChain<2>, pooled>(q, x, weight, bias, y, argmax, stream);
  else
    run<conv::DirectChain<4>, pooled>(q, x, weight, bias, y, argmax, stream);
}

template <bool pooled>
void convolve(const Direct& q, const bf16* x, const bf16* weight, const float* bias, bf16* y, std::uint8_t* argmax,
              cudaStream_t stream) {
  const auto with_depth = [&]<int depth>(std::integral_constant<int, depth>) {
    if (q.y.channels <= 16)
      run<conv::DirectTensorCore<2, depth>, pooled>(q, x, weight, bias, y, argmax, stream);
    else
      run<conv::DirectTensorCore<4, depth>, pooled>(q, x, weight, bias, y, argmax, stream);
  };
  if (q.terms <= 16) return with_depth(std::integral_constant<int, 1>{});
  if (q.terms <= 32) return with_depth(std::integral_constant<int, 2>{});
  with_depth(std::integral_constant<int, 4>{});
}

Conv2dParams convolution_of(const Conv2dStemParams& p) {
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
          .y_stride = p.y_stride,
          .activation = p.activation};
}

// `high` x `wide` pixels of the convolution's output are computed.
Direct describe(const Conv2dParams& p, std::int64_t high, std::int64_t wide) {
  Direct q;
  q.x = conv::inputs(p), q.y = conv::outputs(p);
  q.taps_row = static_cast<int>(p.kernel_width * p.in_channels);
  q.terms = static_cast<int>(p.kernel_height) * q.taps_row;
  q.pad = static_cast<int>(p.pad);
  q.weight_stride = p.weight_stride;
  q.activation = p.activation;
  q.channels = device::Divisor(p.in_channels);
  q.tiles = conv::choose_tiles(conv::direct_pixels, p.batch, high, wide, p.kernel_height, p.kernel_width, 1);
  return q;
}

bool fits_a_launch(std::int64_t batch, std::int64_t high, std::int64_t wide) {
  return batch * std::max<std::int64_t>(1, high) * std::max<std::int64_t>(1, wide) < std::int64_t{1} << 30;
}

}  // namespace

namespace conv {

bool is_direct(const Conv2dParams& p) {
  return p.in_channels >= 1 && p.in_channels <= 4 && p.kernel_height * p.kernel_width * p.in_channels <= 64 &&
         fits_a_launch(p.batch, p.height + 2 * p.pad, p.width + 2 * p.pad);
}

template <class T>
void direct_forward(const Conv2dParams& p, const T* x, const T* weight, const float* bias, T* y, cudaStream_t stream) {
  convolve<false>(describe(p, p.out_height(), p.out_width()), x, weight, bias, y, nullptr, stream);
}

template void direct_forward<float>(const Conv2dParams&, const float*, const float*, const float*, float*,
                                    cudaStream_t);
template void direct_forward<bf16>(const Conv2dParams&, const bf16*, const bf16*, const float*, bf16*, cudaStream_t);

}  // namespace conv

namespace gpu {

template <class T>
void conv2d_stem_forward(const Conv2dStemParams& p, const T* x, const T* weight, const float* bias, T* y,
                         std::uint8_t* argmax, cudaStream_t stream) {
  if (!is_stem(p))
    throw Failure(Failure::Kind::other, "[conv2d_stem] 1 to 4 in-channels, identity or ReLU, at most 64 weights");
  const std::int64_t high = p.out_height(), wide = p.out_width(), image = high * wide * p.out_channels;
  if (p.batch == 0 || image == 0) return;
  const std::int64_t most =
      std::max<std::int64_t>(1, (std::int64_t{1} << 29) / (p.height * p.width));  // images a launch
  for (std::int64_t n = 0; n < p.batch; n += most) {
    Conv2dParams some = convolution_of(p);
    some.batch = std::min(most, p.batch - n);
    Direct q = describe(some, 2 * high, 2 * wide);
    q.y.height = static_cast<int>(high), q.y.width = static_cast<int>(wide);
    convolve<true>(q, x + n * p.x_stride, weight, bias, y + n * p.y_stride, argmax + n * image, stream);
  }
}

template void conv2d_stem_forward<float>(const Conv2dStemParams&, const float*, const float*, const float*, float*,
                                         std::uint8_t*, cudaStream_t);
template void conv2d_stem_forward<bf16>(const Conv2dStemParams&, const bf16*, const bf16*, const float*, bf16*,
                                        std::uint8_t*, cudaStream_t);

}  // namespace gpu
}  // namespace plait
