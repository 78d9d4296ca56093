// Gather, impute, scale and mark in one pass: the source cell read once (1, 2 or 4 B), 4 B written, 1 B more where
// observed cells are wanted.
#include "kernels/gather.h"

#include <algorithm>
#include <type_traits>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"

namespace plait::cpu {
namespace {

constexpr std::int64_t table_size = 256;

// fill, mean and scale of consecutive columns. Short periods (the channels of an image) are repeated into a table, so
// that the inner loop is long and contiguous whatever the period.
struct Normalisation {
  std::int64_t length = 0;  // columns covered; a multiple of the period
  const float *fill = nullptr, *mean = nullptr, *scale = nullptr;
  float table[3][table_size];

  Normalisation(std::int64_t period, const float* fills, const float* means, const float* scales)
      : length(period), fill(fills), mean(means), scale(scales) {
    if (2 * period > table_size) return;
    length = table_size / period * period;
    for (std::int64_t j = 0; j < length; ++j) {
      table[0][j] = fills == nullptr ? 0.0f : fills[j % period];
      table[1][j] = means[j % period];
      table[2][j] = scales[j % period];
    }
    fill = fills == nullptr ? nullptr : table[0];
    mean = table[1];
    scale = table[2];
  }
  Normalisation(const Normalisation&) = delete;
  Normalisation& operator=(const Normalisation&) = delete;
};

template <class Source>
void normalise(std::int64_t length, const Source* x, const Normalisation& n, float* y, std::uint8_t* observed) {
  const float *mean = n.mean, *scale = n.scale, *fill = n.fill;
  if constexpr (std::is_floating_point_v<Source>) {
    for (std::int64_t j = 0; j < length; ++j) {
      const float v = x[j] != x[j] ? fill[j] : x[j];
      y[j] = (v - mean[j]) * scale[j];
    }
    if (observed != nullptr)
      for (std::int64_t j = 0; j < length; ++j) observed[j] = x[j] == x[j];
  } else {
    for (std::int64_t j = 0; j < length; ++j) y[j] = (static_cast<float>(x[j]) - mean[j]) * scale[j];
    if (observed != nullptr) std::fill_n(observed, length, std::uint8_t{1});
  }
}

}  // namespace

template <class Source>
void gather_normalise(const GatherParams& p, const Source* source, const std::int64_t* index, const float* fill,
                      const float* mean, const float* scale, float* y, std::uint8_t* observed) {
  if (p.batch == 0 || p.columns == 0) return;
  const Normalisation n(p.period, fill, mean, scale);
  parallel_for(p.batch, 32768 / p.columns + 1, [&](std::int64_t begin, std::int64_t end) {
    with_isa([&] {
      for (std::int64_t b = begin; b < end; ++b) {
        float* to = y + b * p.y_stride;
        std::uint8_t* marks = observed == nullptr ? nullptr : observed + b * p.observed_stride;
        if (index[b] < 0) {
          std::fill_n(to, p.columns, 0.0f);
          if (marks != nullptr) std::fill_n(marks, p.columns, std::uint8_t{0});
          continue;
        }
        const Source* from = source + index[b] * p.source_stride;
        for (std::int64_t j = 0; j < p.columns; j += n.length)
          normalise(std::min(n.length, p.columns - j), from + j, n, to + j, marks == nullptr ? nullptr : marks + j);
      }
    });
  });
}

template void gather_normalise(const GatherParams&, const std::uint8_t*, const std::int64_t*, const float*,
                               const float*, const float*, float*, std::uint8_t*);
template void gather_normalise(const GatherParams&, const std::uint16_t*, const std::int64_t*, const float*,
                               const float*, const float*, float*, std::uint8_t*);
template void gather_normalise(const GatherParams&, const float*, const std::int64_t*, const float*, const float*,
                               const float*, float*, std::uint8_t*);

}  // namespace plait::cpu
