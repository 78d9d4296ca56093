// A handful of logits a patient: clarity first, in double, one patient after the other.
#include "kernels/late_mean.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/parallel.h"

namespace plait::cpu {
namespace {

// log sum exp of values met one by one, without overflow.
class LogSum {
 public:
  void add(double x) {
    if (x > largest_)
      sum_ = sum_ * std::exp(largest_ - x) + 1.0, largest_ = x;
    else
      sum_ += std::exp(x - largest_);
  }
  double value() const { return largest_ + std::log(sum_); }

 private:
  double largest_ = -INFINITY, sum_ = 0.0;
};

double log_sigmoid(double x) {
  return std::min(x, 0.0) - std::log1p(std::exp(-std::fabs(x)));
}

template <class T>
struct Row {
  const LateMeanParams& p;
  const EmbeddingPointers<T>& logits;
  ModalityMask mask;
  std::int64_t b;

  // f(m, the logits of tower m) for every present tower.
  template <class F>
  void each(const F& f) const {
    for (int m = 0; m < p.modalities; ++m)
      if (has_modality(mask, m)) f(m, logits[static_cast<std::size_t>(m)] + b * p.logits_stride);
  }
};

template <class T>
void mean_of_probabilities(const Row<T>& row, T* y) {
  const LateMeanParams& p = row.p;
  if (p.link == HeadLink::softmax) {
    std::array<double, max_modalities> normaliser{};
    row.each([&](int m, const T* l) {
      LogSum sum;
      for (std::int64_t c = 0; c < p.columns; ++c) sum.add(static_cast<double>(l[c]));
      normaliser[static_cast<std::size_t>(m)] = sum.value();
    });
    const double log_count = std::log(count_modalities(row.mask));
    for (std::int64_t c = 0; c < p.columns; ++c) {
      LogSum sum;
      row.each(
          [&](int m, const T* l) { sum.add(static_cast<double>(l[c]) - normaliser[static_cast<std::size_t>(m)]); });
      y[c] = static_cast<T>(sum.value() - log_count);
    }
    return;
  }
  for (std::int64_t c = 0; c < p.columns; ++c) {
    LogSum yes, no;
    row.each([&](int, const T* l) {
      yes.add(log_sigmoid(static_cast<double>(l[c])));
      no.add(log_sigmoid(-static_cast<double>(l[c])));
    });
    y[c] = static_cast<T>(yes.value() - no.value());
  }
}

template <class T>
void weighted_mean(const Row<T>& row, const std::array<double, max_modalities>& weight, double scale, T* y) {
  double total = 0.0;
  row.each([&](int m, const T*) { total += weight[static_cast<std::size_t>(m)]; });
  for (std::int64_t c = 0; c < row.p.columns; ++c) {
    double sum = 0.0;
    row.each([&](int m, const T* l) { sum += weight[static_cast<std::size_t>(m)] * static_cast<double>(l[c]); });
    y[c] = static_cast<T>(scale * sum / total);
  }
}

}  // namespace

template <class T>
void late_mean(const LateMeanParams& p, const EmbeddingPointers<T>& logits, const ModalityMask* present, const T* v,
               const T* log_scale, T* y) {
  std::array<double, max_modalities> weight;
  weight.fill(1.0);
  double scale = 1.0;
  if (p.mean == LateMean::stacked) {
    const T largest = *std::max_element(v, v + p.modalities);
    for (int m = 0; m < p.modalities; ++m)
      weight[static_cast<std::size_t>(m)] = std::exp(static_cast<double>(v[m] - largest));
    scale = std::exp(static_cast<double>(*log_scale));
  }
  const bool probabilities = p.mean == LateMean::probability && p.link != HeadLink::identity;
  const std::int64_t grain = 512 / std::max<std::int64_t>(1, p.columns) + 1;
  parallel_for(p.batch, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      const auto mask = static_cast<ModalityMask>(present[b] & ((1u << p.modalities) - 1u));
      const Row<T> row{p, logits, mask, b};
      T* out = y + b * p.y_stride;
      if (mask == 0)
        std::fill_n(out, p.columns, T(0));
      else if (probabilities)
        mean_of_probabilities(row, out);
      else
        weighted_mean(row, weight, scale, out);
    }
  });
}

template void late_mean(const LateMeanParams&, const EmbeddingPointers<float>&, const ModalityMask*, const float*,
                        const float*, float*);
template void late_mean(const LateMeanParams&, const EmbeddingPointers<double>&, const ModalityMask*, const double*,
                        const double*, double*);

}  // namespace plait::cpu
