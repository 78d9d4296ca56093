#include "io/formats/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/error_of.h"
#include "tests/support/oracle_python.h"
#include "tests/support/temporary_folder.h"

namespace plait {
namespace {

using test::error_of;
using test::Thrown;
namespace fs = std::filesystem;

template <class T>
const std::byte* bytes_of(const std::vector<T>& values) {
  return reinterpret_cast<const std::byte*>(values.data());
}

// A file by hand: length, header, data.
std::string file_of(const std::string& json, std::size_t data_bytes) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(json.size() >> (8 * i) & 0xff);
  return out + json + std::string(data_bytes, '\1');
}

std::string entry(const std::string& name, const std::string& shape, std::size_t begin, std::size_t end) {
  return "\"" + name + "\":{\"dtype\":\"F32\",\"shape\":" + shape + ",\"data_offsets\":[" + std::to_string(begin) +
         "," + std::to_string(end) + "]}";
}

class Safetensors : public testing::Test {
 protected:
  Thrown read_error(const std::string& bytes) {
    const fs::path path = test::write_bytes(folder / "m.safetensors", bytes);
    return error_of([&] { SafetensorsFile file(path); });
  }
  test::TemporaryFolder folder;
};

TEST_F(Safetensors, RoundTripsTypesShapesAndMetadata) {
  const std::vector<float> f32{1.5f, -0.0f, 3e-40f, 4, 5, 6};
  const std::vector<double> f64{0.1};
  const std::vector<std::int32_t> i32{-7, 8};
  const std::vector<std::int64_t> i64{std::int64_t{1} << 60};
  const std::vector<std::uint8_t> u8{1, 2, 255};
  const std::vector<std::uint16_t> bf16{0x3f80, 0xc020};
  const std::vector<SafeTensor> tensors{
      {"encoder.ehr.0.weight", SafeType::f32, {2, 3}, bytes_of(f32)},
      {"odd", SafeType::u8, {3}, bytes_of(u8)},
      {"scalar", SafeType::f64, {}, bytes_of(f64)},
      {"empty", SafeType::f32, {0, 5}, nullptr},
      {"i32", SafeType::i32, {1, 1, 2, 1}, bytes_of(i32)},
      {"i64", SafeType::i64, {1}, bytes_of(i64)},
      {"bf16", SafeType::bf16, {2}, bytes_of(bf16)},
  };
  const SafeMetadata metadata{{"plait.format", "1"}, {"plait.model", "{\"a\": \"\\u00e9 \xc3\xa9\n\"}"}};
  const fs::path path = folder / "m.safetensors";
  write_safetensors(path, tensors, metadata);

  const SafetensorsFile file(path);
  EXPECT_EQ(file.metadata(), metadata);
  ASSERT_EQ(file.tensors().size(), tensors.size());
  for (const SafeTensor& wanted : tensors) {
    const SafeTensor* found = file.find(wanted.name);
    ASSERT_NE(found, nullptr) << wanted.name;
    EXPECT_EQ(found->type, wanted.type);
    EXPECT_EQ(found->shape, wanted.shape);
    const auto size = static_cast<std::size_t>(wanted.rows() * wanted.columns()) * safe_type_size(wanted.type);
    EXPECT_TRUE(size == 0 || std::memcmp(found->data, wanted.data, size) == 0) << wanted.name;
  }
  EXPECT_EQ(file.tensors()[0].name, "encoder.ehr.0.weight");  // the order of writing
  EXPECT_EQ(file.find("absent"), nullptr);

  const std::string bytes = test::read_bytes(path);
  EXPECT_EQ(static_cast<std::uint8_t>(bytes[0]) % 8, 0);  // the data starts at a multiple of 8
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(Safetensors, RowsMayBePaddedInMemoryAndNeverAreInTheFile) {
  const std::vector<float> padded{1, 2, 3, -1, 4, 5, 6, -1};
  write_safetensors(folder / "m", std::vector<SafeTensor>{{"w", SafeType::f32, {2, 3}, bytes_of(padded), 4}}, {});
  const SafetensorsFile file(folder / "m");
  std::vector<float> back(10, -9);
  copy_floats(*file.find("w"), back.data(), 5);
  EXPECT_EQ(back, (std::vector<float>{1, 2, 3, -9, -9, 4, 5, 6, -9, -9}));
}

TEST_F(Safetensors, CopiesFloatsOfEveryFloatingType) {
  const std::vector<double> f64{0.1, 1e300};
  const std::vector<std::uint16_t> bf16{0x3f80, 0xc020};  // 1, -2.5
  const std::vector<std::uint8_t> u8{1};
  // The single byte in front leaves the others unaligned.
  write_safetensors(folder / "m",
                    std::vector<SafeTensor>{{"u8", SafeType::u8, {1}, bytes_of(u8)},
                                            {"f64", SafeType::f64, {2}, bytes_of(f64)},
                                            {"bf16", SafeType::bf16, {1, 2}, bytes_of(bf16)}},
                    {});
  const SafetensorsFile file(folder / "m");
  float two[2];
  copy_floats(*file.find("f64"), two, 1);
  EXPECT_EQ(two[0], 0.1f);
  EXPECT_EQ(two[1], std::numeric_limits<float>::infinity());
  copy_floats(*file.find("bf16"), two, 2);
  EXPECT_EQ(two[0], 1.0f);
  EXPECT_EQ(two[1], -2.5f);
  EXPECT_EQ(error_of([&] { copy_floats(*file.find("u8"), two, 1); }).code, ExitCode::storage);
}

TEST_F(Safetensors, AFileWithoutTensorsIsSound) {
  write_safetensors(folder / "m", {}, {});
  EXPECT_TRUE(SafetensorsFile(folder / "m").tensors().empty());
  EXPECT_EQ(read_error(file_of("{}", 0)).code, ExitCode::done);
}

TEST_F(Safetensors, AcceptsAnyOrderOfNamesAndSpaces) {
  const std::string json = "{ " + entry("b", "[1]", 4, 8) + " , " + entry("a", "[1, 1]", 0, 4) + " }   ";
  ASSERT_EQ(read_error(file_of(json, 8)).message, "");
  const SafetensorsFile file(folder / "m.safetensors");
  EXPECT_EQ(file.tensors()[0].name, "a");
  EXPECT_EQ(file.tensors()[1].name, "b");
}

TEST_F(Safetensors, EveryPrefixIsAStorageError) {
  const std::string whole = file_of("{" + entry("a", "[2]", 0, 8) + ",\"__metadata__\":{\"k\":\"v\"}}", 8);
  ASSERT_EQ(read_error(whole).message, "");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const Thrown thrown = read_error(whole.substr(0, length));
    EXPECT_EQ(thrown.code, ExitCode::storage) << length;
    EXPECT_TRUE(thrown.says("m.safetensors: ")) << thrown.message;
  }
  EXPECT_TRUE(read_error(whole + "x").says("left over"));
}

TEST_F(Safetensors, RefusesWhatTheFormatDoesNotAllow) {
  const struct {
    std::string json, says;
    std::size_t bytes;
  } cases[] = {
      {"", "not a JSON object", 0},
      {" {}", "not a JSON object", 0},
      {"[]", "not a JSON object", 0},
      {"{", "not valid JSON", 0},
      {"{} {}", "not valid JSON", 0},
      {"{" + entry("a\xff", "[1]", 0, 4) + "}", "not valid JSON", 4},
      {"{" + entry("a", "[1]", 0, 4) + "," + entry("a", "[1]", 4, 8) + "}", "appears twice", 8},
      {"{\"__metadata__\":{},\"__metadata__\":{}}", "appears twice", 0},
      {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", "appears twice", 0},
      {"{\"__metadata__\":{\"k\":1}}", "unexpected value", 0},
      {"{\"__metadata__\":[]}", "unexpected value", 0},
      {"{\"__metadata__\":{\"k\":{}}}", "unexpected value", 0},
      {"{\"a\":1}", "unexpected value", 0},
      {"{\"a\":null}", "unexpected value", 0},
      {"{\"a\":{}}", "lacks dtype", 0},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", "lacks dtype", 4},
      {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "appears twice", 4},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"more\":1}}", "unknown field", 4},
      {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", "is not one of", 4},
      {"{\"a\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}", "unexpected value", 4},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", "two numbers", 4},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", "two numbers", 4},
      {"{" + entry("a", "[-1]", 0, 4) + "}", "unexpected value", 4},
      {"{" + entry("a", "[1.0]", 0, 4) + "}", "unexpected value", 4},
      {"{" + entry("a", "[[1]]", 0, 4) + "}", "unexpected value", 4},
      {"{" + entry("a", "[1,1,1,1,1]", 0, 4) + "}", "more than 4 dimensions", 4},
      {"{" + entry("a", "[18446744073709551615]", 0, 4) + "}", "too large", 4},
      {"{" + entry("a", "[18446744073709551616]", 0, 4) + "}", "unexpected value", 4},
      {"{" + entry("a", "[4294967296,4294967296]", 0, 4) + "}", "too large", 4},
      {"{" + entry("a", "[4611686018427387904,4]", 0, 0) + "}", "too large", 0},
      {"{" + entry("a", "[2]", 0, 4) + "}", "does not match", 4},
      {"{" + entry("a", "[1]", 0, 8) + "}", "does not match", 8},
      {"{" + entry("a", "[1]", 4, 8) + "}", "do not start", 8},
      {"{" + entry("a", "[1]", 0, 4) + "," + entry("b", "[1]", 8, 12) + "}", "do not start", 12},
      {"{" + entry("a", "[2]", 0, 8) + "," + entry("b", "[1]", 4, 8) + "}", "do not start", 8},
      {"{" + entry("a", "[1]", 0, 4) + "," + entry("b", "[1]", 0, 4) + "}", "do not start", 4},
      {"{" + entry("a", "[1]", 4, 0) + "}", "do not start", 4},
      {"{" + entry("a", "[2]", 0, 8) + "}", "outside the file", 4},
      {"{" + entry("a", "[1]", 0, 4) + "}", "left over", 5},
      {"{\"a\":{\"a\":" + std::string(100'000, '[') + "}}", "unknown field", 0},
      {"{\"a\":{\"shape\":" + std::string(100'000, '[') + "}}", "unexpected value", 0},
  };
  for (const auto& c : cases) {
    const Thrown thrown = read_error(file_of(c.json, c.bytes));
    EXPECT_EQ(thrown.code, ExitCode::storage) << c.json.substr(0, 80);
    EXPECT_TRUE(thrown.says(c.says)) << c.json.substr(0, 80) << "\n" << thrown.message;
  }
}

TEST_F(Safetensors, AbsurdHeaderLengthsAreRefused) {
  for (const std::uint64_t length :
       {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{100'000'001}, ~std::uint64_t{0}, ~std::uint64_t{0} - 7}) {
    std::string bytes(reinterpret_cast<const char*>(&length), 8);
    EXPECT_EQ(read_error(bytes + "{}").code, ExitCode::storage) << length;
  }
  EXPECT_EQ(error_of([&] { SafetensorsFile file(folder / "none"); }).code, ExitCode::storage);
  EXPECT_EQ(error_of([&] { SafetensorsFile file(folder.path()); }).code, ExitCode::storage);
}

TEST_F(Safetensors, NamesInMessagesAreEscaped) {
  const Thrown thrown = read_error(file_of("{\"\\u001b[31m\":1}", 0));
  EXPECT_EQ(thrown.message.find('\x1b'), std::string::npos) << thrown.message;
}

TEST_F(Safetensors, AFailedWriteLeavesTheOldFile) {
  test::write_bytes(folder / "m", "old");
  const std::vector<float> one{1};
  const SafeTensor tensor{"a", SafeType::f32, {1}, bytes_of(one)};
  EXPECT_EQ(error_of([&] {
              write_safetensors(folder / "m", std::vector{tensor, tensor}, {});
            }).code,
            ExitCode::internal);
  EXPECT_EQ(test::read_bytes(folder / "m"), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
  EXPECT_EQ(error_of([&] { write_safetensors(folder / "no/folder", std::vector{tensor}, {}); }).code,
            ExitCode::storage);
}

// The stock package reads what we write and the other way round.
TEST_F(Safetensors, AgreesWithThePythonPackage) {
  const std::string python = test::oracle_python("numpy, safetensors.numpy");
  if (python.empty())
    GTEST_SKIP()
        << "no Python with numpy and safetensors: tried $PLAIT_PYTHON, plait/venv in the cache folder, python3";
  const std::vector<float> f32{1.5f, -2, 3, 4, 5, 6.25f};
  const std::vector<std::uint8_t> u8{1, 2, 3};
  const std::vector<std::int64_t> i64{-5};
  write_safetensors(folder / "ours",
                    std::vector<SafeTensor>{{"odd", SafeType::u8, {3}, bytes_of(u8)},
                                            {"w", SafeType::f32, {2, 3}, bytes_of(f32)},
                                            {"s", SafeType::i64, {}, bytes_of(i64)}},
                    {{"plait.format", "1"}});
  const fs::path script = test::write_bytes(folder / "check.py", R"(
import sys, numpy
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
ours, theirs = sys.argv[1:]
tensors = load_file(ours)
assert tensors["w"].tolist() == [[1.5, -2, 3], [4, 5, 6.25]], tensors["w"]
assert tensors["odd"].tolist() == [1, 2, 3] and tensors["s"].tolist() == -5
with safe_open(ours, "numpy") as f:
    assert f.metadata() == {"plait.format": "1"}, f.metadata()
save_file({"b": numpy.arange(3, dtype=numpy.uint8), "a": numpy.array([[0.5, 7]], dtype=numpy.float32)}, theirs, {"k": "v"})
)");
  const test::Finished checked = test::run_program({python, script.string(), folder / "ours", folder / "theirs"});
  ASSERT_EQ(checked.code, 0) << checked.err;
  const SafetensorsFile theirs(folder / "theirs");
  EXPECT_EQ(theirs.metadata(), (SafeMetadata{{"k", "v"}}));
  ASSERT_EQ(theirs.tensors().size(), 2u);
  float two[2];
  copy_floats(*theirs.find("a"), two, 2);
  EXPECT_EQ(two[0], 0.5f);
  EXPECT_EQ(two[1], 7.0f);
}

}  // namespace
}  // namespace plait
