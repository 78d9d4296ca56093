// A Batch with random contents that owns its memory, for tests and benchmarks of whole models.
#pragma once

#include <cstddef>
#include <cstring>
#include <deque>
#include <vector>

#include "engine/task_kind.h"
#include "engine/train/batch.h"
#include "fusion/model_config.h"
#include "tests/support/random_values.h"

namespace plait {

struct BatchPlan {
  std::vector<InputShape> inputs;
  TaskKind task = TaskKind::binary;
  std::int64_t outputs = 1;
  std::vector<ModalityMask> available;  // one a patient
  std::int64_t padding = 0;             // patients of weight 0 without a modality, after the real ones
  bool weighted = false;                // weights between 0.5 and 1.5 instead of 1
  bool some_unobserved = false;         // expression cells with observed = 0
  DType dtype = DType::f32;
  std::uint32_t seed = 1;
};

class SyntheticBatch {
 public:
  explicit SyntheticBatch(const BatchPlan& plan) : dtype_(plan.dtype) {
    batch.patients = static_cast<std::int64_t>(plan.available.size());
    batch.size = batch.patients + plan.padding;
    batch.available = tensor({batch.size}, DType::u8);
    batch.rows = tensor({batch.size}, DType::i32);
    batch.weights = tensor({batch.size}, DType::f32);
    fill_random(batch.weights.as<float>(), batch.size, plan.seed, 0.5, 1.5);
    for (std::int64_t i = 0; i < batch.size; ++i) {
      const bool real = i < batch.patients;
      available()[i] = real ? plan.available[static_cast<std::size_t>(i)] : ModalityMask{0};
      batch.rows.as<std::int32_t>()[i] = static_cast<std::int32_t>(real ? 3 * i + 2 : 0);
      float& weight = batch.weights.as<float>()[i];
      weight = !real ? 0.0f : plan.weighted ? weight : 1.0f;
      batch.weight_sum += static_cast<double>(weight);
    }
    draw_targets(plan);
    for (std::size_t m = 0; m < plan.inputs.size(); ++m) draw_modality(plan, m);
  }
  SyntheticBatch(const SyntheticBatch&) = delete;
  SyntheticBatch& operator=(const SyntheticBatch&) = delete;

  Batch batch;

  ModalityMask* available() { return batch.available.as<ModalityMask>(); }

  template <class T>
  T* values(std::size_t modality, std::int64_t patient) {
    const Tensor& x = batch.modalities[modality].values;
    return x.as<T>() + patient * x.row_stride;
  }

  // Writes `value` into every row of patients who do not have the modality, and nonsense into their observed bytes.
  void poison_absent(double value) {
    for (std::size_t m = 0; m < batch.modalities.size(); ++m)
      for (std::int64_t i = 0; i < batch.size; ++i) {
        if (has_modality(available()[i], static_cast<int>(m))) continue;
        const Tensor& observed = batch.modalities[m].observed;
        for (std::int64_t c = 0; c < batch.modalities[m].values.columns(); ++c) {
          dispatch_float(dtype_, [&]<class T>(T) { values<T>(m, i)[c] = static_cast<T>(value); });
          if (!observed.empty()) observed.as<std::uint8_t>()[i * observed.row_stride + c] = 1;
        }
      }
  }

  // The same patients in another order: patient i of the result is patient order[i] of this batch.
  void permute(const std::vector<std::int64_t>& order) {
    const auto rearrange = [&](const Tensor& t) {
      if (t.empty()) return;
      const std::size_t row = static_cast<std::size_t>(t.row_stride) * dtype_size(t.dtype);
      auto* bytes = static_cast<std::byte*>(t.data);
      const std::vector<std::byte> old(bytes, bytes + row * order.size());
      for (std::size_t i = 0; i < order.size(); ++i)
        std::memcpy(bytes + i * row, old.data() + static_cast<std::size_t>(order[i]) * row, row);
    };
    for (const Tensor& t : {batch.available, batch.rows, batch.targets, batch.weights}) rearrange(t);
    for (const ModalityBatch& m : batch.modalities) rearrange(m.values), rearrange(m.observed);
  }

