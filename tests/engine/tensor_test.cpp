#include "engine/tensor.h"

#include <gtest/gtest.h>

#include "tests/support/error_of.h"

namespace plait {
namespace {

TEST(Shape, CountsRowsAndColumns) {
  const Shape images{64, 28, 27, 3};
  EXPECT_EQ(images.rank(), 4);
  EXPECT_EQ(images.rows(), 64);
  EXPECT_EQ(images.columns(), 28 * 27 * 3);
  EXPECT_EQ(images.count(), 64 * 28 * 27 * 3);
  EXPECT_EQ(to_string(images), "[64, 28, 27, 3]");

  const Shape vector{5};
  EXPECT_EQ(vector.rows(), 5);
  EXPECT_EQ(vector.columns(), 1);
  EXPECT_EQ((Shape{0, 7}.count()), 0);
  EXPECT_EQ(Shape{}.count(), 1) << "a scalar";
  EXPECT_EQ(to_string(Shape{}), "[]");
  EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
  EXPECT_NE((Shape{2, 3}), (Shape{2, 3, 1}));
}

TEST(Shape, HasAtMostFourDimensions) {
  const test::Thrown thrown = test::error_of([] { Shape{1, 2, 3, 4, 5}; });
  EXPECT_EQ(thrown.code, ExitCode::internal);
  EXPECT_TRUE(thrown.says("4 dimensions")) << thrown.message;
}

TEST(Tensor, RowsArePaddedToSixteenBytes) {
  const std::int64_t floats[][2] = {{0, 0}, {1, 4}, {4, 4}, {5, 8}, {1000, 1000}};
  for (const auto& [columns, stride] : floats) EXPECT_EQ(padded_stride(columns, DType::f32), stride) << columns;
  const std::int64_t doubles[][2] = {{1, 2}, {2, 2}, {3, 4}};
  for (const auto& [columns, stride] : doubles) EXPECT_EQ(padded_stride(columns, DType::f64), stride) << columns;
  EXPECT_EQ(padded_stride(17, DType::u8), 32);
}

TEST(Tensor, FlattensImagesWithoutCopying) {
  float memory[2 * 16] = {};
  const Tensor image{.data = memory, .dtype = DType::f32, .shape = {2, 2, 3, 2}, .row_stride = 16};
  const Tensor matrix = image.flattened();
  EXPECT_EQ(matrix.shape, (Shape{2, 12}));
  EXPECT_EQ(matrix.row_stride, 16);
  EXPECT_EQ(matrix.data, memory);
}

TEST(Tensor, TrapsUseOfAnotherTypeAndOfStaleMemory) {
  float memory[4] = {};
  std::uint64_t generation = 3;
  Tensor t{.data = memory, .dtype = DType::f32, .shape = {4}, .row_stride = 1};
  EXPECT_NO_THROW(t.check_use(DType::f32)) << "belongs to no arena";
  EXPECT_TRUE(test::error_of([&] { t.check_use(DType::f64); }).says("another type"));
  t.arena_generation = &generation;
  t.generation = 3;
  EXPECT_NO_THROW(t.check_use(DType::f32));
  generation = 4;
  EXPECT_TRUE(test::error_of([&] { t.check_use(DType::f32); }).says("reset"));
}

}  // namespace
}  // namespace plait
