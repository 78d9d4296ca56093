#include "study/explain/map_picture.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/error.h"

namespace plait {
namespace {

using Colour = std::array<double, 3>;  // 0 to 1

// Okabe and Ito's vermillion and blue: told apart by everybody, and neither is a grey.
constexpr Colour above{0.95, 0.45, 0.0}, below{0.0, 0.45, 0.90};
constexpr std::int64_t smallest_side = 256, gap = 8, strip = 10;

Colour mixed(const Colour& under, const Colour& over, double share) {
  Colour colour{};
  for (std::size_t k = 0; k < 3; ++k) colour[k] = std::lerp(under[k], over[k], share);
  return colour;
}

// value from -1 to 1 over a pixel. The image stays visible under the strongest.
Colour tinted(const Colour& under, double value) {
  return mixed(under, value < 0.0 ? below : above, 0.75 * std::fabs(value));
}

class Canvas {
 public:
  Canvas(std::int64_t height, std::int64_t width) {
    png_ = {.height = height, .width = width, .channels = 3, .bits = 8, .bytes = {}};
    png_.bytes.assign(static_cast<std::size_t>(height * width * 3), 255);
  }
  void set(std::int64_t y, std::int64_t x, const Colour& colour) {
    for (std::size_t k = 0; k < 3; ++k)
      png_.bytes[static_cast<std::size_t>((y * png_.width + x) * 3) + k] =
          static_cast<std::uint8_t>(std::lround(255.0 * std::clamp(colour[k], 0.0, 1.0)));
  }
  PngImage take() { return std::move(png_); }

 private:
  PngImage png_;
};

double largest_size(const ImageMap& map) {
  double largest = 0.0;
  for (const double value : map.values) largest = std::max(largest, std::fabs(value));
  return largest;
}

}  // namespace

PngImage map_picture(const std::vector<double>& image, std::int64_t channels, const ImageMap& grad_cam,
                     const ImageMap& occlusion) {
  const std::int64_t height = occlusion.height, width = occlusion.width;
  check(std::ssize(image) == height * width * channels && (channels == 1 || channels == 3) &&
            (grad_cam.empty() || (grad_cam.height == height && grad_cam.width == width)),
        "[map_picture] maps of the image's size");
  const std::int64_t side = std::max(height, width),
                     scale = std::max<std::int64_t>(1, (smallest_side + side - 1) / side);
  std::vector<const ImageMap*> panels = {nullptr};
  if (!grad_cam.empty()) panels.push_back(&grad_cam);
  panels.push_back(&occlusion);
  const std::int64_t panel = width * scale, count = std::ssize(panels);
  Canvas canvas(height * scale + gap + strip, panel * count + gap * (count - 1));
  for (std::int64_t k = 0; k < count; ++k) {
    const ImageMap* map = panels[static_cast<std::size_t>(k)];
    const std::int64_t left = k * (panel + gap);
    const double largest = map != nullptr ? largest_size(*map) : 0.0;
    for (std::int64_t y = 0; y < height * scale; ++y)
      for (std::int64_t x = 0; x < panel; ++x) {
        const std::int64_t pixel = y / scale * width + x / scale;
        Colour colour{};
        for (std::size_t c = 0; c < 3; ++c)
          colour[c] = image[static_cast<std::size_t>(pixel * channels) + (channels == 3 ? c : 0)];
        if (largest > 0.0) colour = tinted(colour, map->values[static_cast<std::size_t>(pixel)] / largest);
        canvas.set(y, left + x, colour);
      }
    if (map == nullptr) continue;
    for (std::int64_t y = height * scale + gap; y < height * scale + gap + strip; ++y)
      for (std::int64_t x = 0; x < panel; ++x) {
        const double share = panel > 1 ? static_cast<double>(x) / static_cast<double>(panel - 1) : 1.0;
        canvas.set(y, left + x, tinted({0.5, 0.5, 0.5}, map == &occlusion ? 2.0 * share - 1.0 : share));
      }
  }
  return canvas.take();
}

}  // namespace plait
