#include "io/generator/lesion_image.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/math/elementary.h"

namespace plait::synth {
namespace {

constexpr double kSide = 32.0;  // lengths below are in pixels of an image of this side
constexpr double kSurround = 22.0, kOrgan = 84.0, kCoarse = 5.0, kFine = 4.0, kPixelNoise = 3.0;

// Smooth noise of variance about 1/2: standard normals on a lattice, blended with the weights 3t^2 - 2t^3.
class Grain {
 public:
  Grain(double spacing, Draws& draws) : spacing_(spacing), side_(static_cast<std::size_t>(kSide / spacing) + 2) {
    values_.resize(side_ * side_);
    for (double& value : values_) value = draws.normal();
  }

  double at(double row, double column) const {
    const double r = row / spacing_, c = column / spacing_;
    const auto i = static_cast<std::size_t>(r), j = static_cast<std::size_t>(c);
    const double t = smooth(r - static_cast<double>(i)), u = smooth(c - static_cast<double>(j));
    return (1.0 - t) * ((1.0 - u) * value(i, j) + u * value(i, j + 1)) +
           t * ((1.0 - u) * value(i + 1, j) + u * value(i + 1, j + 1));
  }

 private:
  static double smooth(double t) { return t * t * (3.0 - 2.0 * t); }
  double value(std::size_t i, std::size_t j) const { return values_[i * side_ + j]; }

  double spacing_;
  std::size_t side_;
  std::vector<double> values_;
};

// 1 inside, 0 outside, half at the edge; `width` pixels soft.
double inside(double distance_to_edge, double width) {
  return probability_of_logit(distance_to_edge / width);
}

// How much of the lesion is at this place, (row, column) from its centre.
double lesion_share(const Lesion& lesion, double radius, double row, double column) {
  const double distance = std::sqrt(row * row + column * column);
  double outline = 1.0;
  if (distance > 0.0) {
    // Powers of (cos a, sin a) by multiplication.
    const double x = column / distance, y = row / distance;
    const double x2 = x * x - y * y, y2 = 2.0 * x * y;
    const double x3 = x2 * x - y2 * y, y3 = x2 * y + y2 * x;
    const double x5 = x3 * x2 - y3 * y2, y5 = x3 * y2 + y3 * x2;
    outline += lesion.cosine[0] * x2 + lesion.sine[0] * y2 + lesion.cosine[1] * x3 + lesion.sine[1] * y3 +
               lesion.cosine[2] * x5 + lesion.sine[2] * y5;
  }
  return inside(radius * outline - distance, 0.35);
}

}  // namespace

PngImage paint_lesion(const Lesion& lesion, int size, Draws draws) {
  const Grain coarse(8.0, draws), fine(3.0, draws), speckle(1.5, draws);
  const double high = draws.uniform(14.0, 15.5), wide = draws.uniform(14.5, 16.0);  // half axes of the organ
  const double radius = lesion.radius(), contrast = lesion.contrast(), texture = lesion.texture();
  PngImage image{.height = size, .width = size, .channels = 1, .bits = 8, .bytes = {}};
  image.bytes.reserve(static_cast<std::size_t>(size) * static_cast<std::size_t>(size));
  for (int h = 0; h < size; ++h) {
    for (int w = 0; w < size; ++w) {
      const double row = (h + 0.5) * kSide / size, column = (w + 0.5) * kSide / size;
      const double y = row - kSide / 2, x = column - kSide / 2;
      const double organ = inside(14.0 * (1.0 - std::sqrt(y * y / (high * high) + x * x / (wide * wide))), 0.35);
      const double share = organ * lesion_share(lesion, radius, y - lesion.row, x - lesion.column);
      // sqrt(2): the speckle's standard deviation is then about `texture`.
      const double grey =
          kSurround + organ * (kOrgan + kCoarse * coarse.at(row, column) + kFine * fine.at(row, column)) +
          share * (contrast + 1.4142135623730951 * texture * speckle.at(row, column)) + kPixelNoise * draws.normal();
      image.bytes.push_back(static_cast<std::uint8_t>(std::clamp(std::round(grey), 0.0, 255.0)));
    }
  }
  return image;
}

}  // namespace plait::synth
