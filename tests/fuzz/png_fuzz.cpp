// Any bytes as a PNG file. Chunks get right checksums first, else hardly an input would come behind them. What is read
// has as many bytes as its header says.
#include <zlib.h>

#include "io/formats/png.h"
#include "tests/fuzz/memory_file.h"

using namespace plait;
using fuzz::MemoryFile;

namespace {

std::string with_checksums(std::string bytes) {
  const auto word = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
  };
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    const std::size_t length = word(at);
    if (length > bytes.size() - at - 12) break;
    const uLong sum = crc32(0, reinterpret_cast<const Bytef*>(bytes.data()) + at + 4, static_cast<uInt>(length + 4));
    for (std::size_t i = 0; i < 4; ++i) bytes[at + 8 + length + i] = static_cast<char>(sum >> (24 - 8 * i) & 255u);
    at += length + 12;
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemoryFile file;
  const auto path = file.fill(with_checksums(std::string(fuzz::text_of(data, size))));
  fuzz::accepted(ExitCode::data, [&] {
    const PngImage image = read_png(path);
    const PngHeader header = read_png_header(path);
    MemoryFile::require(image.height == header.height && image.width == header.width && image.samples() > 0);
    MemoryFile::require(image.channels == 1 || image.channels == 3);
    MemoryFile::require(image.bytes.size() == static_cast<std::size_t>(image.samples()) * (image.bits == 16 ? 2 : 1));
    image.sample(image.samples() - 1);
  });
  return 0;
}