  // Patients first .. first + count - 1 as a batch of their own; it keeps the denominator of the whole.
  Batch part(std::int64_t first, std::int64_t count) const {
    const auto rows_of = [&](Tensor t) {
      if (t.empty()) return t;
      t.data = static_cast<std::byte*>(t.data) + static_cast<std::size_t>(first * t.row_stride) * dtype_size(t.dtype);
      const Shape s = t.shape;
      t.shape = s.rank() == 4 ? Shape{count, s[1], s[2], s[3]} : s.rank() == 2 ? Shape{count, s[1]} : Shape{count};
      return t;
    };
    Batch b = batch;
    b.size = count;
    b.patients = std::min(count, std::max<std::int64_t>(0, batch.patients - first));
    for (Tensor* t : {&b.available, &b.rows, &b.targets, &b.weights}) *t = rows_of(*t);
    for (ModalityBatch& m : b.modalities) m.values = rows_of(m.values), m.observed = rows_of(m.observed);
    return b;
  }

  // A tensor of zeros; rows of matrices and images are padded to 16 bytes, targets are not (their kernels want them
  // contiguous).
  Tensor tensor(const Shape& shape, DType dtype, bool padded = true) {
    Tensor t;
    t.dtype = dtype;
    t.shape = shape;
    t.row_stride = padded && shape.rank() > 1 ? padded_stride(shape.columns(), dtype) : shape.columns();
    const std::size_t bytes = static_cast<std::size_t>(t.rows() * t.row_stride) * dtype_size(dtype);
    memory_.emplace_back(bytes / sizeof(double) + 1);  // doubles: aligned enough for all of them
    t.data = memory_.back().data();
    return t;
  }

 private:
  void draw_targets(const BatchPlan& plan) {
    if (plan.task == TaskKind::multiclass) {
      batch.targets = tensor({batch.size}, DType::i32);
      const auto classes =
          random_integers<std::int32_t>(batch.size, plan.seed, static_cast<std::uint32_t>(plan.outputs));
      std::copy(classes.begin(), classes.end(), batch.targets.as<std::int32_t>());
      return;
    }
    if (plan.task == TaskKind::survival) return draw_outcomes(plan);
    batch.targets = tensor({batch.size, plan.outputs}, DType::f32, false);
    auto* t = batch.targets.as<float>();
    fill_random(t, batch.size * plan.outputs, plan.seed + 50);
    if (plan.task == TaskKind::regression) return;
    for (std::int64_t i = 0; i < batch.size * plan.outputs; ++i) t[i] = t[i] < 0.0f ? 0.0f : 1.0f;
  }

  // Falling times, two patients each; two of three have an event.
  void draw_outcomes(const BatchPlan& plan) {
    batch.targets = tensor({batch.size, 2}, DType::f32, false);
    auto* t = batch.targets.as<float>();
    for (std::int64_t i = 0; i < batch.size; ++i) {
      t[2 * i] = static_cast<float>((batch.size - i) / 2 + 1);
      t[2 * i + 1] = (i + plan.seed) % 3 != 0 ? 1.0f : 0.0f;
    }
  }

  void draw_modality(const BatchPlan& plan, std::size_t m) {
    const InputShape& input = plan.inputs[m];
    const bool image = input.kind == ModalityKind::image;
    ModalityBatch modality;
    modality.values = image ? tensor({batch.size, input.height, input.width, input.channels}, dtype_)
                            : tensor({batch.size, input.features}, dtype_);
    const std::int64_t columns = modality.values.columns();
    const bool partly = plan.some_unobserved && input.kind == ModalityKind::expression;
    if (partly) modality.observed = tensor({batch.size, columns}, DType::u8);
    batch.modalities.push_back(modality);
    for (std::int64_t i = 0; i < batch.size; ++i) {
      const auto seed = plan.seed + 100 * static_cast<std::uint32_t>(m + 1) + 1000 * static_cast<std::uint32_t>(i);
      if (partly) {
        const auto bytes = random_integers<std::uint8_t>(columns, seed, 4);
        for (std::int64_t c = 0; c < columns; ++c)
          modality.observed.as<std::uint8_t>()[i * modality.observed.row_stride + c] =
              bytes[static_cast<std::size_t>(c)] != 0;
      }
      if (!has_modality(available()[i], static_cast<int>(m))) continue;
      dispatch_float(dtype_, [&]<class T>(T) { fill_random(values<T>(m, i), columns, seed, -2.0, 2.0); });
    }
  }

  DType dtype_;
  std::deque<std::vector<double>> memory_;
};

}  // namespace plait
