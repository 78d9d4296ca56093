#include "tests/hostile/png_bytes.h"

#include <zlib.h>

#include <functional>
#include <map>
#include <stdexcept>
#include <vector>

namespace plait::test {
namespace {

// The rows of an 8 x 8 grey image, each behind its filter byte.
std::string rows(int shade, char filter = 0) {
  std::string bytes;
  for (int y = 0; y < 8; ++y) {
    bytes += filter;
    for (int x = 0; x < 8; ++x) bytes += static_cast<char>((20 * shade + 3 * y + 5 * x) % 256);
  }
  return bytes;
}

std::string image(const std::string& before, const std::string& data, const PngShape& shape = {}) {
  return std::string(png_signature) + png_header(shape) + before + png_chunk("IDAT", data) + png_chunk("IEND", "");
}

std::string sound() {
  return grey_png(3);
}

// The bytes of one chunk's checksum turned over.
std::string wrong_checksum(std::string_view type) {
  std::string bytes = sound();
  const std::size_t at = bytes.find(type);
  std::uint32_t length = 0;
  for (std::size_t i = at - 4; i < at; ++i) length = length << 8 | static_cast<unsigned char>(bytes[i]);
  bytes[at + 4 + length] = static_cast<char>(~bytes[at + 4 + length]);
  return bytes;
}

std::string without(std::string_view type) {
  std::string bytes = sound();
  const std::size_t at = bytes.find(type);
  std::uint32_t length = 0;
  for (std::size_t i = at - 4; i < at; ++i) length = length << 8 | static_cast<unsigned char>(bytes[i]);
  return bytes.erase(at - 4, 12 + length);
}

std::string replaced(std::string_view type, const std::string& chunk) {
  const std::string bytes = sound();
  const std::size_t at = bytes.find(type) - 4;
  return bytes.substr(0, at) + chunk + without(type).substr(at);
}

std::string of_shape(const PngShape& shape) {
  return image("", deflated(rows(3)), shape);
}

// All pixels of that many rows and bytes a row are there.
std::string full(const PngShape& shape, std::uint64_t row_bytes) {
  return image("", deflated((row_bytes + 1) * shape.height, 0), shape);
}

using Maker = std::function<std::string()>;
const std::map<std::string, Maker>& makers() {
  static const std::map<std::string, Maker> all = {
      {"empty", [] { return std::string(); }},
      {"signature_cut", [] { return sound().substr(0, 4); }},
      {"signature_only", [] { return std::string(png_signature); }},
      {"signature_wrong", [] { return "\x88" + sound().substr(1); }},
      {"signature_as_text", [] { return "\x89PNG\n\x1a\n" + sound().substr(8); }},  // a transfer that ate the CR
      {"jpeg", [] { return std::string("\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xd9", 22); }},
      {"checksum_of_header", [] { return wrong_checksum("IHDR"); }},
      {"checksum_of_pixels", [] { return wrong_checksum("IDAT"); }},
      {"checksum_of_end", [] { return wrong_checksum("IEND"); }},
      {"no_header", [] { return without("IHDR"); }},
      {"no_pixels", [] { return without("IDAT"); }},
      {"no_end", [] { return without("IEND"); }},
      {"two_headers", [] { return replaced("IDAT", png_header({}) + png_chunk("IDAT", deflated(rows(3)))); }},
      {"header_of_12_bytes", [] { return replaced("IHDR", png_chunk("IHDR", std::string(12, '\x08'))); }},
      {"chunk_length_huge", [] { return sound().substr(0, 33) + big_endian(0x7fffffff) + sound().substr(37); }},
      {"chunk_length_beyond", [] { return sound().substr(0, 33) + big_endian(0xffffffff) + sound().substr(37); }},
      {"zero_width", [] { return of_shape({.width = 0}); }},
      {"zero_height", [] { return of_shape({.height = 0}); }},
      {"huge", [] { return of_shape({.width = 0x7fffffff, .height = 0x7fffffff}); }},
      {"beyond_31_bits", [] { return of_shape({.width = 0xffffffff, .height = 8}); }},
      {"wide", [] { return of_shape({.width = 16385, .height = 1}); }},
      {"large_area", [] { return of_shape({.width = 16000, .height = 16000}); }},
      {"promises_more", [] { return of_shape({.width = 8192, .height = 8192}); }},
      {"rows_missing", [] { return image("", deflated(rows(3).substr(0, 40))); }},
      {"pixels_cut", [] { return replaced("IDAT", png_chunk("IDAT", deflated(rows(3)).substr(0, 20))); }},
      {"pixels_no_zlib", [] { return replaced("IDAT", png_chunk("IDAT", std::string(60, 'x'))); }},
      {"pixels_checksum",
       [] {
         std::string data = deflated(rows(3));
         data.back() = static_cast<char>(~data.back());
         return image("", data);
       }},
      {"file_cut", [] { return sound().substr(0, sound().size() / 2); }},
      {"filter_5", [] { return image("", deflated(rows(3, 5))); }},
      {"filter_method_1", [] { return of_shape({.filter = 1}); }},
      {"compression_1", [] { return of_shape({.compression = 1}); }},
      {"interlace_2", [] { return of_shape({.interlace = 2}); }},
      {"bits_3", [] { return of_shape({.bits = 3}); }},
      {"bits_16_of_palette", [] { return of_shape({.bits = 16, .color = 3}); }},
      {"color_1", [] { return of_shape({.color = 1}); }},
      {"palette_missing", [] { return of_shape({.color = 3}); }},
      {"palette_of_4_bytes", [] { return image(png_chunk("PLTE", "1234"), deflated(rows(3)), {.color = 3}); }},
      {"palette", [] { return image(png_chunk("PLTE", std::string(768, 'p')), deflated(rows(3)), {.color = 3}); }},
      {"palette_too_short", [] { return image(png_chunk("PLTE", "rgb"), deflated(rows(3)), {.color = 3}); }},
      {"transparent_color", [] { return image(png_chunk("tRNS", std::string("\0\1", 2)), deflated(rows(3))); }},
      {"alpha", [] { return full({.color = 4}, 16); }},
      {"color", [] { return full({.color = 2}, 24); }},
      {"bits_16", [] { return full({.bits = 16}, 16); }},
      {"unknown_critical_chunk", [] { return image(png_chunk("PLAT", "1"), deflated(rows(3))); }},
      // Sound, however odd.
      {"interlaced",
       [] {
         // Adam7: the 64 pixels in seven passes of 1, 1, 2, 4, 8, 16, 32, in rows of 1, 1, 2, 2, 4, 4, 8.
         std::string passes;
         for (const auto& [count, width] : {std::pair{1, 1}, {1, 1}, {1, 2}, {2, 2}, {2, 4}, {4, 4}, {4, 8}})
           for (int row = 0; row < count; ++row) passes += std::string(static_cast<std::size_t>(width) + 1, '\0');
         return image("", deflated(passes), {.interlace = 1});
       }},
      {"bits_1", [] { return full({.bits = 1}, 1); }},
      {"text_behind_end", [] { return sound() + "text"; }},
      {"more_pixels_than_promised", [] { return image("", deflated(std::uint64_t{1} << 30, 0)); }},
      {"text_that_explodes",
       [] {
         return image(png_chunk("zTXt", std::string("Comment\0\0", 9) + deflated(std::uint64_t{1} << 30, 'x')),
                      deflated(rows(3)));
       }},
      {"profile_that_explodes",
       [] {
         return image(png_chunk("iCCP", std::string("p\0\0", 3) + deflated(std::uint64_t{1} << 30, 'x')),
                      deflated(rows(3)));
       }},
      // As large as can be, from half a megabyte.
      {"largest", [] { return full({.width = 8192, .height = 8192, .bits = 16, .color = 2}, 49152); }},
      {"large_grey", [] { return full({.width = 8192, .height = 8192}, 8192); }},
  };
  return all;
}

}  // namespace

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 255u);
  return bytes;
}

