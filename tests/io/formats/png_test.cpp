#include "io/formats/png.h"

#include <gtest/gtest.h>
#include <png.h>

#include <functional>

#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace plait {
namespace {

using test::error_of;
using test::Thrown;
namespace fs = std::filesystem;

struct Fixture {
  int width = 1, height = 1, bits = 8, color = PNG_COLOR_TYPE_GRAY;
  int interlace = PNG_INTERLACE_NONE;
  std::function<void(png_structp, png_infop)> chunks = {};
};

// A file straight through libpng: rows are as stored in the file, 16-bit samples big-endian.
fs::path make_png(const fs::path& path, const Fixture& f, std::vector<std::vector<std::uint8_t>> rows) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_init_io(png, file);
  png_set_IHDR(png, info, static_cast<png_uint_32>(f.width), static_cast<png_uint_32>(f.height), f.bits, f.color,
               f.interlace, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (f.chunks) f.chunks(png, info);
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  for (auto& row : rows) pointers.push_back(row.data());
  png_set_interlace_handling(png);
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  std::fclose(file);
  return path;
}

std::vector<int> samples(const PngImage& image) {
  std::vector<int> out;
  for (std::int64_t i = 0; i < image.samples(); ++i) out.push_back(image.sample(i));
  return out;
}

class Png : public testing::Test {
 protected:
  Thrown read_error(const fs::path& path) {
    return error_of([&] { read_png(path); });
  }
  test::TemporaryFolder folder;
};

TEST_F(Png, RoundTripsEveryShapeAndDepth) {
  int file = 0;
  for (const std::int64_t height : {1, 2, 17})
    for (const std::int64_t width : {1, 5, 64})
      for (const std::int64_t channels : {1, 3})
        for (const int bits : {8, 16}) {
          PngImage image{height, width, channels, bits, {}};
          for (std::int64_t i = 0; i < image.samples() * bits / 8; ++i)
            image.bytes.push_back(static_cast<std::uint8_t>(i * 37 + 11));
          const fs::path path = folder / std::to_string(file++);
          write_png(path, image);
          const PngImage back = read_png(path);
          EXPECT_EQ(back.height, height);
          EXPECT_EQ(back.width, width);
          EXPECT_EQ(back.channels, channels);
          EXPECT_EQ(back.bits, bits);
          EXPECT_EQ(back.bytes, image.bytes);
          const PngHeader header = read_png_header(path);
          EXPECT_EQ(header.height, height);
          EXPECT_EQ(header.width, width);
          EXPECT_EQ(header.channels, channels);
          EXPECT_EQ(header.bits, bits);
        }
}

TEST_F(Png, SixteenBitSamplesAreInHostOrder) {
  const auto path = make_png(folder / "a", {.width = 2, .bits = 16}, {{0x01, 0x02, 0xff, 0xfe}});
  EXPECT_EQ(samples(read_png(path)), (std::vector<int>{0x0102, 0xfffe}));
}

TEST_F(Png, LowDepthGreyIsExpandedToTheFullRange) {
  // 1 bit: 0, 1 -> 0, 255; 2 bits: 85 a step; 4 bits: 17 a step.
  EXPECT_EQ(samples(read_png(make_png(folder / "1", {.width = 3, .bits = 1}, {{0b10100000}}))),
            (std::vector<int>{255, 0, 255}));
  EXPECT_EQ(samples(read_png(make_png(folder / "2", {.width = 4, .bits = 2}, {{0b00011011}}))),
            (std::vector<int>{0, 85, 170, 255}));
  EXPECT_EQ(samples(read_png(make_png(folder / "4", {.width = 2, .bits = 4}, {{0x3f}}))), (std::vector<int>{51, 255}));
  EXPECT_EQ(read_png_header(folder / "1").bits, 8);
}

TEST_F(Png, PaletteBecomesRgb) {
  const auto palette = [](png_structp png, png_infop info) {
    const png_color colors[] = {{1, 2, 3}, {40, 50, 60}};
    png_set_PLTE(png, info, colors, 2);
  };
  const auto path = make_png(folder / "p", {.width = 3, .bits = 1, .color = PNG_COLOR_TYPE_PALETTE, .chunks = palette},
                             {{0b01000000}});
  EXPECT_EQ(samples(read_png(path)), (std::vector<int>{1, 2, 3, 40, 50, 60, 1, 2, 3}));
  EXPECT_EQ(read_png_header(path).channels, 3);
}

TEST_F(Png, InterlacedRowsComeOutInOrder) {
  std::vector<std::vector<std::uint8_t>> rows;
  std::vector<int> expected;
  for (int y = 0; y < 11; ++y) {
    rows.emplace_back();
    for (int x = 0; x < 9 * 3; ++x) {
      rows.back().push_back(static_cast<std::uint8_t>(y * 27 + x));
      expected.push_back(rows.back().back());
    }
  }
  const Fixture fixture{.width = 9, .height = 11, .color = PNG_COLOR_TYPE_RGB, .interlace = PNG_INTERLACE_ADAM7};
  EXPECT_EQ(samples(read_png(make_png(folder / "i", fixture, rows))), expected);
}

TEST_F(Png, TextsAndGammaChangeNothing) {
  const auto chunks = [](png_structp png, png_infop info) {
    png_set_gAMA(png, info, 1.0);
    char key[] = "Comment", text[] = "a text";
    png_text entry{};
    entry.compression = PNG_TEXT_COMPRESSION_zTXt;
    entry.key = key;
    entry.text = text;
    png_set_text(png, info, &entry, 1);
  };
  EXPECT_EQ(samples(read_png(make_png(folder / "t", {.width = 2, .chunks = chunks}, {{7, 200}}))),
            (std::vector<int>{7, 200}));
}

TEST_F(Png, TransparencyIsRefusedWithAdvice) {
  const auto alpha = make_png(folder / "a.png", {.color = PNG_COLOR_TYPE_RGBA}, {{1, 2, 3, 4}});
  const auto grey = make_png(folder / "g.png", {.color = PNG_COLOR_TYPE_GRAY_ALPHA}, {{1, 2}});
  const auto color = make_png(folder / "c.png",
                              {.chunks =
                                   [](png_structp png, png_infop info) {
                                     png_color_16 black{};
                                     png_set_tRNS(png, info, nullptr, 0, &black);
                                   }},
                              {{1}});
  for (const auto& path : {alpha, grey, color}) {
    const Thrown thrown = read_error(path);
    EXPECT_EQ(thrown.code, ExitCode::data);
    EXPECT_TRUE(thrown.says("convert it to grey or RGB")) << thrown.message;
    EXPECT_TRUE(thrown.says(path.string()));
    EXPECT_EQ(error_of([&] { read_png_header(path); }).code, ExitCode::data);
  }
}

TEST_F(Png, EveryPrefixIsADataError) {
  const auto path = make_png(folder / "whole", {.width = 5, .height = 4, .color = PNG_COLOR_TYPE_RGB},
                             std::vector(4, std::vector<std::uint8_t>(15, 9)));
  const std::string whole = test::read_bytes(path);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const Thrown thrown = read_error(test::write_bytes(folder / "cut.png", whole.substr(0, length)));
    EXPECT_EQ(thrown.code, ExitCode::data) << length;
    EXPECT_TRUE(thrown.says("cut.png: ")) << thrown.message;
    // All there was is read before it is found too short.
    EXPECT_EQ(thrown.says("broken PNG, "), thrown.says("PNG, after " + std::to_string(length) + " bytes: ")) << length;
  }
}

