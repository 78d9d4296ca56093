// PNG images, read and written through libpng. Samples come as stored: no gamma, no colour profile, no scaling.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace plait {

// What read_png() will deliver: a palette or grey of 1, 2 or 4 bits counts as expanded (to 8-bit RGB, 8-bit grey).
struct PngHeader {
  std::int64_t height = 0, width = 0;
  std::int64_t channels = 0;  // 1 grey, 3 RGB
  int bits = 8;               // 8 or 16 a sample
};

struct PngImage {
  std::int64_t height = 0, width = 0, channels = 0;
  int bits = 8;
  std::vector<std::uint8_t> bytes;  // [height, width, channels] without gaps; 16-bit samples in the host's byte order

  std::int64_t samples() const { return height * width * channels; }
  // The i-th sample in the order of `bytes`: 0..255 or 0..65535.
  std::uint16_t sample(std::int64_t i) const;
};

// Caps, checked before anything is allocated: a side, and the area (64 Mpixel: 384 MiB as 16-bit RGB).
inline constexpr std::int64_t kPngSide = 16384;
inline constexpr std::int64_t kPngPixels = std::int64_t{1} << 26;

// Errors are data errors that name the file: not a PNG, truncated, a wrong checksum anywhere, beyond the caps, or with
// transparency (an alpha channel or a transparent colour), which has no meaning as a network's input.
PngHeader read_png_header(const std::filesystem::path& path);
PngImage read_png(const std::filesystem::path& path);

// Grey or RGB, 8 or 16 bits, at least one pixel. A file that cannot be written is a storage error, and is removed.
void write_png(const std::filesystem::path& path, const PngImage& image);

}  // namespace plait
