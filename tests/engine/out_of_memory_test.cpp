// A device without room for what is asked of it: the executor's, with a limit.
#include "engine/out_of_memory.h"

#include <gtest/gtest.h>

#include <cstring>

#include "engine/op_scope.h"
#include "engine/parameters.h"
#include "engine/train/device_batch.h"
#include "kernels/simt/memory_limit.h"
#include "tests/support/error_of.h"

namespace plait {
namespace {

using test::error_of;
using test::Thrown;

class LimitedDevice : public ::testing::Test {
 protected:
  void TearDown() override { simt::memory_limit() = 0; }
  static void expect_says(const Thrown& thrown, const std::string& message) {
    EXPECT_EQ(thrown.code, ExitCode::device);
    EXPECT_TRUE(thrown.says(message)) << thrown.message;
  }
};

TEST_F(LimitedDevice, ATensorIsNamedWithItsOp) {
  Arena arena(Device::gpu());
  simt::memory_limit() = 100'000;
  const OpScope scope(arena, "dense");
  expect_says(error_of([&] {
                arena.tensor({64, 1000}, DType::f32);
              }),
              "out of memory: [64, 1000] f32 of dense needs 256000 bytes beside the 0 that its step holds, 100000 are "
              "free on the device; ");
  expect_says(error_of([&] { Scratch(arena, 200'000); }), "scratch of dense needs 200000 bytes");
  arena.set_backward(true);
  expect_says(error_of([&] {
                arena.tensor({64, 1000}, DType::bf16);
              }),
              "[64, 1000] bf16 in the backward pass of dense");
  EXPECT_NO_THROW(arena.tensor({64, 100}, DType::f32)) << "what fits is to be had afterwards";
}

TEST_F(LimitedDevice, AnArenaAsksForNoMoreThanItNeedsWhereThereIsNoMore) {
  Arena arena(Device::gpu());
  simt::memory_limit() = 4'300'000;
  arena.bytes(4'000'000);
  EXPECT_NO_THROW(arena.bytes(200'000));  // half of what it has would be too much
  arena.reset();
  EXPECT_EQ(arena.capacity(), 4'200'000u) << "one block, of what the step needed";
  arena.clear();
  EXPECT_EQ(arena.capacity(), 0u);
  EXPECT_NO_THROW(arena.bytes(4'200'000));
}

TEST_F(LimitedDevice, ABufferIsNamedAndStaysWhereItWas) {
  Buffer buffer(4000, {}, "a moment of the optimizer");
  std::memset(buffer.host(), 7, buffer.size());
  simt::memory_limit() = 3999;
  const Thrown thrown = error_of([&] { buffer.move_to(Device::gpu()); });
  expect_says(thrown, "out of memory: a moment of the optimizer needs 4000 bytes, 3999 are free on the device; choose");
  EXPECT_EQ(static_cast<char*>(buffer.data())[3999], 7);
  simt::memory_limit() = 4000;
  EXPECT_NO_THROW(buffer.move_to(Device::gpu()));
  EXPECT_NE(buffer.data(), buffer.host());
}

TEST_F(LimitedDevice, OfTheParametersTheLargestIsNamed) {
  ParameterStore store;
  store.add("small", {3, 4}, Init::zeros, true);
  store.add("encoder.ehr.0.weight", {128, 50}, Init::glorot_uniform, true);
  store.allocate(1);
  simt::memory_limit() = 40'000;  // room for one buffer of two
  expect_says(error_of([&] { store.move_to(Device::gpu()); }),
              "the buffer of all gradients needs " + std::to_string(store.flat_bytes()) + " bytes");
  expect_says(error_of([&] { store.move_to(Device::gpu()); }),
              "the largest tensor in it is encoder.ehr.0.weight [128, 50]: choose smaller widths");
}

TEST_F(LimitedDevice, TheBatchIsNamed) {
  std::vector<float> values(64 * 100);
  Batch batch;
  batch.size = batch.patients = 64;
  batch.weights = {.data = values.data(), .dtype = DType::f32, .shape = {64, 100}, .row_stride = 100};
  DeviceBatches batches(Device::gpu());
  simt::memory_limit() = 20'000;
  expect_says(error_of([&] { batches.upload(batch); }), "one of the two places for a batch needs 25856 bytes");
}

TEST(OutOfMemory, TakesAdvice) {
  const OutOfMemory error({.what = "a tensor", .asked = 10, .free = 5}, "wait");
  EXPECT_STREQ(error.what(), "out of memory: a tensor needs 10 bytes, 5 are free on the device; wait");
  EXPECT_STREQ(error.with_advice("buy").what(),
               "out of memory: a tensor needs 10 bytes, 5 are free on the device; buy");
}

}  // namespace
}  // namespace plait
