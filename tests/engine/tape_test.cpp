#include "engine/tape.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/support/error_of.h"

namespace plait {
namespace {

void put(const GradSlot& slot, std::int64_t i, double g) {
  if (!slot.wanted()) return;
  double& to = slot.tensor.as<double>()[i];
  to = slot.mode == GradMode::accumulate ? to + g : g;
}

// y = a * b, element by element, on vectors.
Value multiply(Tape& tape, const Value& a, const Value& b, int* calls = nullptr) {
  const Tensor y = tape.arena().like(a.data);
  const std::int64_t n = y.shape.count();
  for (std::int64_t i = 0; i < n; ++i) y.as<double>()[i] = a.data.as<double>()[i] * b.data.as<double>()[i];
  return tape.record(y, {a, b}, [=, a = a.data, b = b.data](Tape&, const Tensor& dy, const GradSlot* dx) {
    if (calls != nullptr) ++*calls;
    for (std::int64_t i = 0; i < n; ++i) {
      put(dx[0], i, dy.as<double>()[i] * b.as<double>()[i]);
      put(dx[1], i, dy.as<double>()[i] * a.as<double>()[i]);
    }
  });
}

void seed_with(Tape& tape, const Value& y, double value) {
  const GradSlot slot = tape.seed(y);
  for (std::int64_t i = 0; i < y.data.shape.count(); ++i) put(slot, i, value);
}

class TapeTest : public ::testing::Test {
 protected:
  TapeTest() : store_(DType::f64), tape_(arena_) {
    w_ = store_.add("w", {2}, Init::zeros, true);
    v_ = store_.add("v", {2}, Init::zeros, true);
    store_.allocate(1);
    set(store_.value(w_), {2.0, 3.0});
    set(store_.value(v_), {5.0, 7.0});
    tape_.reset();
  }
  static void set(const Tensor& t, const std::vector<double>& values) {
    std::copy(values.begin(), values.end(), t.as<double>());
  }
  static std::vector<double> read(const Tensor& t) { return {t.as<double>(), t.as<double>() + t.shape.count()}; }
  std::vector<double> gradient(int parameter) const { return read(store_.gradient(parameter)); }
  Tensor vector(const std::vector<double>& values) {
    Tensor t = arena_.tensor({static_cast<std::int64_t>(values.size())}, DType::f64);
    t.row_stride = 1;
    set(t, values);
    return t;
  }
  using V = std::vector<double>;

