#include "io/text_file.h"

#include <cstdio>
#include <memory>
#include <system_error>

namespace plait {

std::string read_text_file(const std::filesystem::path& path, std::size_t most, ExitCode code) {
  const auto fail = [&](const char* what) { throw Error(code, path.string() + ": " + what); };
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  if (!std::filesystem::exists(status)) fail("there is no such file");
  // Opening a folder succeeds; reading it does not.
  if (std::filesystem::is_directory(status)) fail("is a folder, not a file");
  if (std::filesystem::is_character_file(status)) fail("is a device, not a file");  // it may have no end
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) fail("the file cannot be read");
  std::string text;
  for (std::size_t got = 1; got > 0 && text.size() <= most;) {
    const std::size_t before = text.size();
    text.resize(before + (std::size_t{1} << 16));
    got = std::fread(text.data() + before, 1, text.size() - before, file.get());
    text.resize(before + got);
  }
  if (std::ferror(file.get()) != 0) fail("the file cannot be read");
  if (text.size() > most) fail("the file is too long");
  return text;
}

}  // namespace plait
