#include "io/data/resize.h"

#include <algorithm>
#include <cmath>

namespace plait {
namespace {

// The two neighbours of output pixel i along one axis, and the weight of the second.
struct Neighbours {
  std::int64_t first, second;
  double weight;
};

Neighbours neighbours(std::int64_t i, std::int64_t in, std::int64_t out) {
  const double at = (static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
  const double inside = std::clamp(at, 0.0, static_cast<double>(in - 1));
  const auto first = static_cast<std::int64_t>(inside);
  return {first, std::min(first + 1, in - 1), inside - static_cast<double>(first)};
}

}  // namespace

template <class Sample>
void resize_bilinear(const Sample* source, ImageSize from, std::int64_t channels, Sample* target, ImageSize to) {
  for (std::int64_t y = 0; y < to.height; ++y) {
    const Neighbours row = neighbours(y, from.height, to.height);
    for (std::int64_t x = 0; x < to.width; ++x) {
      const Neighbours column = neighbours(x, from.width, to.width);
      for (std::int64_t c = 0; c < channels; ++c) {
        const auto sample = [&](std::int64_t r, std::int64_t k) {
          return static_cast<double>(source[(r * from.width + k) * channels + c]);
        };
        const double top = std::lerp(sample(row.first, column.first), sample(row.first, column.second), column.weight);
        const double bottom =
            std::lerp(sample(row.second, column.first), sample(row.second, column.second), column.weight);
        *target++ = static_cast<Sample>(std::lround(std::lerp(top, bottom, row.weight)));
      }
    }
  }
}

template void resize_bilinear(const std::uint8_t*, ImageSize, std::int64_t, std::uint8_t*, ImageSize);
template void resize_bilinear(const std::uint16_t*, ImageSize, std::int64_t, std::uint16_t*, ImageSize);

}  // namespace plait
