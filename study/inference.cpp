#include "study/inference.h"

#include "engine/error.h"
#include "kernels/gpu_runtime.h"

namespace plait {

Inference::Inference(const MultimodalModel& model)
    : model_(model), device_(model.parameters().device()), arena_(device_), tape_(arena_, false) {
  if (device_.is_gpu()) batches_ = std::make_unique<DeviceBatches>(device_);
}

Inference::Pass Inference::forward(const Batch& batch) {
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
  const std::size_t bytes = static_cast<std::size_t>(t.rows() * t.row_stride) * dtype_size(t.dtype);
  check(host_used_ + bytes <= host_.size(), "[inference] the host's buffer is too small");
  Tensor image = t;
  image.data = host_.data() + host_used_;
  image.arena_generation = nullptr;
  host_used_ += (bytes + 63) / 64 * 64;
  gpu::copy_to_host(image.data, t.data, bytes, device_.stream());
  return image;
}

Inference::Result Inference::run_on_gpu(const Batch& batch) {
  const Batch& there = batches_->upload(batch);
  if (arena_blocks_ != arena_.block_allocations())
    for (Captured& captured : captured_) captured = {};
  Captured& captured = captured_[static_cast<std::size_t>(batches_->place())];
  if (captured.graph.empty() && arena_blocks_ == arena_.block_allocations()) {
    tape_.reset();
    captured.graph = Graph::capture(device_, [&] { captured.pass = forward(there); });
  }
  arena_blocks_ = arena_.block_allocations();
  if (captured.graph.empty())
    captured.pass = forward(there);
  else
    captured.graph.replay(device_);

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
  device_.synchronize();
  result.task = pass.losses.task.evaluate(
      [&](const double* slot) { return numbers[static_cast<std::size_t>(slot - tape_.loss_memory())]; });
  return result;
}

}  // namespace plait
