// Bilinear resizing of an image with half-pixel centres: output pixel i samples the input at (i + 1/2) * in / out -
// 1/2, clamped to the edge pixels. No low-pass filter before shrinking. Results are rounded to the nearest sample
// value.
#pragma once

#include <cstdint>

namespace plait {

struct ImageSize {
  std::int64_t height = 0, width = 0;
  bool operator==(const ImageSize&) const = default;
};

// source[from.height, from.width, channels] to target[to.height, to.width, channels]; sizes at least 1.
// Sample: std::uint8_t or std::uint16_t.
template <class Sample>
void resize_bilinear(const Sample* source, ImageSize from, std::int64_t channels, Sample* target, ImageSize to);

}  // namespace plait
