#include "io/data/resize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/support/random_values.h"

namespace plait {
namespace {

// The definition, one output sample at a time: a tent of radius one input pixel around (i + 1/2) in / out - 1/2, with
// the edge pixels repeated outside.
double reference(const std::vector<std::uint16_t>& image, ImageSize from, std::int64_t channels, ImageSize to,
                 std::int64_t y, std::int64_t x, std::int64_t c) {
  const double at_y =
      (static_cast<double>(y) + 0.5) * static_cast<double>(from.height) / static_cast<double>(to.height) - 0.5;
  const double at_x =
      (static_cast<double>(x) + 0.5) * static_cast<double>(from.width) / static_cast<double>(to.width) - 0.5;
  double sum = 0.0;
  for (std::int64_t r = -1; r <= from.height; ++r) {
    for (std::int64_t k = -1; k <= from.width; ++k) {
      const double weight = std::max(0.0, 1.0 - std::fabs(at_y - static_cast<double>(r))) *
                            std::max(0.0, 1.0 - std::fabs(at_x - static_cast<double>(k)));
      const std::int64_t row = std::clamp<std::int64_t>(r, 0, from.height - 1);
      const std::int64_t column = std::clamp<std::int64_t>(k, 0, from.width - 1);
      sum += weight * image[static_cast<std::size_t>((row * from.width + column) * channels + c)];
    }
  }
  return sum;
}

TEST(Resize, IsBilinearWithHalfPixelCentres) {
  const struct {
    ImageSize from, to;
    std::int64_t channels;
  } cases[] = {
      {{1, 1}, {3, 2}, 1}, {{2, 2}, {4, 4}, 1}, {{5, 7}, {3, 4}, 3}, {{16, 15}, {28, 28}, 1}, {{9, 4}, {1, 1}, 2}};
  for (const auto& [from, to, channels] : cases) {
    const auto image = random_integers<std::uint16_t>(from.height * from.width * channels, 3, 60000);
    const std::vector<std::uint16_t> source(image.begin(), image.end());
    std::vector<std::uint16_t> target(static_cast<std::size_t>(to.height * to.width * channels));
    resize_bilinear(source.data(), from, channels, target.data(), to);
    std::size_t i = 0;
    for (std::int64_t y = 0; y < to.height; ++y) {
      for (std::int64_t x = 0; x < to.width; ++x) {
        for (std::int64_t c = 0; c < channels; ++c) {
          // Rounding to the nearest sample: half a step, and a little for a tie that falls the other way.
          EXPECT_NEAR(target[i++], reference(source, from, channels, to, y, x, c), 0.5 + 1e-9);
        }
      }
    }
  }
}

TEST(Resize, TheSameSizeIsACopy) {
  const std::vector<std::uint8_t> source{0, 255, 3, 7, 128, 1};
  std::vector<std::uint8_t> target(6);
  resize_bilinear(source.data(), {2, 3}, 1, target.data(), {2, 3});
  EXPECT_EQ(target, source);
}

}  // namespace
}  // namespace plait
