#include "io/formats/column_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <numeric>

#include "tests/support/column_bytes.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace plait {
namespace {

using test::error_of;
using test::read_bytes;
using test::Thrown;
using test::write_bytes;

const std::vector<std::string> words = {"one", "", "t\xc3\xa9"};

// Two and a half chunks of numbers, an empty column, texts.
void write_file(const std::filesystem::path& path, std::size_t numbers = 5 * column_chunk / 8) {
  std::vector<std::uint32_t> values(numbers);
  std::iota(values.begin(), values.end(), 7u);
  ColumnFileWriter writer(path);
  writer.begin("numbers", ColumnValue::u32);  // in pieces that end nowhere near a chunk's end
  for (std::size_t at = 0; at < values.size(); at += 9999)
    writer.append(values.data() + at, std::min<std::size_t>(9999, values.size() - at) * sizeof(values[0]));
  writer.column<double>("empty", {});
  writer.column<std::uint8_t>("bytes", std::vector<std::uint8_t>{1, 2, 3});
  writer.texts("words", words);
  writer.commit();
}

// Everything is read.
void read_file(const std::filesystem::path& path) {
  const ColumnFile file(path);
  file.values<std::uint32_t>("numbers");
  file.values<double>("empty");
  file.values<std::uint8_t>("bytes", 3);
  file.texts("words");
}

class ColumnFiles : public testing::Test {
 protected:
  // What reading the changed bytes throws.
  Thrown reading(const std::string& bytes) {
    return error_of([&] { read_file(write_bytes(folder / "changed", bytes)); });
  }

  test::TemporaryFolder folder;
  std::filesystem::path path = folder / "columns";
};

TEST_F(ColumnFiles, RoundTrip) {
  write_file(path);
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  EXPECT_TRUE(ColumnFile::is_one(path));
  const ColumnFile file(path);
  const auto numbers = file.values<std::uint32_t>("numbers");
  ASSERT_EQ(numbers.size(), 5 * column_chunk / 8);
  for (std::size_t i = 0; i < numbers.size(); ++i) ASSERT_EQ(numbers[i], i + 7);
  EXPECT_TRUE(file.values<double>("empty").empty());
  EXPECT_EQ(file.values<std::uint8_t>("bytes", 3)[2], 3);
  EXPECT_EQ(file.texts("words"), words);
  for (const char* name : {"numbers", "empty", "bytes", "words", "words.ends"}) {
    ASSERT_NE(file.find(name), nullptr) << name;
    EXPECT_EQ(file.find(name)->offset % 64, 0u) << name;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.data(*file.find(name))) % 64, 0u) << name;
  }
  EXPECT_EQ(file.find("others"), nullptr);
}

TEST_F(ColumnFiles, WithoutAColumn) {
  ColumnFileWriter(path).commit();
  EXPECT_EQ(std::filesystem::file_size(path), 128u);
  EXPECT_EQ(ColumnFile(path).find("numbers"), nullptr);
}

