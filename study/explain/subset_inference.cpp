#include "study/explain/subset_inference.h"

#include <cstring>

#include "kernels/gpu_runtime.h"

namespace plait {

SubsetInference::SubsetInference(const MultimodalModel& model)
    : model_(model),
      device_(model.parameters().device()),
      arena_(device_),
      tape_(arena_, false),
      modalities_(static_cast<std::int64_t>(model.config().inputs.size())),
      outputs_(model.outputs()) {
  if (device_.is_gpu()) batches_ = std::make_unique<DeviceBatches>(device_);
}

Tensor SubsetInference::on_device(const ModalityMask* masks) {
  const Tensor there = arena_.tensor({size_}, DType::u8);
  const auto bytes = static_cast<std::size_t>(size_);
  if (device_.is_gpu())
    gpu::copy_to_device(there.data, masks, bytes, device_.stream());
  else
    std::memcpy(there.data, masks, bytes);
  return there;
}

// The tensor's elements without padding, as floats.
void SubsetInference::fetch(const Tensor& t, float* out) {
  const auto* from = static_cast<const std::byte*>(t.data);
  if (device_.is_gpu()) {
    const std::size_t bytes = static_cast<std::size_t>(t.rows() * t.row_stride) * dtype_size(t.dtype);
    host_.resize(bytes);
    gpu::copy_to_host(host_.data(), t.data, bytes, device_.stream());
    device_.synchronize();
    from = host_.data();
  }
  for (std::int64_t i = 0; i < t.rows(); ++i)
    for (std::int64_t k = 0; k < t.columns(); ++k) {
      const std::int64_t at = i * t.row_stride + k;
      float& to = out[i * t.columns() + k];
      if (t.dtype == DType::bf16) {
        bf16 narrow;
        std::memcpy(&narrow, from + at * 2, sizeof narrow);
        to = to_float(narrow);
      } else {
        std::memcpy(&to, from + at * 4, sizeof to);
      }
    }
}

void SubsetInference::run(const Batch& batch) {
  tape_.reset();
  size_ = batch.size;
  const unsigned sets = 1u << modalities_;
  logits_.resize(static_cast<std::size_t>(sets * size_ * outputs_));
  const Batch& there = device_.is_gpu() ? batches_->upload(batch) : batch;
  const MultimodalModel::Forward encoded = model_.encode(tape_, there);
  std::vector<ModalityMask> shown(static_cast<std::size_t>(size_));
  for (unsigned set = 1; set < sets; ++set) {
    const Arena::Mark mark = arena_.mark();
    for (std::size_t i = 0; i < shown.size(); ++i)
      shown[i] = static_cast<ModalityMask>(batch.available.as<ModalityMask>()[i] & set);
    MultimodalModel::Forward forward = encoded;
    model_.combine(tape_, there, on_device(shown.data()), forward);
    fetch(forward.logits.data, logits_.data() + set * size_ * outputs_);
    if (set + 1 == sets && !forward.alpha.empty()) {
      alpha_.resize(static_cast<std::size_t>(size_ * modalities_));
      fetch(forward.alpha, alpha_.data());
    }
    arena_.release(mark);
  }
}

}  // namespace plait
