#include "engine/arena.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "tests/support/error_of.h"

namespace plait {
namespace {

std::uintptr_t address(const void* p) {
  return reinterpret_cast<std::uintptr_t>(p);
}

TEST(Arena, HandsOutAlignedMemoryThatDoesNotOverlap) {
  Arena arena;
  EXPECT_EQ(arena.bytes(0), nullptr);
  EXPECT_EQ(arena.capacity(), 0u) << "asked for nothing, owns nothing";
  std::vector<std::pair<unsigned char*, std::size_t>> parts;
  for (const std::size_t size : {1u, 63u, 64u, 65u, 100'000u, 1'000'000u, 3'000'000u, 5u}) {
    auto* part = static_cast<unsigned char*>(arena.bytes(size));
    EXPECT_EQ(address(part) % Arena::alignment, 0u) << size;
    std::memset(part, static_cast<int>(parts.size()), size);
    parts.push_back({part, size});
  }
  for (std::size_t i = 0; i < parts.size(); ++i)
    for (const std::size_t at : {std::size_t{0}, parts[i].second - 1})
      EXPECT_EQ(parts[i].first[at], i) << "part " << i << " was written over";
}

TEST(Arena, OwnsOneBlockThatFitsAfterTheFirstSteps) {
  Arena arena;
  const auto step = [&] {
    arena.reset();
    for (int i = 0; i < 10; ++i) arena.bytes(700'000);
  };
  step();
  EXPECT_GT(arena.block_allocations(), 1) << "the first step grows block by block";
  step();
  const std::int64_t settled = arena.block_allocations();
  const std::size_t capacity = arena.capacity();
  EXPECT_GE(capacity, 7'000'000u);
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(arena.block_allocations(), settled) << "later steps ask the system for nothing";
  EXPECT_EQ(arena.capacity(), capacity);
}

TEST(Arena, GivesScratchBack) {
  Arena arena;
  arena.bytes(64);
  void* first = nullptr;
  {
    const Scratch scratch(arena, 1000);
    first = scratch.data();
    const Scratch inner(arena, 3'000'000);  // in a block of its own
    EXPECT_NE(inner.data(), nullptr);
  }
  EXPECT_EQ(arena.bytes(10), first) << "the scratch's place is used again";
  const Scratch nothing(arena, 0);
  EXPECT_EQ(nothing.data(), nullptr);
}

TEST(Arena, MakesTensorsWithPaddedRows) {
  Arena arena;
  const Tensor t = arena.tensor({3, 2, 5, 1}, DType::f32);
  EXPECT_EQ(t.row_stride, 12);
  EXPECT_EQ(address(t.data) % 64, 0u);
  const Tensor after = arena.tensor({1, 1}, DType::f32);
  EXPECT_GE(address(after.data) - address(t.data), 3u * 12 * sizeof(float)) << "padding belongs to the tensor";
  const Tensor same = arena.like(t);
  EXPECT_EQ(same.shape, t.shape);
  EXPECT_EQ(same.row_stride, t.row_stride);
  EXPECT_NE(same.data, t.data);
  EXPECT_TRUE(arena.tensor({0, 5}, DType::f64).empty());
}

TEST(Arena, ResetMakesItsTensorsStale) {
  Arena arena;
  const Tensor t = arena.tensor({2, 2}, DType::f32);
  EXPECT_NO_THROW(t.check_use(DType::f32));
  arena.reset();
  EXPECT_TRUE(test::error_of([&] { t.check_use(DType::f32); }).says("arena was reset"));
  EXPECT_NO_THROW(arena.tensor({2, 2}, DType::f32).check_use(DType::f32));
}

TEST(Arena, OutOfMemoryIsADeviceErrorThatSaysWhatToDo) {
  Arena arena;
  const test::Thrown thrown = test::error_of([&] { arena.bytes(std::size_t{1} << 60); });
  EXPECT_EQ(thrown.code, ExitCode::device);
  EXPECT_TRUE(thrown.says("batch_size")) << thrown.message;
  EXPECT_NE(arena.bytes(100), nullptr) << "still usable";
}

}  // namespace
}  // namespace plait
