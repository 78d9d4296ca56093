#include "study/explain/integrated_gradients.h"

#include <algorithm>
#include <array>

#include "engine/error.h"
#include "io/data/loader.h"
#include "study/explain/game.h"
#include "study/explain/output_gradient.h"

namespace plait {
namespace {

constexpr std::int64_t gradient_batch = 128;

bool is_read(const MultimodalModel& model, std::size_t m) {
  return model.only_modality() < 0 || model.only_modality() == static_cast<int>(m);
}

bool has_columns(const MultimodalModel& model, std::size_t m) {
  return is_read(model, m) && model.config().inputs[m].kind != ModalityKind::image;
}

// Tables and expression profiles, as bits.
ModalityMask column_modalities(const MultimodalModel& model) {
  unsigned mask = 0;
  for (std::size_t m = 0; m < model.config().inputs.size(); ++m)
    if (has_columns(model, m)) mask |= 1u << m;
  return static_cast<ModalityMask>(mask);
}

class Path {
 public:
  Path(const MultimodalModel& model, const TargetFit& target)
      : model_(model), target_(target), moves_(column_modalities(model)), tape_(arena_), still_tape_(still_, false) {
    tape_.differentiate_inputs();
  }

  // What the path does not move is computed once a batch: the embeddings of images.
  void begin(const Batch& batch, std::span<const std::int64_t> explained) {
    explained_ = explained;
    still_tape_.reset();
    still_embeddings_ = model_.encode(still_tape_, batch, static_cast<ModalityMask>(~moves_));
    scaled_ = batch;
    scaled_memory_.reset();
    for (std::size_t m = 0; m < batch.modalities.size(); ++m)
      if (has_modality(moves_, static_cast<int>(m)))
        scaled_.modalities[m].values = scaled_memory_.like(batch.modalities[m].values);
  }

  // The outputs at x' + t (x - x').
  std::vector<double> at(const Batch& batch, double t) {
    tape_.reset();
    for (std::size_t m = 0; m < batch.modalities.size(); ++m) {
      if (!has_modality(moves_, static_cast<int>(m))) continue;
      const Tensor &from = batch.modalities[m].values, &to = scaled_.modalities[m].values;
      const std::int64_t count = from.rows() * from.row_stride;
      for (std::int64_t e = 0; e < count; ++e) to.as<float>()[e] = static_cast<float>(t) * from.as<float>()[e];
    }
    forward_ = model_.encode(tape_, scaled_, moves_);
    // Places of embeddings are those of the modalities, but for a model of one, which has one to move or none.
    for (std::size_t m = 0; m < still_embeddings_.embeddings && model_.only_modality() < 0; ++m)
      if (!has_modality(moves_, static_cast<int>(m))) forward_.z[m] = Value{still_embeddings_.z[m].data};
    model_.combine(tape_, scaled_, batch.available, forward_);
    std::vector<double> outputs(explained_.size(), 0.0), values(static_cast<std::size_t>(model_.outputs()));
    for (std::size_t i = 0; i < explained_.size(); ++i) {
      if (explained_[i] < 0) continue;
      const Tensor& logits = forward_.logits.data;
      output_values(target_, {logits.as<float>() + static_cast<std::int64_t>(i) * logits.row_stride, values.size()},
                    values);
      outputs[i] = values[static_cast<std::size_t>(explained_[i])];
    }
    return outputs;
  }

  // Adds the gradient at the place where at() was last to sums[m][batch, columns].
  void add_gradient(std::array<std::vector<double>, max_modalities>& sums) {
    seed_outputs(tape_, model_, target_, forward_, scaled_.available, explained_);
    tape_.backward();
    for (std::size_t m = 0; m < scaled_.modalities.size(); ++m) {
      if (!has_modality(moves_, static_cast<int>(m))) continue;
      const auto& input = forward_.inputs[m];
      const Tensor& gradient = tape_.gradient(input.value);
      const std::int64_t columns = scaled_.modalities[m].values.columns();
      for (std::int64_t i = 0; i < scaled_.patients; ++i) {
        const float* from = gradient.as<float>() + i * gradient.row_stride + input.first_column;
        double* to = sums[m].data() + i * columns;
        for (std::int64_t j = 0; j < columns; ++j) to[j] += static_cast<double>(from[j]);
      }
    }
  }

