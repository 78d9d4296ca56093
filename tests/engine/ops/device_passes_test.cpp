// Ops that take several of the CPU's in one pass on a device, beside those ops on the CPU.
//
// Tolerances: tanh and exp in the device's own approximations and sums over patients in an order of their own: 1e-5 of
// values of order 1 (a sum over 37 patients, 1e-5 of its largest). What is drawn, selected or a maximum has no
// tolerance.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <deque>

#include "engine/ops/conv2d_pool.h"
#include "engine/ops/fuse.h"
#include "engine/ops/losses.h"
#include "engine/ops/modality_gate.h"
#include "engine/train/device_batch.h"
#include "tests/support/device_test.h"
#include "tests/support/random_values.h"

namespace plait {
namespace {

class DevicePasses : public ::testing::Test {
 protected:
  void SetUp() override {
    if (gpu::devices().empty()) GTEST_SKIP() << gpu::why_none();
  }
  void TearDown() override {
    for (const std::string& report : testing::take_device_reports()) ADD_FAILURE() << report;
  }
};

// A device, or the CPU, with a tape and inputs there.
struct Side {
  Device device;
  Arena arena{device};
  Tape tape{arena};
  std::deque<Buffer> memory = {};

  Tensor tensor(const std::vector<float>& values, const Shape& shape) {
    Buffer& buffer = memory.emplace_back(values.size() * sizeof(float), device);
    std::memcpy(buffer.host(), values.data(), buffer.size());
    buffer.upload();
    return {.data = buffer.data(), .dtype = DType::f32, .shape = shape, .row_stride = shape.columns()};
  }
  template <class T = float>
  std::vector<T> values(const Tensor& t) {
    std::vector<T> all(static_cast<std::size_t>(t.rows() * t.row_stride)), kept;
    if (device.is_gpu())
      gpu::copy_to_host(all.data(), t.data, all.size() * sizeof(T), device.stream());
    else
      std::memcpy(all.data(), t.data, all.size() * sizeof(T));
    device.synchronize();
    for (std::int64_t r = 0; r < t.rows(); ++r)
      kept.insert(kept.end(), all.begin() + r * t.row_stride, all.begin() + r * t.row_stride + t.columns());
    return kept;
  }
  // As a loss would, at the end of a forward pass.
  void seed(const Value& y, const std::vector<float>& dy) {
    const Tensor slot = tape.seed(y).tensor;
    std::vector<float> padded(static_cast<std::size_t>(slot.rows() * slot.row_stride));
    for (std::int64_t r = 0; r < slot.rows(); ++r)
      std::copy_n(dy.begin() + r * slot.columns(), slot.columns(), padded.begin() + r * slot.row_stride);
    if (device.is_gpu())
      gpu::copy_to_device(slot.data, padded.data(), padded.size() * sizeof(float), device.stream());
    else
      std::memcpy(slot.data, padded.data(), padded.size() * sizeof(float));
    device.synchronize();
  }
};

void expect_near(const std::vector<float>& a, const std::vector<float>& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  double largest = 1.0;
  for (const float x : a) largest = std::max(largest, std::fabs(static_cast<double>(x)));
  for (std::size_t i = 0; i < a.size(); ++i)
    ASSERT_TRUE(std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])) <= 1e-5 * largest)
        << what << ", element " << i << ": " << a[i] << " and " << b[i];
}

constexpr std::int64_t patients = 37, width = 10;

// Patients with every subset of M modalities, rows out of order, every fifth of weight 0.
struct Patients {
  std::vector<ModalityMask> available;
  std::vector<std::int32_t> rows;
  std::vector<float> weights;
  Batch batch;

  explicit Patients(int modalities) {
    for (std::int32_t i = 0; i < patients; ++i) {
      available.push_back(static_cast<ModalityMask>(i * 7 % (1 << modalities)));
      rows.push_back(i * 11 % 53);
      weights.push_back(i % 5 == 4 ? 0.0f : 0.5f + static_cast<float>(i % 3));
      batch.weight_sum += static_cast<double>(weights.back());
    }
    batch.size = batch.patients = patients;
    batch.available = {.data = available.data(), .dtype = DType::u8, .shape = {patients}, .row_stride = 1};
    batch.rows = {.data = rows.data(), .dtype = DType::i32, .shape = {patients}, .row_stride = 1};
    batch.weights = {.data = weights.data(), .dtype = DType::f32, .shape = {patients}, .row_stride = 1};
  }
};

struct Fused {
  std::vector<ModalityMask> present;
  std::vector<float> fused, alpha, dw;
  std::vector<std::vector<float>> dz;
  double alignment = 0.0;
};

