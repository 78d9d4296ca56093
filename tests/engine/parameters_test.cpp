#include "engine/parameters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "tests/support/error_of.h"

namespace plait {
namespace {

ParameterStore example(DType dtype, std::uint64_t seed = 1) {
  ParameterStore store(dtype);
  store.add("first.weight", {7, 5}, Init::he_uniform, true);
  store.add("first.bias", {7}, Init::zeros, false);
  store.add("conv.weight", {3, 3, 3, 2}, Init::glorot_uniform, true);
  store.add("conv.bias", {3}, Init::zeros, false);
  store.add("attention", {6}, Init::zeros, true);
  store.allocate(seed);
  return store;
}

TEST(ParameterStore, LaysWeightsOutBeforeBiasesOnAlignedPaddedRows) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const ParameterStore store = example(dtype);
    EXPECT_EQ(store.size(), 5);
    EXPECT_EQ(store.parameter_count(), 7 * 5 + 7 + 3 * 18 + 3 + 6);
    EXPECT_EQ(store.find("conv.weight"), 2);
    EXPECT_EQ(store.find("conv"), -1);
    std::int64_t end_of_weights = 0, start_of_biases = store.flat_count();
    for (int i = 0; i < store.size(); ++i) {
      const Parameter& p = store.parameter(i);
      for (const Tensor& t : {store.value(i), store.gradient(i)}) {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(t.data) % 64, 0u) << p.name;
        EXPECT_EQ(t.shape, p.shape);
        EXPECT_EQ(t.row_stride, p.row_stride);
      }
      EXPECT_EQ(p.row_stride, p.shape.rank() == 1 ? 1 : parameter_stride(p.shape.columns())) << p.name;
      const std::int64_t end = p.offset + p.shape.rows() * p.row_stride;
      if (p.decayed) end_of_weights = std::max(end_of_weights, end);
      if (!p.decayed) start_of_biases = std::min(start_of_biases, p.offset);
    }
    EXPECT_LE(end_of_weights, store.decayed_count());
    EXPECT_EQ(start_of_biases, store.decayed_count());
    EXPECT_NE(store.values(), store.gradients());
  }
}

TEST(ParameterStore, PlaceInvertsTheLayout) {
  const ParameterStore store = example(DType::f32);
  std::vector<std::int64_t> seen(static_cast<std::size_t>(store.size()), 0);
  for (std::int64_t flat = 0; flat < store.flat_count(); ++flat) {
    const ParameterStore::Place place = store.place(flat);
    if (place.parameter < 0) continue;
    const Parameter& p = store.parameter(place.parameter);
    EXPECT_EQ(place.element, seen[static_cast<std::size_t>(place.parameter)]++) << p.name;
    EXPECT_EQ(flat, p.offset + place.element / p.shape.columns() * p.row_stride + place.element % p.shape.columns());
  }
  for (int i = 0; i < store.size(); ++i)
    EXPECT_EQ(seen[static_cast<std::size_t>(i)], store.parameter(i).count()) << store.parameter(i).name;
  EXPECT_EQ(store.place(store.flat_count()).parameter, -1);
}

TEST(ParameterStore, DrawsWithinTheBoundsOfItsInitialisation) {
  ParameterStore store;
  const int he = store.add("he", {200, 50}, Init::he_uniform, true);
  const int glorot = store.add("glorot", {200, 50}, Init::glorot_uniform, true);
  const int zeros = store.add("zeros", {200, 50}, Init::zeros, true);
  store.allocate(9);
  const double bounds[] = {std::sqrt(6.0 / 50.0), std::sqrt(6.0 / 250.0), 0.0};
  for (const int i : {he, glorot, zeros}) {
    const double bound = bounds[i];
    double sum = 0.0, squares = 0.0, largest = 0.0;
    const Tensor t = store.value(i);
    for (std::int64_t r = 0; r < t.rows(); ++r)
      for (std::int64_t c = 0; c < t.columns(); ++c) {
        const double v = static_cast<double>(t.as<float>()[r * t.row_stride + c]);
        sum += v, squares += v * v, largest = std::max(largest, std::fabs(v));
      }
    // 10,000 uniform draws: the mean's standard error is bound / sqrt(3 n), the variance's about 0.9 % of it; 5 of
    // each.
    EXPECT_LE(largest, bound);
    EXPECT_NEAR(sum / 1e4, 0.0, 5 * bound / std::sqrt(3e4));
    EXPECT_NEAR(squares / 1e4, bound * bound / 3, 0.05 * bound * bound / 3);
  }
}

TEST(ParameterStore, InitialValuesDependOnTheSeedAlone) {
  const ParameterStore a = example(DType::f32, 5), b = example(DType::f32, 5), c = example(DType::f32, 6),
                       exact = example(DType::f64, 5);
  EXPECT_EQ(std::memcmp(a.values(), b.values(), a.flat_bytes()), 0);
  EXPECT_NE(std::memcmp(a.values(), c.values(), a.flat_bytes()), 0);
  for (std::int64_t r = 0; r < 7; ++r)
    for (std::int64_t k = 0; k < 5; ++k) {
      const Tensor narrow = a.value(0), wide = exact.value(0);
      EXPECT_EQ(static_cast<double>(narrow.as<float>()[r * narrow.row_stride + k]),
                wide.as<double>()[r * wide.row_stride + k])
          << "a gradient check in double starts from the very same values";
    }
}

TEST(ParameterStore, PaddingIsZeroInBothBuffers) {
  const ParameterStore store = example(DType::f32);
  const auto* values = static_cast<const float*>(store.values());
  const auto* gradients = static_cast<const float*>(store.gradients());
  std::int64_t padding = 0;
  for (std::int64_t i = 0; i < store.flat_count(); ++i) {
    EXPECT_EQ(gradients[i], 0.0f);
    if (store.place(i).parameter >= 0) continue;
    ++padding;
    EXPECT_EQ(values[i], 0.0f) << i;
  }
  EXPECT_EQ(padding, store.flat_count() - store.parameter_count());
  EXPECT_GT(padding, 0);
}

TEST(ParameterStore, SurvivesBeingMoved) {
  ParameterStore a = example(DType::f32);
  std::vector<std::byte> before(a.flat_bytes());
  std::memcpy(before.data(), a.values(), before.size());
  const ParameterStore b = std::move(a);
  EXPECT_EQ(std::memcmp(before.data(), b.values(), before.size()), 0);
}

TEST(ParameterStore, RefusesMisuse) {
  ParameterStore store;
  store.add("w", {2, 2}, Init::zeros, true);
  EXPECT_TRUE(test::error_of([&] { store.add("w", {3}, Init::zeros, false); }).says("same name"));
  EXPECT_TRUE(test::error_of([&] { store.value(0); }).says("before allocate"));
  store.allocate(1);
  EXPECT_TRUE(test::error_of([&] { store.add("b", {2}, Init::zeros, false); }).says("after allocate"));
  EXPECT_TRUE(test::error_of([&] { store.allocate(1); }).says("twice"));
}

}  // namespace
}  // namespace plait