TEST_F(Png, EveryFlippedByteIsADataError) {
  const auto path =
      make_png(folder / "whole", {.width = 5, .height = 4}, std::vector(4, std::vector<std::uint8_t>{9, 1, 2, 3, 4}));
  const std::string whole = test::read_bytes(path);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x21);
    EXPECT_EQ(read_error(test::write_bytes(folder / "flipped.png", bytes)).code, ExitCode::data) << at;
  }
}

// A signature and a header with a right checksum that promises `width` x `height`, and nothing else.
std::string header_only(std::uint32_t width, std::uint32_t height) {
  std::string chunk = "IHDR";
  for (const std::uint32_t value : {width, height})
    for (int shift = 24; shift >= 0; shift -= 8) chunk += static_cast<char>(value >> shift & 0xff);
  chunk += std::string("\x08\x00\x00\x00\x00", 5);
  std::uint32_t crc = 0xffffffffu;  // CRC-32 as in the PNG specification, annex D
  for (const char c : chunk) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0xedb88320u : 0u);
  }
  crc = ~crc;
  std::string out = std::string("\x89PNG\r\n\x1a\n") + std::string("\0\0\0\x0d", 4) + chunk;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(crc >> shift & 0xff);
  return out + std::string("\0\0\0\1IDAT\0", 9);
}

TEST_F(Png, AbsurdSizesAreRefusedBeforeAnyAllocation) {
  const std::pair<std::uint32_t, std::uint32_t> sizes[] = {
      {0, 1}, {1, 0}, {16385, 1}, {1, 16385}, {16384, 16384}, {0x7fffffff, 0x7fffffff}, {0xffffffff, 1}, {8192, 8192}};
  for (const auto& [width, height] : sizes) {
    const Thrown thrown = read_error(test::write_bytes(folder / "big.png", header_only(width, height)));
    EXPECT_EQ(thrown.code, ExitCode::data) << width << " " << height << " " << thrown.message;
  }
  EXPECT_TRUE(
      read_error(test::write_bytes(folder / "big.png", header_only(8192, 8192))).says("too short for its size"));
  const std::pair<std::uint32_t, std::uint32_t> beyond[] = {
      {16385, 1}, {1, 16385}, {16384, 16384}, {0x7fffffff, 0x7fffffff}};
  for (const auto& [width, height] : beyond)
    EXPECT_TRUE(
        read_error(test::write_bytes(folder / "big.png", header_only(width, height))).says("scale the image down"));
}

TEST_F(Png, OtherFilesAreNotPng) {
  EXPECT_TRUE(
      read_error(test::write_bytes(folder / "x.png", "JFIF, in fact, and long enough")).says("not a PNG image"));
  EXPECT_TRUE(read_error(folder / "none.png").says("cannot be opened"));
  EXPECT_EQ(read_error(folder.path()).code, ExitCode::data);
}

TEST_F(Png, AFileThatCannotBeWrittenIsAStorageError) {
  const PngImage image{1, 1, 1, 8, {0}};
  EXPECT_EQ(error_of([&] { write_png(folder / "no/such/folder.png", image); }).code, ExitCode::storage);
  if (fs::exists("/dev/full")) {  // buffered until the file is closed
    fs::create_symlink("/dev/full", folder / "full.png");
    EXPECT_EQ(error_of([&] { write_png(folder / "full.png", image); }).code, ExitCode::storage);
  }
}

}  // namespace
}  // namespace plait