Fused fuse(const Device& device, int modalities, const ops::FusionStep& step) {
  Side side{.device = device};
  const Patients data(modalities);
  DeviceBatches batches(device);
  const Batch& batch = device.is_gpu() ? batches.upload(data.batch) : data.batch;
  Buffer step_number(sizeof(std::uint32_t), device);
  *static_cast<std::uint32_t*>(step_number.host()) = 5;
  step_number.upload();
  const StepContext context{.training = true,
                            .seed = 9,
                            .step = static_cast<const std::uint32_t*>(step_number.data()),
                            .rows = reinterpret_cast<const std::uint32_t*>(batch.rows.as<std::int32_t>())};
  std::vector<Value> z;
  for (int m = 0; m < modalities; ++m)
    z.push_back(side.tape.variable(
        side.tensor(random_values<float>(patients * width, static_cast<std::uint32_t>(m + 1)), {patients, width})));
  const Value w = side.tape.variable(side.tensor(random_values<float>(width, 77), {width}));
  Fused result;
  Value fused;
  Tensor present, alpha;
  if (device.is_gpu()) {
    const ops::AttentionFusionStep done = ops::attention_fusion_step(side.tape, context, z, w, batch, step);
    fused = done.fusion.fused, alpha = done.fusion.alpha, present = done.present;
    std::array<double, Tape::step_numbers> numbers{};
    gpu::copy_to_host(numbers.data(), side.tape.loss_memory(), sizeof numbers, device.stream());
    device.synchronize();
    result.alignment =
        done.alignment.evaluate([&](const double* slot) { return numbers[slot - side.tape.loss_memory()]; });
  } else {
    present = ops::modality_dropout(side.arena, context, batch.available, modalities, step.keep);
    const ops::AttentionFusion done = ops::attention_fusion(side.tape, z, w, present);
    fused = done.fused, alpha = done.alpha;
    if (step.alignment != 0.0 && modalities > 1)
      result.alignment = ops::alignment(side.tape, z, batch.available, batch, step.alignment_mean, step.alignment)
                             .evaluate([](const double* slot) { return *slot; });
  }
  side.seed(fused, random_values<float>(patients * width, 99));
  side.tape.backward();
  result.present = side.values<ModalityMask>(present);
  result.fused = side.values(fused.data);
  result.alpha = side.values(alpha);
  result.dw = side.values(side.tape.gradient(w));
  for (const Value& value : z) result.dz.push_back(side.values(side.tape.gradient(value)));
  return result;
}

TEST_F(DevicePasses, AttentionFusionOfAStepIsDropoutFusionAndAlignment) {
  constexpr std::array<float, max_modalities> all{1, 1, 1, 1, 1, 1, 1, 1}, some{0.5f, 0.8f, 0.3f, 0.6f, 0.9f};
  for (const int modalities : {1, 2, 3, 5})
    for (const ops::FusionStep& step :
         {ops::FusionStep{.keep = some, .alignment = 0.7}, ops::FusionStep{.keep = some},
          ops::FusionStep{.keep = all, .alignment = 0.3, .alignment_mean = false}, ops::FusionStep{.keep = all}}) {
      const Fused cpu = fuse(Device{}, modalities, step), device = fuse(Device::gpu(), modalities, step);
      const std::string what = std::to_string(modalities) + " modalities, alignment " + std::to_string(step.alignment);
      EXPECT_EQ(cpu.present, device.present) << what << ": the same draws";
      EXPECT_NEAR(cpu.alignment, device.alignment, 1e-6 * cpu.alignment) << what;
      EXPECT_EQ(cpu.alignment > 0.0, step.alignment > 0.0 && modalities > 1);
      expect_near(cpu.fused, device.fused, what + ": fused");
      expect_near(cpu.alpha, device.alpha, what + ": alpha");
      expect_near(cpu.dw, device.dw, what + ": dw");
      for (std::size_t m = 0; m < cpu.dz.size(); ++m)
        expect_near(cpu.dz[m], device.dz[m], what + ": dz " + std::to_string(m));
    }
}

struct Pooled {
  std::vector<float> y, dw, db, dx;
  std::size_t launches = 0;  // of the forward pass, on a device
};

// x_wants: its gradient is asked for, as that of an inner layer.
Pooled pool(const Device& device, std::int64_t channels, bool x_wants) {
  Side side{.device = device};
  const Shape images{5, 9, 7, channels}, kernels{6, 3, 3, channels};
  const Tensor x = side.tensor(random_values<float>(images.count(), 1), images);
  const Tensor weight = side.tensor(random_values<float>(kernels.count(), 2), kernels);
  const Tensor bias = side.tensor(random_values<float>(6, 3), {6});
  Pooled result;
  Value y, xs, ws, bs;
  const auto forward = [&] {
    side.tape.reset();
    xs = x_wants ? side.tape.variable(x) : Value{x};
    ws = side.tape.variable(weight), bs = side.tape.variable(bias);
    y = ops::conv2d_pool(side.tape, xs, ws, bs, Activation::relu);
  };
  forward();
  if (device.is_gpu()) {
    result.launches = Graph::capture(device, forward).nodes();
    forward();
  }
  side.seed(y, random_values<float>(y.data.shape.count(), 4));
  side.tape.backward();
  result.y = side.values(y.data);
  result.dw = side.values(side.tape.gradient(ws));
  result.db = side.values(side.tape.gradient(bs));
  if (x_wants) result.dx = side.values(side.tape.gradient(xs));
  return result;
}

TEST_F(DevicePasses, AFirstLayerOfFewChannelsIsOneKernel) {
  for (const std::int64_t channels : {1, 2, 3, 4, 5})
    for (const bool x_wants : {false, true}) {
      const Pooled cpu = pool(Device{}, channels, x_wants), device = pool(Device::gpu(), channels, x_wants);
      const std::string what = std::to_string(channels) + " channels";
      EXPECT_EQ(device.launches, channels <= 4 && !x_wants ? 1u : 2u) << what;
      EXPECT_EQ(cpu.y, device.y) << what;
      EXPECT_EQ(cpu.y.size(), 5u * 4 * 3 * 6);
      expect_near(cpu.dw, device.dw, what + ": dw");
      expect_near(cpu.db, device.db, what + ": db");
      expect_near(cpu.dx, device.dx, what + ": dx");
    }
}

}  // namespace
}  // namespace plait
