// Dense layer, plain loops: one chain of fused multiply-adds per output element.
#include "kernels/dense.h"

#include <cmath>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"

namespace plait::cpu {

template <class T>
std::size_t dense_workspace_bytes(const DenseParams& p) {
  return (static_cast<std::size_t>(p.batch * p.out) * sizeof(T) + 63) / 64 * 64;
}

template <class T>
void dense_forward(const DenseParams& p, const T* x, const T* weight, const T* bias, T* y, void*) {
  parallel_for(p.batch * p.out, 1, [&](std::int64_t begin, std::int64_t end) {
    with_isa([=] {
      for (std::int64_t e = begin; e < end; ++e) {
        const std::int64_t b = e / p.out, o = e % p.out;
        T sum = 0;
        for (std::int64_t k = 0; k < p.in; ++k) {
          sum = std::fma(x[b * p.x_stride + k], weight[o * p.weight_stride + k], sum);
        }
        if (bias != nullptr) sum += bias[o];
        y[b * p.y_stride + o] = activate(p.activation, sum);
      }
    });
  });
}

template <class T>
void dense_backward(const DenseParams& p, const T* x, const T* weight, const T* y, const T* dy,
                    const DenseGradients<T>& g, void* workspace) {
  T* dz = static_cast<T*>(workspace);
  for (std::int64_t b = 0; b < p.batch; ++b) {
    for (std::int64_t o = 0; o < p.out; ++o) {
      const T v = dy[b * p.y_stride + o];
      dz[b * p.out + o] =
          p.activation == Activation::identity ? v : activation_gradient(p.activation, y[b * p.y_stride + o], v);
    }
  }
  if (g.bias.mode != GradMode::ignore) {
    for (std::int64_t o = 0; o < p.out; ++o) {
      T sum = g.bias.mode == GradMode::accumulate ? g.bias.data[o] : T(0);
      for (std::int64_t b = 0; b < p.batch; ++b) sum += dz[b * p.out + o];
      g.bias.data[o] = sum;
    }
  }
  if (g.weight.mode != GradMode::ignore) {
    parallel_for(p.out, 1, [&](std::int64_t begin, std::int64_t end) {
      with_isa([=] {
        for (std::int64_t o = begin; o < end; ++o) {
          T* row = g.weight.data + o * p.weight_stride;
          if (g.weight.mode == GradMode::overwrite) {
            for (std::int64_t i = 0; i < p.in; ++i) row[i] = 0;
          }
          for (std::int64_t b = 0; b < p.batch; ++b) {
            const T d = dz[b * p.out + o];
            for (std::int64_t i = 0; i < p.in; ++i) row[i] = std::fma(d, x[b * p.x_stride + i], row[i]);
          }
        }
      });
    });
  }
  if (g.x.mode != GradMode::ignore) {
    parallel_for(p.batch, 1, [&](std::int64_t begin, std::int64_t end) {
      with_isa([=] {
        for (std::int64_t b = begin; b < end; ++b) {
          T* row = g.x.data + b * p.x_stride;
          if (g.x.mode == GradMode::overwrite) {
            for (std::int64_t i = 0; i < p.in; ++i) row[i] = 0;
          }
          for (std::int64_t o = 0; o < p.out; ++o) {
            const T d = dz[b * p.out + o];
            for (std::int64_t i = 0; i < p.in; ++i) row[i] = std::fma(d, weight[o * p.weight_stride + i], row[i]);
          }
        }
      });
    });
  }
}

template std::size_t dense_workspace_bytes<float>(const DenseParams&);
template std::size_t dense_workspace_bytes<double>(const DenseParams&);
template void dense_forward(const DenseParams&, const float*, const float*, const float*, float*, void*);
template void dense_forward(const DenseParams&, const double*, const double*, const double*, double*, void*);
template void dense_backward(const DenseParams&, const float*, const float*, const float*, const float*,
                             const DenseGradients<float>&, void*);
template void dense_backward(const DenseParams&, const double*, const double*, const double*, const double*,
                             const DenseGradients<double>&, void*);

}  // namespace plait::cpu
