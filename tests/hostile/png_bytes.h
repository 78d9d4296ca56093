// PNG files built chunk by chunk, sound or not: what no PNG library would write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace plait::test {

inline constexpr std::string_view png_signature{"\x89PNG\r\n\x1a\n", 8};

struct PngShape {
  std::uint32_t width = 8, height = 8;
  int bits = 8, color = 0, compression = 0, filter = 0, interlace = 0;
};

std::string big_endian(std::uint32_t value);

// Length, type, data and checksum.
std::string png_chunk(std::string_view type, std::string_view data);
std::string png_header(const PngShape& shape);

// The zlib stream of `count` bytes, all `byte`, compressed piece by piece: a gigabyte takes a megabyte.
std::string deflated(std::uint64_t count, char byte);
std::string deflated(std::string_view bytes);

// An 8 x 8 grey image as the base cohort has them; `shade` makes patients differ.
std::string grey_png(int shade);

// The damaged image of that name; throws std::out_of_range for a name that is none.
std::string damaged_png(const std::string& name);

}  // namespace plait::test
