#include "io/text_file.h"

#include <gtest/gtest.h>

#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace plait {
namespace {

using test::error_of;

TEST(TextFile, IsReadWhole) {
  const test::TemporaryFolder folder;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{65536}, std::size_t{200001}}) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(i * 7 % 251);
    test::write_bytes(folder / "file", text);
    EXPECT_TRUE(read_text_file(folder / "file", size) == text) << size;
    if (size > 0) {
      EXPECT_TRUE(error_of([&] { read_text_file(folder / "file", size - 1); }).says("file: the file is too long"));
    }
  }
}

TEST(TextFile, SaysWhatIsNotAFile) {
  const test::TemporaryFolder folder;
  const test::Thrown missing = error_of([&] { read_text_file(folder / "none", 10, ExitCode::usage); });
  EXPECT_EQ(missing.code, ExitCode::usage);
  EXPECT_TRUE(missing.says("none: there is no such file"));
  const test::Thrown directory = error_of([&] { read_text_file(folder.path(), 10, ExitCode::storage); });
  EXPECT_EQ(directory.code, ExitCode::storage);
  EXPECT_EQ(directory.message, folder.path().string() + ": is a folder, not a file");
}

}  // namespace
}  // namespace plait
