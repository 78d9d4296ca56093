#pragma once

#include "engine/arena.h"
#include "engine/train/batch.h"

namespace plait::ops {

struct ModalityInput {
  Tensor values;    // [size, ...] zeros in the rows of patients without the modality
  Tensor observed;  // u8 [size, features]; empty: every cell was measured, or nobody asked
};

// One modality of a batch as a model computes with it, in `dtype` where that is bf16. From the batch's values by
// selection; from a cohort on the device by gathering, imputing, scaling, marking and rounding in one pass, with the
// same bits. No gradient: it is an input. available: u8 [size]; where rows are gathered it has been seen to when the
// batch was carried over. observed: whether the marks are wanted.
ModalityInput modality_input(Arena& arena, const ModalityBatch& batch, const Tensor& available, int modality,
                             DType dtype, bool observed);

// The same for a model that selects by itself: rows of patients without the modality hold anything.
Tensor modality_values(Arena& arena, const ModalityBatch& batch);

}  // namespace plait::ops