  bool moves(std::size_t m) const { return has_modality(moves_, static_cast<int>(m)); }

 private:
  const MultimodalModel& model_;
  const TargetFit& target_;
  ModalityMask moves_;
  Arena arena_, still_, scaled_memory_;
  Tape tape_, still_tape_;
  MultimodalModel::Forward still_embeddings_, forward_;
  Batch scaled_;
  std::span<const std::int64_t> explained_;
};

}  // namespace

std::vector<AttributedColumn> attributed_columns(const MultimodalModel& model, const Preprocess& fit) {
  std::vector<AttributedColumn> columns;
  for (std::size_t m = 0; m < fit.modalities.size(); ++m)
    if (has_columns(model, m))
      for (const ColumnFit& column : fit.modalities[m].columns) columns.push_back({m, column.name});
  return columns;
}

void integrated_gradients(const MultimodalModel& model, const Dataset& dataset, const Preprocess& fit,
                          std::span<const std::int64_t> patients, std::span<const std::size_t> explained,
                          const std::function<void(const PatientAttribution&)>& take,
                          const IntegratedGradientsOptions& options) {
  check(!model.parameters().device().is_gpu(), "[integrated_gradients] computes on the CPU");
  check(patients.size() == explained.size() && options.steps >= 1, "[integrated_gradients] one output a patient");
  if (patients.empty()) return;
  Loader loader(dataset, {patients.begin(), patients.end()},
                {.batch_size = std::min<std::int64_t>(gradient_batch, std::ssize(patients)),
                 .keep_size = true,
                 .shuffle = false,
                 .prefetch = false,
                 .trace = options.trace});
  Path path(model, fit.target);
  std::vector<double> columns(attributed_columns(model, fit).size());
  std::array<std::vector<double>, max_modalities> sums;
  loader.start_epoch(0);
  std::size_t done = 0;
  while (const Batch* batch = loader.next()) {
    const Phase phase(options.trace, "integrated gradients");
    std::vector<std::int64_t> outputs(static_cast<std::size_t>(batch->size), -1);
    for (std::int64_t i = 0; i < batch->patients; ++i)
      if (!model.abstains(batch->available.as<ModalityMask>()[i]))
        outputs[static_cast<std::size_t>(i)] = static_cast<std::int64_t>(explained[done + static_cast<std::size_t>(i)]);
    for (std::size_t m = 0; m < batch->modalities.size(); ++m)
      if (path.moves(m))
        sums[m].assign(static_cast<std::size_t>(batch->size * batch->modalities[m].values.columns()), 0.0);
    path.begin(*batch, outputs);
    const std::vector<double> base = path.at(*batch, 0.0), value = path.at(*batch, 1.0);
    for (int step = 0; step < options.steps; ++step) {
      path.at(*batch, (step + 0.5) / options.steps);
      path.add_gradient(sums);
    }
    for (std::int64_t i = 0; i < batch->patients; ++i, ++done) {
      std::size_t column = 0;
      double sum = 0.0;
      for (std::size_t m = 0; m < batch->modalities.size(); ++m) {
        if (!path.moves(m)) continue;
        const Tensor& x = batch->modalities[m].values;
        const float* row = x.as<float>() + i * x.row_stride;
        const double* gradient = sums[m].data() + i * x.columns();
        const bool there = has_modality(batch->available.as<ModalityMask>()[i], static_cast<int>(m));
        for (const ColumnFit& fitted : fit.modalities[m].columns) {
          double ig = 0.0;
          for (std::int64_t f = 0; f < fitted.features(); ++f, ++row, ++gradient)
            if (there) ig += static_cast<double>(*row) * *gradient / options.steps;
          columns[column++] = ig;
          sum += ig;
        }
      }
      const auto at = static_cast<std::size_t>(i);
      const double change = value[at] - base[at];
      take({.patient = done, .columns = columns, .change = change, .error = sum - change});
    }
  }
}

}  // namespace plait