std::string png_chunk(std::string_view type, std::string_view data) {
  const std::string body = std::string(type) + std::string(data);
  const uLong sum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(static_cast<std::uint32_t>(data.size())) + body + big_endian(static_cast<std::uint32_t>(sum));
}

std::string png_header(const PngShape& shape) {
  std::string data = big_endian(shape.width) + big_endian(shape.height);
  for (const int value : {shape.bits, shape.color, shape.compression, shape.filter, shape.interlace})
    data += static_cast<char>(value);
  return png_chunk("IHDR", data);
}

std::string deflated(std::uint64_t count, char byte) {
  z_stream stream{};
  if (deflateInit(&stream, Z_BEST_SPEED) != Z_OK) throw std::runtime_error("zlib");
  std::vector<Bytef> in(std::size_t{1} << 20, static_cast<Bytef>(byte)), out(std::size_t{1} << 16);
  std::string bytes;
  for (bool done = false; !done;) {
    const auto piece = static_cast<uInt>(std::min<std::uint64_t>(count, in.size()));
    count -= piece;
    stream.next_in = in.data(), stream.avail_in = piece;
    do {
      stream.next_out = out.data(), stream.avail_out = static_cast<uInt>(out.size());
      done = deflate(&stream, count == 0 ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_END;
      bytes.append(reinterpret_cast<const char*>(out.data()), out.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }
  deflateEnd(&stream);
  return bytes;
}

std::string deflated(std::string_view bytes) {
  uLongf size = compressBound(static_cast<uLong>(bytes.size()));
  std::string out(size, '\0');
  if (compress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
               static_cast<uLong>(bytes.size())) != Z_OK)
    throw std::runtime_error("zlib");
  out.resize(size);
  return out;
}

std::string grey_png(int shade) {
  return image("", deflated(rows(shade)));
}

std::string damaged_png(const std::string& name) {
  return makers().at(name)();
}

}  // namespace plait::test
