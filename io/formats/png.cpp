#include "io/formats/png.h"

#include <png.h>

#include <array>
#include <bit>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <memory>

#include "engine/error.h"

namespace plait {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

// libpng reports errors by a longjmp, which skips destructors. So the functions that call setjmp have no C++ object of
// their own; everything they need, the message included, lives here and outlives the jump.
struct Session {
  png_structp png = nullptr;
  png_infop info = nullptr;
  bool writing = false;
  std::array<char, 128> message{};

  explicit Session(bool write) : writing(write) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    if (writing)
      png_destroy_write_struct(&png, &info);
    else
      png_destroy_read_struct(&png, &info, nullptr);
  }
};

void on_error(png_structp png, png_const_charp message) {
  auto* session = static_cast<Session*>(png_get_error_ptr(png));
  std::snprintf(session->message.data(), session->message.size(), "%s", message);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void open(Session& session) {
  session.png = session.writing ? png_create_write_struct(PNG_LIBPNG_VER_STRING, &session, on_error, on_warning)
                                : png_create_read_struct(PNG_LIBPNG_VER_STRING, &session, on_error, on_warning);
  if (session.png != nullptr) session.info = png_create_info_struct(session.png);
  if (session.info == nullptr) throw Error(ExitCode::device, "out of memory in libpng");
}

struct Ihdr {
  png_uint_32 width = 0, height = 0;
  int bits = 0, color = 0;
  bool transparent_color = false;
};

// Everything before the pixels. False: session.message says why.
bool read_info(Session& session, std::FILE* file, Ihdr& ihdr) {
  if (setjmp(png_jmpbuf(session.png)) != 0) return false;
  png_init_io(session.png, file);
  // Our own caps speak more clearly than "invalid header"; nothing of the image's size is allocated before they are
  // read.
  png_set_user_limits(session.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  // Texts, profiles and the like are of no interest, and compressed ones are a way to fill the memory.
  png_set_keep_unknown_chunks(session.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_set_chunk_malloc_max(session.png, 1u << 20);
  png_set_crc_action(session.png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_read_info(session.png, session.info);
  png_get_IHDR(session.png, session.info, &ihdr.width, &ihdr.height, &ihdr.bits, &ihdr.color, nullptr, nullptr,
               nullptr);
  ihdr.transparent_color = png_get_valid(session.png, session.info, PNG_INFO_tRNS) != 0;
  return true;
}

// The pixels, expanded to what PngHeader promises; rows[height] point into memory of the right size.
bool read_rows(Session& session, png_bytepp rows, png_size_t row_bytes) {
  if (setjmp(png_jmpbuf(session.png)) != 0) return false;
  const int color = png_get_color_type(session.png, session.info);
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(session.png);
  if (color == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(session.png);
  if (std::endian::native == std::endian::little) png_set_swap(session.png);
  png_set_interlace_handling(session.png);
  png_read_update_info(session.png, session.info);
  if (png_get_rowbytes(session.png, session.info) != row_bytes) png_error(session.png, "unexpected row size");
  png_read_image(session.png, rows);
  png_read_end(session.png, nullptr);
  return true;
}

bool write_rows(Session& session, std::FILE* file, const PngImage& image, png_bytepp rows) {
  if (setjmp(png_jmpbuf(session.png)) != 0) return false;
  png_init_io(session.png, file);
  png_set_IHDR(session.png, session.info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height),
               image.bits, image.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(session.png, session.info);
  if (std::endian::native == std::endian::little) png_set_swap(session.png);
  png_write_image(session.png, rows);
  png_write_end(session.png, nullptr);
  return true;
}

[[noreturn]] void fail_image(const std::filesystem::path& path, const std::string& message) {
  fail_data({path.string()}, message);
}

// What libpng says, and how far it had read.
[[noreturn]] void fail_broken(const std::filesystem::path& path, const Session& session, std::FILE* file) {
  fail_image(path, "broken PNG, after " + std::to_string(std::ftell(file)) + " bytes: " + session.message.data());
}

// Opens, checks the signature, reads the header and holds it against the caps.
struct Reader {
  File file;
  Session session{false};
  PngHeader header;
  std::size_t row_bytes = 0;

  explicit Reader(const std::filesystem::path& path) {
    std::error_code failed;
    const std::uintmax_t size = std::filesystem::file_size(path, failed);
    if (!failed) file.reset(std::fopen(path.c_str(), "rb"));
    if (!file) fail_image(path, "the image cannot be opened");
    std::array<png_byte, 8> signature{};
    if (std::fread(signature.data(), 1, signature.size(), file.get()) != signature.size() ||
        png_sig_cmp(signature.data(), 0, signature.size()) != 0)
      fail_image(path, "not a PNG image");
    std::rewind(file.get());

    open(session);
    Ihdr ihdr;
    if (!read_info(session, file.get(), ihdr)) fail_broken(path, session, file.get());
    if (ihdr.transparent_color || (ihdr.color & PNG_COLOR_MASK_ALPHA) != 0)
      fail_image(path, "a PNG with transparency; convert it to grey or RGB without an alpha channel");
    header = {ihdr.height, ihdr.width, (ihdr.color & PNG_COLOR_MASK_COLOR) != 0 ? 3 : 1, ihdr.bits == 16 ? 16 : 8};
    if (header.height > kPngSide || header.width > kPngSide || header.height * header.width > kPngPixels)
      fail_image(path, std::to_string(header.height) + " x " + std::to_string(header.width) + " pixels; at most " +
                           std::to_string(kPngSide) + " a side and " + std::to_string(kPngPixels) +
                           " in all are read: scale the image down");
    row_bytes = static_cast<std::size_t>(header.width * header.channels * (header.bits / 8));

    // Deflate shrinks at most 1032 times: a file that is shorter than that cannot hold its pixels, so that a header
    // alone never makes us allocate.
    const auto stored_row = (static_cast<std::uintmax_t>(ihdr.width) * png_get_channels(session.png, session.info) *
                                 static_cast<std::uintmax_t>(ihdr.bits) +
                             7) /
                            8;
    if (size < stored_row * ihdr.height / 1032) fail_image(path, "broken PNG: the file is too short for its size");
  }
};

}  // namespace

std::uint16_t PngImage::sample(std::int64_t i) const {
  if (bits == 8) return bytes[static_cast<std::size_t>(i)];
  std::uint16_t value = 0;
  std::memcpy(&value, bytes.data() + 2 * i, sizeof value);
  return value;
}

PngHeader read_png_header(const std::filesystem::path& path) {
  return Reader(path).header;
}

PngImage read_png(const std::filesystem::path& path) {
  Reader reader(path);
  const PngHeader& header = reader.header;
  PngImage image{header.height, header.width, header.channels, header.bits, {}};
  const auto height = static_cast<std::size_t>(header.height);
  image.bytes.resize(height * reader.row_bytes);
  std::vector<png_bytep> rows(height);
  for (std::size_t h = 0; h < height; ++h) rows[h] = image.bytes.data() + h * reader.row_bytes;
  if (!read_rows(reader.session, rows.data(), reader.row_bytes)) fail_broken(path, reader.session, reader.file.get());
  return image;
}

void write_png(const std::filesystem::path& path, const PngImage& image) {
  check(image.height > 0 && image.width > 0 && (image.channels == 1 || image.channels == 3) &&
            (image.bits == 8 || image.bits == 16),
        "[png] write: shape");
  const auto row_bytes = static_cast<std::size_t>(image.width * image.channels * (image.bits / 8));
  const auto height = static_cast<std::size_t>(image.height);
  check(image.bytes.size() == height * row_bytes, "[png] write: bytes do not match the shape");
  std::vector<png_bytep> rows(height);
  // libpng takes its rows without const and does not write to them.
  for (std::size_t h = 0; h < height; ++h) rows[h] = const_cast<png_bytep>(image.bytes.data() + h * row_bytes);

  File file(std::fopen(path.c_str(), "wb"));
  if (!file) fail_storage(path.string() + ": cannot be written");
  Session session(true);
  open(session);
  const bool written = write_rows(session, file.get(), image, rows.data());
  if (std::fclose(file.release()) == 0 && written) return;
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  fail_storage(path.string() + ": cannot be written; is the disk full?");
}

}  // namespace plait
