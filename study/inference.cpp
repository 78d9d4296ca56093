#include "study/inference.h"

#include <cstring>

#include "engine/error.h"
#include "kernels/gpu_runtime.h"

namespace plait {

Inference::Inference(const MultimodalModel& model, Trace* trace)
    : model_(model),
      device_(model.parameters().device()),
      arena_(device_),
      tape_(arena_, false),
      trace_(trace),
      times_(device_) {
  arena_.set_trace(device_.is_gpu() ? nullptr : trace);
  times_.set_trace(trace);
  if (device_.is_gpu()) batches_ = std::make_unique<DeviceBatches>(device_);
}

Inference::Pass Inference::forward(const Batch& batch) {
  const Phase phase(trace_, "forward");
  tape_.reset();
  Pass pass;
  pass.losses = model_.loss(tape_, StepContext{}, batch, &pass.forward);
  return pass;
}

Inference::Result Inference::run(const Batch& batch) {
  if (device_.is_gpu()) return run_on_gpu(batch);
  const Pass pass = forward(batch);
  return {.logits = pass.forward.logits.data, .alpha = pass.forward.alpha, .task = pass.losses.task};
}

Tensor Inference::download(const Tensor& t) {
  if (t.empty()) return {};
  const auto count = static_cast<std::size_t>(t.rows() * t.row_stride);
  const std::size_t bytes = count * dtype_size(t.dtype), room = count * sizeof(float);
  check(host_used_ + room <= host_.size(), "[inference] the host's buffer is too small");
  Tensor image = t;
  image.data = host_.data() + host_used_;
  image.arena_generation = nullptr;
  host_used_ += (room + 63) / 64 * 64;
  gpu::copy_to_host(image.data, t.data, bytes, device_.stream());
  return image;
}

// bf16 as the floats that they are; in place, from the end: a float takes the room of two.
Tensor Inference::widened(const Tensor& t) {
  if (t.dtype != DType::bf16) return t;
  Tensor wide = t;
  wide.dtype = DType::f32;
  const std::int64_t count = t.rows() * t.row_stride;
  auto* bytes = static_cast<std::byte*>(t.data);
  for (std::int64_t i = count; i-- > 0;) {
    bf16 narrow;
    std::memcpy(&narrow, bytes + i * 2, sizeof narrow);
    const float value = to_float(narrow);
    std::memcpy(bytes + i * 4, &value, sizeof value);
  }
  return wide;
}

Inference::Result Inference::run_on_gpu(const Batch& batch) {
  times_.begin("inference");
  const Batch& there = batches_->upload(batch);
  if (arena_blocks_ != arena_.block_allocations())
    for (Captured& captured : captured_) captured = {};
  Captured& captured = captured_[static_cast<std::size_t>(batches_->place())];
  if (captured.graph.empty() && arena_blocks_ == arena_.block_allocations()) {
    const Phase phase(trace_, "capture");
    tape_.reset();
    captured.graph = Graph::capture(device_, [&] { captured.pass = forward(there); });
  }
  arena_blocks_ = arena_.block_allocations();
  if (captured.graph.empty())
    captured.pass = forward(there);
  else
    captured.graph.replay(device_);
  times_.end();

  const Pass& pass = captured.pass;
  const Tensor &logits = pass.forward.logits.data, &alpha = pass.forward.alpha;
  const auto bytes = [](const Tensor& t) {
    return static_cast<std::size_t>(t.rows() * t.row_stride) * sizeof(float) + 64;
  };
  host_.resize(bytes(logits) + (alpha.empty() ? 0 : bytes(alpha)) + 64);
  host_used_ = 0;
  Result result{.logits = download(logits), .alpha = download(alpha)};
  std::array<double, Tape::step_numbers> numbers{};
  gpu::copy_to_host(numbers.data(), tape_.loss_memory(), sizeof numbers, device_.stream());
  {
    const Phase phase(trace_, "collect");
    device_.synchronize();
    times_.resolve();
  }
  result.logits = widened(result.logits);
  result.task = pass.losses.task.evaluate(
      [&](const double* slot) { return numbers[static_cast<std::size_t>(slot - tape_.loss_memory())]; });
  return result;
}

}  // namespace plait
