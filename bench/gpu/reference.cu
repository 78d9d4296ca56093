// References of products, losses, the optimizer, sums and rows.
#include "bench/gpu/reference.h"

#include "bench/gpu/samples.h"
#include "kernels/math/activation.h"

namespace plait::bench {
namespace {

template <class T, class Out>
struct Product {
  gpu::GemmParams p;
  const T *a, *b;
  const float* bias;
  const Out *y, *c;
  PLAIT_HD double expected(std::int64_t i) const {
    const std::int64_t row = i / p.n, column = i % p.n;
    double sum = 0;
    for (std::int64_t k = 0; k < p.k; ++k)
      sum += real(a[p.a_transposed ? k * p.a_stride + row : row * p.a_stride + k]) *
             real(b[p.b_transposed ? column * p.b_stride + k : k * p.b_stride + column]);
    if (bias != nullptr) sum += static_cast<double>(bias[column]);
    if (y != nullptr) return activation_gradient(p.activation, real(y[row * p.y_stride + column]), sum);
    return activate(p.activation, sum);
  }
  PLAIT_HD double actual(std::int64_t i) const { return real(c[i / p.n * p.c_stride + i % p.n]); }
};

template <class T>
struct LossElement {
  Loss loss;
  LossParams p;
  const T* x;
  const float* targets;
  const std::int32_t* classes;
  const T* gradient;
  PLAIT_HD double log_sum(std::int64_t row) const {
    double top = -1e300, sum = 0;
    for (std::int64_t j = 0; j < p.columns; ++j) top = fmax(top, real(x[row * p.stride + j]));
    for (std::int64_t j = 0; j < p.columns; ++j) sum += exp(real(x[row * p.stride + j]) - top);
    return top + log(sum);
  }
  PLAIT_HD double expected(std::int64_t i) const {
    const std::int64_t row = i / p.columns, j = i % p.columns;
    const double v = real(x[row * p.stride + j]), scale = p.coefficient / static_cast<double>(p.batch);
    if (loss == Loss::softmax_cross_entropy) return scale * (exp(v - log_sum(row)) - (classes[row] == j ? 1.0 : 0.0));
    const double target = static_cast<double>(targets[i]), each = scale / static_cast<double>(p.columns);
    return loss == Loss::squared_error ? each * 2.0 * (v - target) : each * (1.0 / (1.0 + exp(-v)) - target);
  }
  PLAIT_HD double actual(std::int64_t i) const { return real(gradient[i / p.columns * p.stride + i % p.columns]); }
};

// One patient's loss.
template <class T>
struct LossOfRow {
  LossElement<T> e;
  PLAIT_HD double expected(std::int64_t row) const {
    if (e.loss == Loss::softmax_cross_entropy) return e.log_sum(row) - real(e.x[row * e.p.stride + e.classes[row]]);
    double sum = 0;
    for (std::int64_t j = 0; j < e.p.columns; ++j) {
      const double v = real(e.x[row * e.p.stride + j]);
      const double target = static_cast<double>(e.targets[row * e.p.columns + j]);
      sum += e.loss == Loss::squared_error ? (v - target) * (v - target)
                                           : fmax(v, 0.0) - v * target + log1p(exp(-fabs(v)));
    }
    return sum / static_cast<double>(e.p.columns);
  }
  PLAIT_HD double actual(std::int64_t) const { return 0; }
};

// i counts weights, then first, then second moments.
struct AdamElement {
  AdamParams p;
  StepScalars scalars;
  AdamState before, after;
  PLAIT_HD double expected(std::int64_t i) const {
    const std::int64_t j = i % p.count;
    const double g = static_cast<double>(before.gradients[j]) * static_cast<double>(scalars.gradient_scale);
    const double m = p.beta1 * static_cast<double>(before.first_moment[j]) + (1 - p.beta1) * g;
    const double v = p.beta2 * static_cast<double>(before.second_moment[j]) + (1 - p.beta2) * g * g;
    if (i >= 2 * p.count) return v;
    if (i >= p.count) return m;
    const double t = static_cast<double>(scalars.step) + 1, rate = static_cast<double>(scalars.learning_rate);
    double w = static_cast<double>(before.weights[j]);
    if (j < p.decayed) w -= rate * 2 * p.decoupled_l2 * w;
    return w - rate * (m / (1 - pow(p.beta1, t))) / (sqrt(v / (1 - pow(p.beta2, t))) + p.epsilon);
  }
  PLAIT_HD double actual(std::int64_t i) const {
    const std::int64_t j = i % p.count;
    return static_cast<double>((i >= 2 * p.count ? after.second_moment
                                : i >= p.count   ? after.first_moment
                                                 : after.weights)[j]);
  }
};

template <class T>
struct ColumnSum {
  std::int64_t rows, columns;
  const T* x;
  const float* sums;
  PLAIT_HD double expected(std::int64_t j) const {
    double sum = 0;
    for (std::int64_t i = 0; i < rows; ++i) sum += real(x[i * columns + j]);
    return sum;
  }
  PLAIT_HD double actual(std::int64_t j) const { return static_cast<double>(sums[j]); }
};

template <class T>
struct ReluGradient {
  const T *y, *dy, *dz;
  PLAIT_HD double expected(std::int64_t i) const { return real(y[i]) > 0 ? real(dy[i]) : 0.0; }
  PLAIT_HD double actual(std::int64_t i) const { return real(dz[i]); }
};

// The sum of one of 4096 stretches.
struct Stretch {
  std::int64_t count;
  const float* x;
  bool squares;
  PLAIT_HD double expected(std::int64_t part) const {
    double sum = 0;
    for (std::int64_t i = count * part / 4096; i < count * (part + 1) / 4096; ++i) {
      const double v = static_cast<double>(x[i]);
      sum += squares ? v * v : v;
    }
    return sum;
  }
  PLAIT_HD double actual(std::int64_t) const { return 0; }
};

template <class T>
struct Scaled {
  double scale;
  const T *x, *y;
  PLAIT_HD double expected(std::int64_t i) const { return real(y[i]) == 0 ? 0 : scale * real(x[i]); }
  PLAIT_HD double actual(std::int64_t i) const { return real(y[i]); }
};

struct Rounded {
  const float* x;
  const bf16* copy;
  PLAIT_HD double expected(std::int64_t i) const { return real(to_bf16(x[i])); }
  PLAIT_HD double actual(std::int64_t i) const { return real(copy[i]); }
};

struct Gathered {
  GatherOperands o;
  const bf16* y;
  PLAIT_HD double expected(std::int64_t i) const {
    const std::int64_t b = i / o.columns, j = i % o.columns;
    if (o.index[b] < 0) return 0;
    const float v = o.source[o.index[b] * o.columns + j];
    return (static_cast<double>(v != v ? o.fill[j] : v) - static_cast<double>(o.mean[j])) *
           static_cast<double>(o.scale[j]);
  }
  PLAIT_HD double actual(std::int64_t i) const { return real(y[i]); }
};

double value_error(const double* value, double expected, cudaStream_t stream) {
  double actual = NAN;
  gpu::copy_to_host(&actual, value, sizeof actual, stream);
  gpu::synchronize(stream);
  return std::fabs(actual - expected) / std::fabs(expected);
}

double total(const std::vector<Pair>& pairs) {
  double sum = 0;
  for (const Pair& p : pairs) sum += p.expected;
  return sum;
}

}  // namespace

template <class T, class Out>
double product_error(const gpu::GemmParams& p, const T* a, const T* b, const float* bias, const Out* y, const Out* c,
                     cudaStream_t stream) {
  return error_of(Product<T, Out>{p, a, b, bias, y, c}, p.m * p.n, stream);
}

template <class T>
double loss_error(Loss loss, const LossParams& p, const T* x, const float* targets, const std::int32_t* classes,
                  const T* gradient, const double* value, cudaStream_t stream) {
  const LossElement<T> element{loss, p, x, targets, classes, gradient};
  const double sum = total(sample(LossOfRow<T>{element}, p.batch, stream, p.batch));
  return worse(error_of(element, p.batch * p.columns, stream),
               value_error(value, sum / static_cast<double>(p.batch), stream));
}

double adam_error(const AdamParams& p, const StepScalars& scalars, const AdamState& before, const AdamState& after,
                  cudaStream_t stream) {
  return error_of(AdamElement{p, scalars, before, after}, 3 * p.count, stream);
}

template <class T>
double column_sums_error(std::int64_t rows, std::int64_t columns, const T* x, const float* sums, cudaStream_t stream) {
  return error_of(ColumnSum<T>{rows, columns, x, sums}, columns, stream);
}

template <class T>
double relu_gradient_error(std::int64_t count, const T* y, const T* dy, const T* dz, cudaStream_t stream) {
  return error_of(ReluGradient<T>{y, dy, dz}, count, stream);
}

double sum_error(std::int64_t count, const float* x, bool squares, const double* value, cudaStream_t stream) {
  return value_error(value, total(sample(Stretch{count, x, squares}, 4096, stream)), stream);
}

template <class T>
double scaled_error(std::int64_t count, double scale, const T* x, const T* y, cudaStream_t stream) {
  return error_of(Scaled<T>{scale, x, y}, count, stream);
}

double rounded_error(std::int64_t count, const float* x, const bf16* copy, cudaStream_t stream) {
  return error_of(Rounded{x, copy}, count, stream);
}

double gather_error(const GatherOperands& o, const bf16* y, cudaStream_t stream) {
  return error_of(Gathered{o, y}, o.batch * o.columns, stream);
}

template double product_error<float, float>(const gpu::GemmParams&, const float*, const float*, const float*,
                                            const float*, const float*, cudaStream_t);
template double product_error<bf16, bf16>(const gpu::GemmParams&, const bf16*, const bf16*, const float*, const bf16*,
                                          const bf16*, cudaStream_t);
template double product_error<bf16, float>(const gpu::GemmParams&, const bf16*, const bf16*, const float*, const float*,
                                           const float*, cudaStream_t);

template double loss_error<float>(Loss, const LossParams&, const float*, const float*, const std::int32_t*,
                                  const float*, const double*, cudaStream_t);
template double column_sums_error<float>(std::int64_t, std::int64_t, const float*, const float*, cudaStream_t);
template double relu_gradient_error<float>(std::int64_t, const float*, const float*, const float*, cudaStream_t);
template double scaled_error<float>(std::int64_t, double, const float*, const float*, cudaStream_t);
template double loss_error<bf16>(Loss, const LossParams&, const bf16*, const float*, const std::int32_t*, const bf16*,
                                 const double*, cudaStream_t);
template double column_sums_error<bf16>(std::int64_t, std::int64_t, const bf16*, const float*, cudaStream_t);
template double relu_gradient_error<bf16>(std::int64_t, const bf16*, const bf16*, const bf16*, cudaStream_t);
template double scaled_error<bf16>(std::int64_t, double, const bf16*, const bf16*, cudaStream_t);

}  // namespace plait::bench
