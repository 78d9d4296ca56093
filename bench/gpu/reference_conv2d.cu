// References of convolutions and pooling.
#include "bench/gpu/reference.h"
#include "bench/gpu/samples.h"
#include "kernels/math/activation.h"

namespace plait::bench {
namespace {

template <class T>
struct ConvForward {
  Conv2dParams p;
  const T *x, *weight;
  const float* bias;
  const T* y;
  PLAIT_HD double expected(std::int64_t i) const {
    const std::int64_t width = p.width + 2 * p.pad - p.kernel_width + 1;
    const std::int64_t height = p.height + 2 * p.pad - p.kernel_height + 1;
    const std::int64_t k = i % p.out_channels, w = i / p.out_channels % width;
    const std::int64_t h = i / p.out_channels / width % height, n = i / p.out_channels / width / height;
    double sum = static_cast<double>(bias[k]);
    for (std::int64_t r = 0; r < p.kernel_height; ++r)
      for (std::int64_t s = 0; s < p.kernel_width; ++s) {
        const std::int64_t row = h + r - p.pad, column = w + s - p.pad;
        if (row < 0 || row >= p.height || column < 0 || column >= p.width) continue;
        for (std::int64_t c = 0; c < p.in_channels; ++c)
          sum += real(x[n * p.x_stride + (row * p.width + column) * p.in_channels + c]) *
                 real(weight[k * p.weight_stride + (r * p.kernel_width + s) * p.in_channels + c]);
      }
    return activate(p.activation, sum);
  }
  PLAIT_HD double actual(std::int64_t i) const { return real(y[i]); }
};

template <class T>
struct ConvInputGradient {
  Conv2dParams p;
  const T *weight, *dy, *dx;
  PLAIT_HD double expected(std::int64_t i) const {
    const std::int64_t width = p.width + 2 * p.pad - p.kernel_width + 1;
    const std::int64_t height = p.height + 2 * p.pad - p.kernel_height + 1;
    const std::int64_t c = i % p.in_channels, column = i / p.in_channels % p.width;
    const std::int64_t row = i / p.in_channels / p.width % p.height, n = i / p.in_channels / p.width / p.height;
    double sum = 0;
    for (std::int64_t r = 0; r < p.kernel_height; ++r)
      for (std::int64_t s = 0; s < p.kernel_width; ++s) {
        const std::int64_t h = row - r + p.pad, w = column - s + p.pad;
        if (h < 0 || h >= height || w < 0 || w >= width) continue;
        for (std::int64_t k = 0; k < p.out_channels; ++k)
          sum += real(dy[n * p.y_stride + (h * width + w) * p.out_channels + k]) *
                 real(weight[k * p.weight_stride + (r * p.kernel_width + s) * p.in_channels + c]);
      }
    return sum;
  }
  PLAIT_HD double actual(std::int64_t i) const { return real(dx[i]); }
};

template <class T>
struct ConvWeightGradient {
  Conv2dParams p;
  const T *x, *dy;
  const float* dweight;
  PLAIT_HD double expected(std::int64_t i) const {
    const std::int64_t width = p.width + 2 * p.pad - p.kernel_width + 1;
    const std::int64_t height = p.height + 2 * p.pad - p.kernel_height + 1;
    const std::int64_t taps = p.kernel_height * p.kernel_width * p.in_channels, k = i / taps, tap = i % taps;
    const std::int64_t c = tap % p.in_channels, s = tap / p.in_channels % p.kernel_width;
    const std::int64_t r = tap / p.in_channels / p.kernel_width;
    double sum = 0;
    for (std::int64_t n = 0; n < p.batch; ++n)
      for (std::int64_t h = 0; h < height; ++h)
        for (std::int64_t w = 0; w < width; ++w) {
          const std::int64_t row = h + r - p.pad, column = w + s - p.pad;
          if (row < 0 || row >= p.height || column < 0 || column >= p.width) continue;
          sum += real(dy[n * p.y_stride + (h * width + w) * p.out_channels + k]) *
                 real(x[n * p.x_stride + (row * p.width + column) * p.in_channels + c]);
        }
    return sum;
  }
  PLAIT_HD double actual(std::int64_t i) const {
    const std::int64_t taps = p.kernel_height * p.kernel_width * p.in_channels;
    return static_cast<double>(dweight[i / taps * p.weight_stride + i % taps]);
  }
};

template <class T>
struct PoolForward {
  MaxPoolParams p;
  const T *x, *y;
  PLAIT_HD double expected(std::int64_t i) const {
    const std::int64_t c = i % p.channels, w = i / p.channels % (p.width / 2);
    const std::int64_t h = i / p.channels / (p.width / 2) % (p.height / 2);
    const std::int64_t n = i / p.channels / (p.width / 2) / (p.height / 2);
    double best = -1e300;
    for (std::int64_t r = 0; r < 2; ++r)
      for (std::int64_t s = 0; s < 2; ++s) {
        const double v = real(x[n * p.x_stride + ((2 * h + r) * p.width + 2 * w + s) * p.channels + c]);
        if (v > best) best = v;
      }
    return best;
  }
  PLAIT_HD double actual(std::int64_t i) const { return real(y[i]); }
};

template <class T>
struct PoolBackward {
  MaxPoolParams p;
  const std::uint8_t* argmax;
  const T *dy, *dx;
  PLAIT_HD double expected(std::int64_t i) const {
    const std::int64_t c = i % p.channels, w = i / p.channels % p.width, h = i / p.channels / p.width % p.height;
    const std::int64_t n = i / p.channels / p.width / p.height;
    if (h / 2 >= p.height / 2 || w / 2 >= p.width / 2) return 0;
    const std::int64_t output = ((n * (p.height / 2) + h / 2) * (p.width / 2) + w / 2) * p.channels + c;
    return argmax[output] == h % 2 * 2 + w % 2 ? real(dy[output]) : 0.0;
  }
  PLAIT_HD double actual(std::int64_t i) const { return real(dx[i]); }
};

}  // namespace

template <class T>
double conv2d_forward_error(const Conv2dParams& p, const T* x, const T* weight, const float* bias, const T* y,
                            cudaStream_t stream) {
  return error_of(ConvForward<T>{p, x, weight, bias, y}, p.batch * p.y_stride, stream);
}

template <class T>
double conv2d_input_gradient_error(const Conv2dParams& p, const T* weight, const T* dy, const T* dx,
                                   cudaStream_t stream) {
  return error_of(ConvInputGradient<T>{p, weight, dy, dx}, p.batch * p.x_stride, stream);
}

template <class T>
double conv2d_weight_gradient_error(const Conv2dParams& p, const T* x, const T* dy, const float* dweight,
                                    cudaStream_t stream) {
  const std::int64_t taps = p.kernel_height * p.kernel_width * p.in_channels;
  return relative_error(sample(ConvWeightGradient<T>{p, x, dy, dweight}, p.out_channels * taps, stream, 8192));
}

template <class T>
double max_pool_forward_error(const MaxPoolParams& p, const T* x, const T* y, cudaStream_t stream) {
  return error_of(PoolForward<T>{p, x, y}, p.batch * p.y_stride, stream);
}

template <class T>
double max_pool_backward_error(const MaxPoolParams& p, const std::uint8_t* argmax, const T* dy, const T* dx,
                               cudaStream_t stream) {
  return error_of(PoolBackward<T>{p, argmax, dy, dx}, p.batch * p.x_stride, stream);
}

template double conv2d_forward_error<float>(const Conv2dParams&, const float*, const float*, const float*, const float*,
                                            cudaStream_t);
template double conv2d_input_gradient_error<float>(const Conv2dParams&, const float*, const float*, const float*,
                                                   cudaStream_t);
template double conv2d_weight_gradient_error<float>(const Conv2dParams&, const float*, const float*, const float*,
                                                    cudaStream_t);
template double max_pool_forward_error<float>(const MaxPoolParams&, const float*, const float*, cudaStream_t);
template double max_pool_backward_error<float>(const MaxPoolParams&, const std::uint8_t*, const float*, const float*,
                                               cudaStream_t);
template double conv2d_forward_error<bf16>(const Conv2dParams&, const bf16*, const bf16*, const float*, const bf16*,
                                           cudaStream_t);
template double conv2d_input_gradient_error<bf16>(const Conv2dParams&, const bf16*, const bf16*, const bf16*,
                                                  cudaStream_t);
template double conv2d_weight_gradient_error<bf16>(const Conv2dParams&, const bf16*, const bf16*, const float*,
                                                   cudaStream_t);
template double max_pool_forward_error<bf16>(const MaxPoolParams&, const bf16*, const bf16*, cudaStream_t);
template double max_pool_backward_error<bf16>(const MaxPoolParams&, const std::uint8_t*, const bf16*, const bf16*,
                                              cudaStream_t);

}  // namespace plait::bench
