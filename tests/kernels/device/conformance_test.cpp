// The instructions that kernels are made of do the same on a GPU as on the executor that has proven them. On a new GPU
// this runs first: gpu_tests --gtest_filter='Conformance*'. The expected words are the executor's:
//   PLAIT_WRITE_GOLDEN=1 simt_tests --gtest_filter='Conformance*'     writes tests/golden/device/<case>.txt anew
//   PLAIT_GOLDEN_DIR=<folder>                                         where they are, if not in the source tree
#include "tests/kernels/device/conformance.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "kernels/math/bf16.h"
#include "tests/support/device_test.h"
#include "tests/support/random_values.h"

namespace plait::testing {
namespace {

std::vector<float> inputs(Input kind) {
  if (kind == Input::integers) {
    std::vector<float> x = random_integers<float>(input_words, 5, 9);
    for (float& v : x) v -= 4.0f;
    return x;
  }
  std::vector<float> x = random_values<float>(input_words, 6);
  if (kind == Input::reals) return x;
  constexpr float infinity = std::numeric_limits<float>::infinity(), tiny = std::numeric_limits<float>::denorm_min();
  // Around the ties of bf16 (8 bits) and tf32 (11 bits), both to even and to odd neighbours; where a format ends.
  const float special[] = {0.0f,         -0.0f,         1.0f,           0x1.01p0f,
                           0x1.03p0f,    0x1.00fffep0f, 0x1.010002p0f,  0x1.001p0f,
                           0x1.003p0f,   0x1.000ffep0f, -0x1.001002p0f, -0x1.03p0f,
                           tiny,         -tiny,         0x1p-126f,      0x1.8p-127f,
                           0x1.01p-130f, 0x1.001p-133f, 0x1.fep127f,    0x1.fffffep127f,
                           -0x1.ffp127f, infinity,      -infinity,      std::numeric_limits<float>::quiet_NaN()};
  for (std::size_t i = 0; i < std::size(special); ++i) x[i * 3 + 1] = special[i];
  return x;
}

std::vector<std::uint32_t> words_of(const DeviceCase& device_case, cudaStream_t stream) {
  const DeviceArray<float> in(inputs(device_case.input), stream);
  const DeviceArray<std::uint32_t> out(static_cast<std::size_t>(device_case.words), stream);
  run(device_case, in.data(), out.data(), stream);
  return out.host();
}

std::string golden_path(const DeviceCase& device_case) {
  const char* folder = std::getenv("PLAIT_GOLDEN_DIR");
  return (folder != nullptr ? std::string(folder) : PLAIT_SOURCE_DIR "/tests/golden/device") + "/" + device_case.name +
         ".txt";
}

// Eight words a line, in hexadecimal.
void write_golden(const std::string& path, const std::vector<std::uint32_t>& words) {
  std::ofstream file(path);
  for (std::size_t i = 0; i < words.size(); ++i) {
    char text[16];
    std::snprintf(text, sizeof text, "%08x%c", words[i], i % 8 == 7 || i + 1 == words.size() ? '\n' : ' ');
    file << text;
  }
  ASSERT_TRUE(file.flush()) << "cannot write " << path;
}

std::vector<std::uint32_t> read_golden(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::uint32_t> words;
  for (std::uint32_t word; file >> std::hex >> word;) words.push_back(word);
  return words;
}

bool same(std::uint32_t actual, std::uint32_t expected, double tolerance) {
  const float a = std::bit_cast<float>(actual), e = std::bit_cast<float>(expected);
  if (tolerance == 0.0) return actual == expected;
  return std::fabs(double{a} - e) <= tolerance * (1.0 + std::fabs(double{e}));
}

class ConformanceOfMatrices : public DeviceTest {};
class Conformance : public DeviceTest, public ::testing::WithParamInterface<DeviceCase> {};

TEST_P(Conformance, GivesTheExecutorsWords) {
  const DeviceCase& device_case = GetParam();
  const std::vector<std::uint32_t> actual = words_of(device_case, stream);
  const std::string path = golden_path(device_case);
  if (std::getenv("PLAIT_WRITE_GOLDEN") != nullptr) {
    ASSERT_TRUE(gpu::is_executor()) << "the expected words are the executor's, not a GPU's";
    write_golden(path, actual);
    GTEST_SKIP() << "written: " << path;
  }
  const std::vector<std::uint32_t> expected = read_golden(path);
  ASSERT_EQ(actual.size(), expected.size()) << path;
  int different = 0;
  for (std::size_t i = 0; i < actual.size(); ++i)
    if (!same(actual[i], expected[i], device_case.tolerance) && ++different <= 4)
      ADD_FAILURE() << "word " << i << ": " << std::hex << actual[i] << ", the executor's is " << expected[i];
  EXPECT_EQ(different, 0) << "of " << actual.size() << " words";
}

INSTANTIATE_TEST_SUITE_P(, Conformance, ::testing::ValuesIn(device_cases().begin(), device_cases().end()),
                         [](const auto& info) { return std::string(info.param.name); });

// fp32 to tf32 as its definition says: 11 significant bits, ties away from zero.
double nearest_tf32(double x) {
  int exponent = 0;
  const double mantissa = std::frexp(x, &exponent);
  return std::ldexp(std::round(std::ldexp(mantissa, 11)), exponent - 11);
}

// The same matrices in a plain loop: the executor's words are not only its own opinion.
TEST_F(ConformanceOfMatrices, ProductsAreThoseOfAPlainLoop) {
  for (const DeviceCase& device_case : device_cases()) {
    const std::string name = device_case.name;
    if (name.rfind("mma_", 0) != 0) continue;
    SCOPED_TRACE(name);
    const bool is_bf16 = name.rfind("mma_bf16", 0) == 0;
    const int k = is_bf16 ? 16 : 8;
    const std::vector<float> in = inputs(device_case.input);
    const auto operand = [&](int i) {
      const float x = in[static_cast<std::size_t>(i)];
      return is_bf16 ? double{to_float(to_bf16(x))} : nearest_tf32(x);
    };
    const std::vector<std::uint32_t> actual = words_of(device_case, stream);
    for (int row = 0; row < matrix_rows; ++row)
      for (int column = 0; column < matrix_columns; ++column) {
        const int element = row * matrix_columns + column;
        double sum = in[static_cast<std::size_t>(first_of_c + element)];
        for (int i = 0; i < k; ++i) sum += operand(row * k + i) * operand(first_of_b + i * matrix_columns + column);
        const double value = std::bit_cast<float>(actual[static_cast<std::size_t>(element)]);
        EXPECT_TRUE(std::fabs(value - sum) <= device_case.tolerance)
            << row << ", " << column << ": " << value << " against " << sum;
      }
  }
}

}  // namespace
}  // namespace plait::testing
