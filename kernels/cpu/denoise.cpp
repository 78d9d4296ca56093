// Corruption: one read and one write a cell, the noise drawn in registers. Reconstruction loss and its gradient in one
// visit to a row: x_hat and x from memory once (and one byte a cell where holes are marked); 12 to 13 B per cell.
#include "kernels/denoise.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/grad_store.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/ordered_sum.h"
#include "kernels/cpu/patient_losses.h"
#include "kernels/cpu/random_words.h"
#include "kernels/math/elementary.h"

namespace plait::cpu {
namespace {

// Standard normal numbers from the words of one tile, a cosine and a sine a pair (Box-Muller).
void gaussians(const std::uint32_t* words, float* noise) {
  for (std::int64_t i = 0; i < random_tile / 2; ++i) {
    const float u1 = static_cast<float>((words[2 * i] >> 8) + 1) * 0x1p-24f;
    const float radius = std::sqrt(-2.0f * logarithm(u1));
    const SineCosine turn = sine_cosine_of_turns(random_uniform(words[2 * i + 1]));
    noise[2 * i] = radius * turn.cosine;
    noise[2 * i + 1] = radius * turn.sine;
  }
}

template <class T>
void corrupt_tile(const CorruptParams& p, const std::uint32_t* words, std::int64_t length, const T* x, T* y) {
  if (p.noise == Noise::mask) {
    const Bernoulli gone(p.rate);
    for (std::int64_t c = 0; c < length; ++c) {
      const T value = x[c];
      y[c] = gone(words[c]) ? T(0) : value;
    }
    return;
  }
  float noise[random_tile];
  gaussians(words, noise);
  const T sigma = static_cast<T>(p.sigma);
  for (std::int64_t c = 0; c < length; ++c) y[c] = x[c] + sigma * static_cast<T>(noise[c]);
}

std::int64_t observed_cells(std::int64_t columns, const std::uint8_t* observed) {
  if (observed == nullptr) return columns;
  std::int64_t count = 0;
  for (std::int64_t c = 0; c < columns; ++c) count += observed[c] != 0;
  return count;
}

// Mean of squared differences over the observed cells; an unobserved x is selected away whatever it holds.
template <class T>
double loss_of_row(std::int64_t columns, std::int64_t cells, const T* x_hat, const T* x, const std::uint8_t* observed,
                   double factor, GradMode mode, T* gradient) {
  const auto difference = [=](std::int64_t c) {
    return observed == nullptr || observed[c] != 0 ? x_hat[c] - x[c] : T(0);
  };
  const double sum = ordered_sum(columns, [&](std::int64_t c) {
    const T d = difference(c);
    return d * d;
  });
  const T scale = static_cast<T>(2.0 * factor / static_cast<double>(cells));
  with_store(mode, [&](auto add) {
    for (std::int64_t c = 0; c < columns; ++c) put<add.value>(gradient[c], scale * difference(c));
  });
  return sum / static_cast<double>(cells);
}

}  // namespace

template <class T>
void corrupt(const CorruptParams& p, const RandomSource& random, const T* x, T* y) {
  const std::int64_t grain = 16384 / std::max<std::int64_t>(1, p.columns) + 1;
  parallel_for(p.batch, grain, [&](std::int64_t begin, std::int64_t end) {
    with_isa([&] {
      std::uint32_t words[random_tile];
      for (std::int64_t b = begin; b < end; ++b) {
        for (std::int64_t first = 0; first < p.columns; first += random_tile) {
          random_words(random, b, first, words);
          const std::int64_t at = b * p.stride + first;
          corrupt_tile(p, words, std::min(random_tile, p.columns - first), x + at, y + at);
        }
      }
    });
  });
}

template <class T>
void reconstruction_loss(const ReconstructionParams& p, const T* x_hat, const T* x, const std::uint8_t* observed,
                         const ModalityMask* available, const float* weights, const double* denominator, double* value,
                         GradSlice<T> gradient) {
  const LossParams& loss = p.loss;
  *value = weighted_mean_of_losses(
      loss.batch, weights, *denominator, 8192 / (loss.columns + 1) + 1,
      [&](std::int64_t begin, std::int64_t end, double* losses) {
        with_isa([&] {
          for (std::int64_t b = begin; b < end; ++b) {
            const std::uint8_t* marks = observed == nullptr ? nullptr : observed + b * p.observed_stride;
            const bool active = has_modality(available[b], p.modality) && takes_part(weights[b], *denominator);
            const double factor = gradient_factor(loss.coefficient, weights[b], *denominator);
            const std::int64_t cells = active ? observed_cells(loss.columns, marks) : 0;
            T* dx = gradient.mode == GradMode::ignore ? nullptr : gradient.data + b * loss.stride;
            losses[b - begin] = 0.0;
            if (cells > 0)
              losses[b - begin] = loss_of_row(loss.columns, cells, x_hat + b * loss.stride, x + b * p.x_stride, marks,
                                              factor, gradient.mode, dx);
            else if (gradient.mode == GradMode::overwrite)
              std::fill_n(dx, loss.columns, T(0));
          }
        });
      });
}

template void corrupt(const CorruptParams&, const RandomSource&, const float*, float*);
template void corrupt(const CorruptParams&, const RandomSource&, const double*, double*);
template void reconstruction_loss(const ReconstructionParams&, const float*, const float*, const std::uint8_t*,
                                  const ModalityMask*, const float*, const double*, double*, GradSlice<float>);
template void reconstruction_loss(const ReconstructionParams&, const double*, const double*, const std::uint8_t*,
                                  const ModalityMask*, const float*, const double*, double*, GradSlice<double>);

}  // namespace plait::cpu
