// Convolution, plain loops: one chain of fused multiply-adds per output element.
#include "kernels/conv2d.h"

#include <cmath>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"

namespace plait::cpu {

template <class T>
std::size_t conv2d_workspace_bytes(const Conv2dParams& p) {
  return (static_cast<std::size_t>(p.batch * p.out_height() * p.out_width() * p.out_channels) * sizeof(T) + 63) / 64 *
         64;
}

template <class T>
void conv2d_forward(const Conv2dParams& p, const T* x, const T* weight, const T* bias, T* y, void*) {
  const std::int64_t oh = p.out_height(), ow = p.out_width(), C = p.in_channels, K = p.out_channels;
  parallel_for(p.batch * oh, 1, [&](std::int64_t begin, std::int64_t end) {
    with_isa([=] {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t n = row / oh, h = row % oh;
        for (std::int64_t w = 0; w < ow; ++w) {
          for (std::int64_t k = 0; k < K; ++k) {
            T sum = 0;
            for (std::int64_t r = 0; r < p.kernel_height; ++r) {
              for (std::int64_t s = 0; s < p.kernel_width; ++s) {
                const std::int64_t ih = h + r - p.pad, iw = w + s - p.pad;
                if (ih < 0 || ih >= p.height || iw < 0 || iw >= p.width) continue;
                const T* a = x + n * p.x_stride + (ih * p.width + iw) * C;
                const T* b = weight + k * p.weight_stride + (r * p.kernel_width + s) * C;
                for (std::int64_t c = 0; c < C; ++c) sum = std::fma(a[c], b[c], sum);
              }
            }
            if (bias != nullptr) sum += bias[k];
            y[n * p.y_stride + (h * ow + w) * K + k] = activate(p.activation, sum);
          }
        }
      }
    });
  });
}

template <class T>
void conv2d_backward(const Conv2dParams& p, const T* x, const T* weight, const T* y, const T* dy,
                     const Conv2dGradients<T>& g, void* workspace) {
  const std::int64_t oh = p.out_height(), ow = p.out_width(), C = p.in_channels, K = p.out_channels;
  const std::int64_t image = oh * ow * K;
  T* dz = static_cast<T*>(workspace);
  for (std::int64_t n = 0; n < p.batch; ++n) {
    for (std::int64_t e = 0; e < image; ++e) {
      const T v = dy[n * p.y_stride + e];
      dz[n * image + e] =
          p.activation == Activation::identity ? v : activation_gradient(p.activation, y[n * p.y_stride + e], v);
    }
  }
  if (g.bias.mode != GradMode::ignore) {
    for (std::int64_t k = 0; k < K; ++k) {
      T sum = g.bias.mode == GradMode::accumulate ? g.bias.data[k] : T(0);
      for (std::int64_t e = 0; e < p.batch * oh * ow; ++e) sum += dz[e * K + k];
      g.bias.data[k] = sum;
    }
  }
  if (g.weight.mode != GradMode::ignore) {
    parallel_for(K * p.kernel_height * p.kernel_width, 1, [&](std::int64_t begin, std::int64_t end) {
      with_isa([=] {
        for (std::int64_t e = begin; e < end; ++e) {
          const std::int64_t k = e / (p.kernel_height * p.kernel_width);
          const std::int64_t tap = e % (p.kernel_height * p.kernel_width);
          const std::int64_t r = tap / p.kernel_width, s = tap % p.kernel_width;
          T* out = g.weight.data + k * p.weight_stride + tap * C;
          if (g.weight.mode == GradMode::overwrite) {
            for (std::int64_t c = 0; c < C; ++c) out[c] = 0;
          }
          for (std::int64_t n = 0; n < p.batch; ++n) {
            for (std::int64_t h = 0; h < oh; ++h) {
              for (std::int64_t w = 0; w < ow; ++w) {
                const std::int64_t ih = h + r - p.pad, iw = w + s - p.pad;
                if (ih < 0 || ih >= p.height || iw < 0 || iw >= p.width) continue;
                const T d = dz[n * image + (h * ow + w) * K + k];
                const T* a = x + n * p.x_stride + (ih * p.width + iw) * C;
                for (std::int64_t c = 0; c < C; ++c) out[c] = std::fma(d, a[c], out[c]);
              }
            }
          }
        }
      });
    });
  }
  if (g.x.mode != GradMode::ignore) {
    parallel_for(p.batch * p.height, 1, [&](std::int64_t begin, std::int64_t end) {
      with_isa([=] {
        for (std::int64_t row = begin; row < end; ++row) {
          const std::int64_t n = row / p.height, h = row % p.height;
          for (std::int64_t w = 0; w < p.width; ++w) {
            T* out = g.x.data + n * p.x_stride + (h * p.width + w) * C;
            if (g.x.mode == GradMode::overwrite) {
              for (std::int64_t c = 0; c < C; ++c) out[c] = 0;
            }
            for (std::int64_t r = 0; r < p.kernel_height; ++r) {
              for (std::int64_t s = 0; s < p.kernel_width; ++s) {
                const std::int64_t yh = h - r + p.pad, yw = w - s + p.pad;
                if (yh < 0 || yh >= oh || yw < 0 || yw >= ow) continue;
                for (std::int64_t k = 0; k < K; ++k) {
                  const T d = dz[n * image + (yh * ow + yw) * K + k];
                  const T* b = weight + k * p.weight_stride + (r * p.kernel_width + s) * C;
                  for (std::int64_t c = 0; c < C; ++c) out[c] = std::fma(d, b[c], out[c]);
                }
              }
            }
          }
        }
      });
    });
  }
}

template std::size_t conv2d_workspace_bytes<float>(const Conv2dParams&);
template std::size_t conv2d_workspace_bytes<double>(const Conv2dParams&);
template void conv2d_forward(const Conv2dParams&, const float*, const float*, const float*, float*, void*);
template void conv2d_forward(const Conv2dParams&, const double*, const double*, const double*, double*, void*);
template void conv2d_backward(const Conv2dParams&, const float*, const float*, const float*, const float*,
                              const Conv2dGradients<float>&, void*);
template void conv2d_backward(const Conv2dParams&, const double*, const double*, const double*, const double*,
                              const Conv2dGradients<double>&, void*);

}  // namespace plait::cpu
