// What a trained model says of every subset of what patients have: encoders run once, fusion and head once a subset,
// for a whole batch at a time, on the device where the parameters are.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/train/device_batch.h"
#include "fusion/model.h"

namespace plait {

class SubsetInference {
 public:
  explicit SubsetInference(const MultimodalModel& model);

  // Batches have the shapes of the first one.
  void run(const Batch& batch);

  // Of the last batch: the patient's logits [outputs] when shown the modalities of `set` that are there.
  std::span<const float> logits(ModalityMask set, std::int64_t patient) const {
    return {logits_.data() + static_cast<std::int64_t>(set) * size_ * outputs_ + patient * outputs_,
            static_cast<std::size_t>(outputs_)};
  }
  // The attention weights [M] with everything shown that is there; empty for models without.
  std::span<const float> attention(std::int64_t patient) const {
    if (alpha_.empty()) return {};
    return {alpha_.data() + patient * modalities_, static_cast<std::size_t>(modalities_)};
  }

 private:
  Tensor on_device(const ModalityMask* masks);
  void fetch(const Tensor& t, float* out);

  const MultimodalModel& model_;
  Device device_;
  Arena arena_;
  Tape tape_;
  std::unique_ptr<DeviceBatches> batches_;
  std::int64_t modalities_, outputs_, size_ = 0;
  std::vector<float> logits_;  // [2^M, size, outputs]; [0] is not filled
  std::vector<float> alpha_;   // [size, M]
  std::vector<std::byte> host_;
};

}  // namespace plait
