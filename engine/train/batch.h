// What the trainer needs from the world: batches of patients. The loader implements BatchSource; the model reads Batch.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tensor.h"
#include "engine/train/batch_parts.h"
#include "engine/train/gather_source.h"
#include "kernels/modality_mask.h"

namespace plait {

// A modality's part of a batch, in one of two forms: its values, or the rows of a cohort on the device that a step
// gathers them from.
struct ModalityBatch {
  Tensor values;    // f32 [size, features] or [size, h, w, c], preprocessed; rows of absent modalities are zero
  Tensor observed;  // u8 [size, features] 1 = cell was measured; empty() = every cell was

  const GatherSource* source = nullptr;       // in the device's memory; `values` is then a shape without memory
  const std::int64_t* source_rows = nullptr;  // [size] the patients' rows there, -1 = none
  bool some_unobserved = false;               // the source has missing cells

  bool is_gathered() const { return source != nullptr; }
};

// A batch, or one of its parts. It is padded to `size` with patients of weight 0 that have no modality.
struct Batch {
  std::int64_t size = 0;      // rows of every tensor
  std::int64_t patients = 0;  // real patients, the first rows
  std::vector<ModalityBatch> modalities;
  Tensor available;         // u8 [size] ModalityMask: bit m = modality m is there
  Tensor rows;              // i32 [size] the patient's row in the labels file, 0-based: keys the random draws
  Tensor targets;           // f32 [size, outputs]; multi-class: i32 [size] class index; survival: f32 [size, 2]
  Tensor weights;           // f32 [size] weight of the patient in the loss
  double weight_sum = 0.0;  // over all batches of the optimizer step, all parts of them: every data loss's denominator
  const double* device_weight_sum = nullptr;  // on a GPU: the same number in its memory

  const double* denominator() const { return device_weight_sum != nullptr ? device_weight_sum : &weight_sum; }
};

class BatchSource {
 public:
  virtual ~BatchSource() = default;

  virtual std::int64_t patients() const = 0;    // in an epoch, on all ranks
  virtual std::int64_t batch_size() const = 0;  // patients of a batch, all its parts together
  virtual std::int64_t batches() const = 0;     // in an epoch
  // What next() returns of each.
  virtual BatchParts parts() const { return {}; }

  // Starts (or restarts) an epoch; the order of the patients is a function of the seed and the epoch alone.
  virtual void start_epoch(std::uint32_t epoch) = 0;

  // The next batch, or null at the end of the epoch. Valid until the next call. With parts: of the batches of an
  // optimizer step first one own part of each, then the next part of each.
  virtual const Batch* next() = 0;
};

}  // namespace plait