TEST_F(ColumnFiles, NothingIsThereWithoutCommit) {
  {
    ColumnFileWriter writer(path);
    writer.column<std::uint8_t>("bytes", std::vector<std::uint8_t>(100));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST_F(ColumnFiles, WhatTheReaderAsksForHasToBeThere) {
  write_file(path, 4);
  const ColumnFile file(path);
  EXPECT_TRUE(error_of([&] { file.values<double>("none"); }).says(path.string() + ": column \"none\": is missing"));
  EXPECT_TRUE(error_of([&] { file.values<float>("numbers"); }).says("column \"numbers\": is of another type"));
  EXPECT_TRUE(error_of([&] { file.values<std::uint32_t>("numbers", 5); }).says("has 4 values where 5 belong"));
}

TEST_F(ColumnFiles, EveryTurnedBitIsNoticed) {
  write_file(path, 20);
  const std::string sound = read_bytes(path);
  ASSERT_EQ(reading(sound).code, ExitCode::done);
  for (std::size_t i = 0; i < sound.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = sound;
      bytes[i] = static_cast<char>(bytes[i] ^ 1 << bit);
      ASSERT_EQ(reading(bytes).code, ExitCode::data) << "byte " << i << ", bit " << bit;
    }
}

TEST_F(ColumnFiles, EveryOtherLengthIsNoticed) {
  write_file(path, 20);
  const std::string sound = read_bytes(path);
  for (std::size_t length = 0; length < sound.size(); ++length)
    ASSERT_EQ(reading(sound.substr(0, length)).code, ExitCode::data) << length;
  for (std::size_t more = 1; more <= 130; ++more)
    ASSERT_EQ(reading(sound + std::string(more, '\0')).code, ExitCode::data) << more;
  EXPECT_EQ(reading(sound + sound).code, ExitCode::data);
}

// Damage is told when its chunk is met, not before: nobody reads a terabyte to open it.
TEST_F(ColumnFiles, ChunksAreVerifiedWhenTheyAreMet) {
  write_file(path);
  std::string bytes = read_bytes(path);
  const std::size_t at = 64 + column_chunk + 12345;
  bytes[at] ^= 4;
  write_bytes(path, bytes);
  const ColumnFile file(path);
  const ColumnFile::Column& numbers = file.at("numbers", ColumnValue::u32);
  EXPECT_NO_THROW(file.verify(numbers, 0, column_chunk));
  EXPECT_NO_THROW(file.verify(numbers, 2 * column_chunk, numbers.bytes));
  for (int again = 0; again < 2; ++again) {
    const Thrown thrown = error_of([&] { file.verify(numbers, column_chunk - 1, column_chunk + 1); });
    EXPECT_EQ(thrown.code, ExitCode::data);
    EXPECT_TRUE(thrown.says(path.string() + ": column \"numbers\": the checksum of bytes 1048640 to 2097216"))
        << thrown.message;
  }
}

TEST_F(ColumnFiles, AnInspectionIsAskedOnceAChunkUntilItAgrees) {
  write_file(path);
  const ColumnFile file(path);
  const ColumnFile::Column& numbers = file.at("numbers", ColumnValue::u32);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> asked;
  const auto note = [&](std::uint64_t begin, std::uint64_t end) { asked.emplace_back(begin, end); };
  const auto refuse = [&](std::uint64_t, std::uint64_t) { file.fail("numbers", "no"); };
  EXPECT_THROW(file.verify(numbers, 0, 8, refuse), Error);
  file.verify(numbers, 2 * column_chunk, numbers.bytes, note);
  file.verify(numbers, 0, 8, note);
  file.verify(numbers, 4, 12, note);
  file.verify(numbers, 8, 8, note);
  EXPECT_EQ(asked, (std::vector<std::pair<std::uint64_t, std::uint64_t>>{{2 * column_chunk, numbers.bytes},
                                                                         {0, column_chunk}}));
}

// Numbers that lie under right checksums. Directory entries: name 0, type 32, zero 36, offset 40, bytes 48, chunk 56.
TEST_F(ColumnFiles, LyingNumbersAreRefused) {
  write_file(path, 20);
  const std::string sound = read_bytes(path);
  ASSERT_EQ(reading(test::resealed(sound)).code, ExitCode::done);
  const std::size_t directory = test::number_at(sound, sound.size() - 48);
  const auto with = [&](std::size_t at, std::uint64_t value, std::size_t size) {
    std::string bytes = sound;
    std::memcpy(bytes.data() + at, &value, size);
    return reading(test::resealed(bytes));
  };
  constexpr std::uint64_t huge[] = {~0ull, ~0ull - 63, 1ull << 63, 1ull << 32, (1ull << 62) + 64, 1ull << 20};
  for (const std::size_t entry : {0u, 1u, 2u, 3u, 4u})
    for (const std::size_t field : {40u, 48u, 56u})
      for (std::uint64_t value : huge) {
        EXPECT_EQ(with(directory + 64 * entry + field, value, 8).code, ExitCode::data)
            << "entry " << entry << ", field " << field << ": " << value;
        value = test::number_at(sound, directory + 64 * entry + field) + (field == 56 ? 1 : 64);
        EXPECT_EQ(with(directory + 64 * entry + field, value, 8).code, ExitCode::data) << entry << ", " << field;
      }
  EXPECT_TRUE(with(directory + 32, 0, 4).says("column \"numbers\": is of a type"));
  EXPECT_TRUE(with(directory + 32, 8, 4).says("column \"numbers\": is of a type"));
  EXPECT_TRUE(with(directory + 36, 1, 4).says("column \"numbers\": is of a type"));
  EXPECT_TRUE(with(directory, 0, 8).says("entry 0 has no name"));
  EXPECT_TRUE(with(directory + 24, ~0ull, 8).says("entry 0 has no name"));         // something behind its end
  EXPECT_TRUE(with(directory, 'A', 1).says("entry 0 has no name"));                // a letter that names have not
  EXPECT_TRUE(with(directory + 64, 0x7365747962, 8).says("entry 2 has no name"));  // "bytes" again
  for (const std::size_t field : {48u, 40u, 32u, 24u})  // of the trailer: directory, columns, chunks, file_bytes
    for (const std::uint64_t value : huge)
      EXPECT_EQ(with(sound.size() - field, value, 8).code, ExitCode::data) << field << ": " << value;
  EXPECT_EQ(with(sound.size() - 40, 4, 8).code, ExitCode::data);  // a column fewer
  EXPECT_EQ(with(sound.size() - 32, 3, 8).code, ExitCode::data);  // a checksum fewer
}

TEST_F(ColumnFiles, TextsThatDoNotFit) {
  for (const std::vector<std::uint64_t>& ends :
       {std::vector<std::uint64_t>{2, 1, 3}, {1, 4, 3}, {1, 2}, {}, {~0ull, 3}}) {
    ColumnFileWriter writer(path);
    writer.column<std::uint8_t>("words", std::vector<std::uint8_t>{'a', 'b', 'c'});
    writer.column<std::uint64_t>("words.ends", ends);
    writer.commit();
    EXPECT_TRUE(error_of([&] { ColumnFile(path).texts("words"); }).says("column \"words\": its texts do not fi"));
  }
}

TEST_F(ColumnFiles, OtherThingsThanFiles) {
  EXPECT_EQ(error_of([&] { ColumnFile file(folder / "none"); }).code, ExitCode::data);
  EXPECT_TRUE(error_of([&] { ColumnFile file(folder.path()); }).says("is no regular file"));
  EXPECT_TRUE(error_of([&] { ColumnFile file("/dev/null"); }).says("/dev/null: is no regular file"));
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_TRUE(error_of([&] { ColumnFile file(folder / "pipe"); }).says("is no regular file"));
  for (const char* text : {"", "patient_id,age\n"})
    EXPECT_TRUE(error_of([&] { ColumnFile file(write_bytes(folder / "text", text)); }).says("is no prepared cohort"));
  EXPECT_FALSE(ColumnFile::is_one(folder / "text"));
}

}  // namespace
}  // namespace plait