  ParameterStore store_;
  Arena arena_;
  Tape tape_;
  int w_ = 0, v_ = 0;
};

TEST_F(TapeTest, ProductRule) {
  const Value w = tape_.parameter(store_, w_), v = tape_.parameter(store_, v_);
  const Value y = multiply(tape_, w, v);
  EXPECT_EQ(read(y.data), (V{10.0, 21.0}));
  seed_with(tape_, y, 1.0);
  tape_.backward();
  EXPECT_EQ(gradient(w_), (V{5.0, 7.0}));
  EXPECT_EQ(gradient(v_), (V{2.0, 3.0}));
}

TEST_F(TapeTest, AddsUpOverAllConsumers) {
  // y = (w v) w, z = (w v) v:  d(y + z)/dw = 2 w v + v^2, d/dv = w^2 + 2 w v; w v itself has two consumers.
  const Value w = tape_.parameter(store_, w_), v = tape_.parameter(store_, v_);
  EXPECT_EQ(tape_.parameter(store_, w_).node, w.node) << "a parameter is one leaf, however often it is asked for";
  const Value product = multiply(tape_, w, v);
  const Value y = multiply(tape_, product, w), z = multiply(tape_, product, v);
  seed_with(tape_, y, 1.0);
  seed_with(tape_, z, 1.0);
  tape_.backward();
  EXPECT_EQ(gradient(w_), (V{2 * 2 * 5 + 25.0, 2 * 3 * 7 + 49.0}));
  EXPECT_EQ(gradient(v_), (V{4 + 2 * 2 * 5.0, 9 + 2 * 3 * 7.0}));
}

TEST_F(TapeTest, SquareOfOneValue) {
  const Value w = tape_.parameter(store_, w_);
  seed_with(tape_, multiply(tape_, w, w), 1.0);
  tape_.backward();
  EXPECT_EQ(gradient(w_), (V{4.0, 6.0})) << "both inputs are the same node: the second adds to the first";
}

TEST_F(TapeTest, SeedsOnTheWayAndTwiceOnOneValueAddUp) {
  const Value w = tape_.parameter(store_, w_), v = tape_.parameter(store_, v_);
  const Value product = multiply(tape_, w, v);
  seed_with(tape_, product, 1.0);
  seed_with(tape_, product, 10.0);
  seed_with(tape_, multiply(tape_, product, v), 100.0);
  tape_.backward();
  EXPECT_EQ(gradient(w_), (V{11 * 5 + 100 * 25.0, 11 * 7 + 100 * 49.0}));
}

TEST_F(TapeTest, OverwritesWhatTheGradientBufferHeldAndAccumulatesOnRequest) {
  set(store_.gradient(w_), {1e300, -1e300});
  set(store_.gradient(v_), {1e300, -1e300});
  const auto run = [&](bool accumulate) {
    tape_.reset();
    seed_with(tape_, multiply(tape_, tape_.parameter(store_, w_), tape_.parameter(store_, v_)), 1.0);
    tape_.backward(accumulate);
  };
  run(false);
  EXPECT_EQ(gradient(w_), (V{5.0, 7.0}));
  run(true);
  EXPECT_EQ(gradient(w_), (V{10.0, 14.0}));
  run(false);
  EXPECT_EQ(gradient(w_), (V{5.0, 7.0}));
}

TEST_F(TapeTest, AParameterThatNoLossDependsOnHasGradientZero) {
  set(store_.gradient(v_), {3.0, 4.0});
  const Value w = tape_.parameter(store_, w_), v = tape_.parameter(store_, v_);
  multiply(tape_, v, v);  // computed, but no loss reads it
  seed_with(tape_, multiply(tape_, w, w), 1.0);
  tape_.backward();
  EXPECT_EQ(gradient(v_), (V{0.0, 0.0}));

  set(store_.gradient(v_), {3.0, 4.0});
  tape_.backward(true);
  EXPECT_EQ(gradient(v_), (V{3.0, 4.0})) << "accumulating, the earlier batches' gradient stays";
}

TEST_F(TapeTest, ComputesNothingForConstantsAndDeadBranches) {
  const Value constant{vector({2.0, 2.0})};
  int of_constants = 0, dead = 0, live = 0;
  EXPECT_EQ(multiply(tape_, constant, constant, &of_constants).node, -1) << "a constant of constants";
  const Value w = tape_.parameter(store_, w_);
  multiply(tape_, w, w, &dead);
  const Value y = multiply(tape_, constant, w, &live);
  seed_with(tape_, y, 1.0);
  tape_.backward();
  EXPECT_EQ(of_constants, 0);
  EXPECT_EQ(dead, 0);
  EXPECT_EQ(live, 1);
  EXPECT_EQ(gradient(w_), (V{2.0, 2.0}));
  EXPECT_FALSE(tape_.seed(constant).wanted()) << "a loss on a constant writes nowhere";
}

TEST_F(TapeTest, VariablesShowTheirGradient) {
  const Value x = tape_.variable(vector({1.0, 4.0})), unused = tape_.variable(vector({1.0, 1.0}));
  seed_with(tape_, multiply(tape_, x, tape_.parameter(store_, w_)), 1.0);
  tape_.backward();
  EXPECT_EQ(read(tape_.gradient(x)), (V{2.0, 3.0}));
  EXPECT_TRUE(test::error_of([&] { tape_.gradient(unused); }).says("no gradient has reached"));
  EXPECT_TRUE(test::error_of([&] { tape_.gradient(Value{}); }).says("constant"));
}

TEST_F(TapeTest, ReportsEveryParameterOnceItsGradientIsComplete) {
  std::vector<int> order;
  std::vector<V> then;
  tape_.set_grad_ready([&](int parameter) {
    order.push_back(parameter);
    then.push_back(gradient(parameter));
  });
  const Value w = tape_.parameter(store_, w_), v = tape_.parameter(store_, v_);
  const Value first = multiply(tape_, w, w);
  seed_with(tape_, multiply(tape_, multiply(tape_, first, v), w), 1.0);
  tape_.backward();
  EXPECT_EQ(order, (std::vector<int>{v_, w_})) << "backward order of the leaves, each once";
  EXPECT_EQ(then[0], gradient(v_));
  EXPECT_EQ(then[1], gradient(w_)) << "complete when reported: all three uses of w have run";
  EXPECT_EQ(gradient(w_), (V{3 * 4 * 5.0, 3 * 9 * 7.0}));
}

TEST_F(TapeTest, InferenceRecordsNothing) {
  Tape inference(arena_, false);
  inference.reset();
  const Value w = inference.parameter(store_, w_);
  int calls = 0;
  const Value y = multiply(inference, w, w, &calls);
  EXPECT_EQ(read(y.data), (V{4.0, 9.0}));
  EXPECT_EQ(y.node, -1);
  EXPECT_FALSE(inference.seed(y).wanted());
  EXPECT_TRUE(test::error_of([&] { inference.backward(); }).says("does not record"));
  EXPECT_TRUE(test::error_of([&] { inference.variable(w.data); }).says("recording"));
  int shown = 0;
  inference.visit_results([&](const Tensor&) { ++shown; });
  EXPECT_EQ(shown, 0);
}

TEST_F(TapeTest, ResetForgetsTheStepBefore) {
  int calls = 0;
  const Value old = multiply(tape_, tape_.parameter(store_, w_), tape_.parameter(store_, v_), &calls);
  seed_with(tape_, old, 1.0);
  tape_.reset();
  EXPECT_TRUE(test::error_of([&] { old.data.check_use(DType::f64); }).says("reset"));
  seed_with(tape_, multiply(tape_, tape_.parameter(store_, v_), tape_.parameter(store_, v_)), 1.0);
  tape_.backward();
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(gradient(v_), (V{10.0, 14.0}));
}

TEST_F(TapeTest, ShowsRecordedResultsInOrder) {
  const Value w = tape_.parameter(store_, w_);
  const Value a = multiply(tape_, w, w), b = multiply(tape_, a, w);
  std::vector<void*> shown;
  tape_.visit_results([&](const Tensor& y) { shown.push_back(y.data); });
  EXPECT_EQ(shown, (std::vector<void*>{a.data.data, b.data.data}));
}

TEST_F(TapeTest, RefusesALossOnAParameter) {
  const Value w = tape_.parameter(store_, w_);
  EXPECT_TRUE(test::error_of([&] { tape_.seed(w); }).says("optimizer"));
}

}  // namespace
}  // namespace plait
