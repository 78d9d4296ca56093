#include "engine/trace.h"

#include <gtest/gtest.h>

#include <thread>

#include "engine/device_times.h"
#include "engine/op_scope.h"
#include "engine/ops/dense.h"
#include "engine/tape.h"
#include "tests/support/random_values.h"

namespace plait {
namespace {

const Trace::Span* find(const Trace& trace, const std::string& name) {
  for (const Trace::Span& span : trace.spans())
    if (name == span.name) return &span;
  return nullptr;
}

std::int64_t end_of(const Trace::Span& span) {
  return span.begin + span.duration;
}

TEST(Trace, PhasesNestAndAreKeptInTheOrderOfTheirEnds) {
  Trace trace;
  {
    const Phase outer(&trace, "outer", 7);
    const Phase inner(&trace, "inner");
  }
  ASSERT_EQ(trace.spans().size(), 2u);
  const Trace::Span &inner = trace.spans()[0], &outer = trace.spans()[1];
  EXPECT_STREQ(inner.name, "inner");
  EXPECT_STREQ(outer.name, "outer");
  EXPECT_EQ(outer.number, 7);
  EXPECT_EQ(inner.number, -1);
  EXPECT_LE(outer.begin, inner.begin);
  EXPECT_LE(end_of(inner), end_of(outer));
}

TEST(Trace, WithoutOneAPhaseIsNothing) {
  const Phase phase(nullptr, "phase");
}

TEST(Trace, TakesSpansFromSeveralThreads) {
  Trace trace;
  const auto add = [&] {
    for (int i = 0; i < 1000; ++i) const Phase phase(&trace, "phase", i, Trace::Track::loader);
  };
  std::thread other(add);
  add();
  other.join();
  EXPECT_EQ(trace.spans().size(), 2000u);
}

TEST(Trace, CountsWhatItDoesNotKeep) {
  Trace trace;
  for (std::size_t i = 0; i < Trace::most_spans + 3; ++i) trace.add({});
  EXPECT_EQ(trace.spans().size(), Trace::most_spans);
  EXPECT_EQ(trace.left_out(), 3);
}

// Forward and backward of one dense layer: a span each, named after the op's function.
TEST(Trace, OpsOfTheCpuLeaveTheirSpans) {
  Trace trace;
  Arena arena;
  arena.set_trace(&trace);
  Tape tape(arena);
  ParameterStore store(DType::f64);
  const int weight = store.add("weight", {2, 3}, Init::glorot_uniform, true),
            bias = store.add("bias", {2}, Init::zeros, false);
  store.allocate(1);
  std::vector<double> x = random_values<double>(4 * 4, 1);
  tape.reset();
  const Value y = ops::dense(tape, Value{{.data = x.data(), .dtype = DType::f64, .shape = {4, 3}, .row_stride = 4}},
                             tape.parameter(store, weight), tape.parameter(store, bias), Activation::identity);
  ASSERT_EQ(trace.spans().size(), 1u);
  const GradSlot seed = tape.seed(y);
  std::fill_n(seed.tensor.as<double>(), 4 * seed.tensor.row_stride, 1.0);
  tape.backward();
  ASSERT_EQ(trace.spans().size(), 2u);
  for (const Trace::Span& span : trace.spans()) {
    EXPECT_STREQ(span.name, "dense");
    EXPECT_EQ(span.kind, Trace::Kind::op);
  }
  EXPECT_EQ(arena.op(), nullptr) << "the op is over";
}

TEST(DeviceTimes, AreReadWhereTheWorkHasBeenWaitedFor) {
  if (gpu::devices().empty()) GTEST_SKIP() << gpu::why_none();
  const Device device = Device::gpu();
  Trace trace;
  DeviceTimes times(device);
  times.begin("unseen");  // no trace yet
  times.end();
  times.set_trace(&trace);
  Buffer a(1 << 20, device), b(1 << 20, device);
  const std::int64_t before = trace.now();
  for (int i = 0; i < 3; ++i) {
    times.begin("copy", i);
    a.copy_from(b);
    times.end();
  }
  EXPECT_TRUE(trace.spans().empty());
  device.synchronize();
  times.resolve();
  EXPECT_EQ(find(trace, "unseen"), nullptr);
  ASSERT_EQ(trace.spans().size(), 3u);
  std::int64_t last = 0;
  for (int i = 0; i < 3; ++i) {
    const Trace::Span& span = trace.spans()[static_cast<std::size_t>(i)];
    EXPECT_EQ(span.number, i);
    EXPECT_EQ(span.track, Trace::Track::device);
    EXPECT_GE(span.begin, last) << "one after the other";
    last = end_of(span);
  }
  // The two clocks meet to within a millisecond.
  EXPECT_GE(trace.spans()[0].begin, before - 1'000'000);
  EXPECT_LE(last, trace.now());
  times.resolve();
  EXPECT_EQ(trace.spans().size(), 3u) << "each once";
}

}  // namespace
}  // namespace plait
