#include "engine/parameter_memory.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/error_of.h"

namespace plait {
namespace {

Parameter named(const char* name, const Shape& shape) {
  return {.index = 0, .name = name, .shape = shape};
}

TEST(ParameterMemory, CountsEveryBufferAgainstTheLimit) {
  const std::vector<Parameter> parameters{named("a.weight", {3, 5}), named("a.bias", {3}), named("b", {2, 3, 3, 4})};
  const std::uint64_t elements = 3 * 5 + 3 + 2 * 3 * 3 * 4;
  for (const std::int64_t buffers : {1, 2, 5})
    for (const DType dtype : {DType::f32, DType::f64}) {
      const std::uint64_t bytes = elements * dtype_size(dtype) * static_cast<std::uint64_t>(buffers);
      EXPECT_NO_THROW(check_parameter_memory(parameters, dtype, buffers, bytes));
      const auto refused = test::error_of([&] { check_parameter_memory(parameters, dtype, buffers, bytes - 1); });
      EXPECT_EQ(refused.code, ExitCode::device);
      EXPECT_TRUE(refused.says("(" + std::to_string(bytes) + " bytes)")) << refused.message;
      EXPECT_TRUE(refused.says("b [2, 3, 3, 4]")) << "the largest tensor: " << refused.message;
    }
  EXPECT_NO_THROW(check_parameter_memory({}, DType::f32, 5, 0));
}

TEST(ParameterMemory, SumsThatOverflowAreMoreThanAnyLimit) {
  const std::int64_t half = std::int64_t{1} << 32;
  for (const std::vector<Parameter>& parameters :
       {std::vector{named("w", {half, half})}, std::vector{named("w", {half, half / 8}), named("v", {half, half / 8})},
        std::vector{named("w", {half, half / 16})}}) {
    const auto refused = test::error_of([&] { check_parameter_memory(parameters, DType::f32, 4, ~0ull - 1); });
    EXPECT_EQ(refused.code, ExitCode::device);
    EXPECT_TRUE(refused.says("w [4294967296, ")) << refused.message;
  }
}

TEST(ParameterMemory, ATensorHasAsManyElementsAsItsRandomNumbersCanTellApart) {
  const std::uint64_t plenty = std::uint64_t{1} << 60;
  EXPECT_NO_THROW(check_parameter_memory(std::vector{named("w", {65535, 65537})}, DType::f32, 5, plenty));  // 2^32 - 1
  const auto refused = test::error_of([&] {
    check_parameter_memory(std::vector{named("w", {65536, 65536})}, DType::f32, 5, plenty);
  });
  EXPECT_EQ(refused.code, ExitCode::usage);
  EXPECT_TRUE(refused.says("w [65536, 65536]") && refused.says("4294967295")) << refused.message;
}

TEST(ParameterMemory, AllocationAsksFirst) {
  EXPECT_GT(memory_limit_bytes(), std::uint64_t{1} << 27);  // some 100 MB are needed to be here at all
  ParameterStore store;
  store.add("vast", {std::int64_t{1} << 28, std::int64_t{1} << 28}, Init::he_uniform, true);
  EXPECT_EQ(test::error_of([&] { store.allocate(1); }).code, ExitCode::device);
}

}  // namespace
}  // namespace plait
