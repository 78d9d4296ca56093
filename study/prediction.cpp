#include "study/prediction.h"

#include <algorithm>
#include <cmath>

#include "engine/comm/agreement.h"
#include "engine/error.h"
#include "engine/out_of_memory.h"
#include "io/data/loader.h"
#include "kernels/math/activation.h"
#include "study/inference.h"
#include "study/prediction_share.h"
#include "study/survival/cox_loss.h"

namespace plait {
namespace {

constexpr std::int64_t inference_batch = 256;

// Logits of one patient to probabilities, or to the target's own units.
void to_values(const TargetFit& target, const float* logits, std::int64_t outputs, double* values) {
  switch (target.task) {
    case TaskKind::binary:
    case TaskKind::multilabel:
      for (std::int64_t k = 0; k < outputs; ++k) values[k] = sigmoid(static_cast<double>(logits[k]));
      return;
    case TaskKind::multiclass: {
      const double largest = *std::max_element(logits, logits + outputs);
      double sum = 0.0;
      for (std::int64_t k = 0; k < outputs; ++k) sum += values[k] = std::exp(static_cast<double>(logits[k]) - largest);
      for (std::int64_t k = 0; k < outputs; ++k) values[k] /= sum;
      return;
    }
    case TaskKind::regression:
      for (std::int64_t k = 0; k < outputs; ++k)
        values[k] = static_cast<double>(logits[k]) * target.deviation + target.mean;
      return;
    case TaskKind::survival:
      values[0] = static_cast<double>(logits[0]);
      return;
  }
}

// The batch with some modalities hidden and with weights of 0 where the model abstains.
Batch shown(const Batch& batch, const MultimodalModel& model, ModalityMask removed, Arena& arena) {
  Batch view = batch;
  view.available = arena.like(batch.available);
  view.weights = arena.like(batch.weights);
  view.weight_sum = 0.0;
  for (std::int64_t i = 0; i < batch.size; ++i) {
    const auto mask = static_cast<ModalityMask>(batch.available.as<ModalityMask>()[i] & ~removed);
    view.available.as<ModalityMask>()[i] = mask;
    const float weight = model.abstains(mask) ? 0.0f : batch.weights.as<float>()[i];
    view.weights.as<float>()[i] = weight;
    view.weight_sum += static_cast<double>(weight);
  }
  return view;
}

void take_patient(const MultimodalModel& model, const Inference::Result& result, const TargetFit& target,
                  ModalityMask mask, std::int64_t row, PatientPredictions& out) {
  const std::int64_t outputs = model.outputs();
  const bool abstains = model.abstains(mask);
  out.available.push_back(mask);
  out.abstains.push_back(abstains ? 1 : 0);
  const std::size_t at = out.values.size();
  out.values.resize(at + static_cast<std::size_t>(outputs));
  if (abstains) {
    std::copy(target.prior.begin(), target.prior.end(), out.values.begin() + static_cast<std::ptrdiff_t>(at));
  } else {
    const Tensor& logits = result.logits;
    to_values(target, logits.as<float>() + row * logits.row_stride, outputs, out.values.data() + at);
  }
  if (result.alpha.empty()) return;
  const float* alpha = result.alpha.as<float>() + row * result.alpha.row_stride;
  if (abstains)
    out.weights.resize(out.weights.size() + static_cast<std::size_t>(result.alpha.columns()), 0.0f);
  else
    out.weights.insert(out.weights.end(), alpha, alpha + result.alpha.columns());
}

Inference::Result run(Inference& inference, const Batch& batch) {
  try {
    return inference.run(batch);
  } catch (const OutOfMemory& error) {
    throw error.with_advice(
        "inference takes " + std::to_string(batch.size) +
        " patients at a time: free memory of the device, compute on the CPU (--device cpu) or, while "
        "a model is trained, leave more room with a smaller train.batch_size");
  }
}

// The last patient's values.
void check_finite(const PatientPredictions& predictions, std::int64_t row) {
  for (auto v = predictions.values.end() - predictions.outputs; v != predictions.values.end(); ++v)
    if (!std::isfinite(*v))
      throw Error(ExitCode::numeric, "the prediction for the patient in row " + std::to_string(row) +
                                         " of the labels, counted from 0, is not finite; look for extreme values in "
                                         "this patient's data, or train again with a lower train.learning_rate");
}

// Adds to `out` and `losses` what this rank's patients give.
void predict_share(const ResidentCohort* resident, const MultimodalModel& model, const Dataset& dataset,
                   const PredictionShare& share, const PredictOptions& options, PatientPredictions& out,
                   std::vector<BatchLoss>& losses) {
  if (share.count == 0) return;
  const auto first = out.patients.begin() + share.first;
  Loader loader(dataset, {first, first + share.count},
                {.batch_size = share.batch_size,
                 .keep_size = true,
                 .shuffle = false,
                 .weights = options.loss_weights,
                 .prefetch = false,
                 .resident = resident,
                 .trace = options.trace});
  Arena masks;
  Inference inference(model, options.trace);
  loader.start_epoch(0);
  while (const Batch* batch = loader.next()) {
    masks.reset();
    const Batch view = shown(*batch, model, options.removed, masks);
    const Inference::Result result = run(inference, view);
    losses.push_back({.loss = result.task * view.weight_sum, .weight = view.weight_sum});
    for (std::int64_t i = 0; i < view.patients; ++i) {
      take_patient(model, result, dataset.target_fit(), view.available.as<ModalityMask>()[i], i, out);
      check_finite(out, view.rows.as<std::int32_t>()[i]);
    }
  }
}

}  // namespace

std::int64_t PatientPredictions::abstained() const {
  return std::count(abstains.begin(), abstains.end(), 1);
}

namespace {

PatientPredictions predict_from(const ResidentCohort* resident, const MultimodalModel& model, const Dataset& dataset,
                                std::span<const std::int64_t> patients, const PredictOptions& options) {
  PatientPredictions out;
  out.patients.assign(patients.begin(), patients.end());
  out.outputs = model.outputs();
  if (patients.empty()) return out;
  const PredictionShare share = prediction_share(out.count(), inference_batch, options.ranks);
  std::vector<BatchLoss> losses;
  const auto compute = [&] { predict_share(resident, model, dataset, share, options, out, losses); };
  if (options.ranks != nullptr && options.ranks->size() > 1) {
    together(*options.ranks, compute);
    gather_shares(*options.ranks, share.batch_size, out, losses);
  } else {
    compute();
  }
  BatchLoss sum;
  for (const BatchLoss& batch : losses) sum.loss += batch.loss, sum.weight += batch.weight;
  if (sum.weight > 0.0) out.task_loss = sum.loss / sum.weight;
  if (model.task() == TaskKind::survival) out.task_loss = cox_loss(out, dataset);
  return out;
}

}  // namespace

PatientPredictions predict(const MultimodalModel& model, const Dataset& dataset, std::span<const std::int64_t> patients,
                           const PredictOptions& options) {
  const Device& device = model.parameters().device();
  if (options.resident != nullptr || !device.is_gpu() || 2 * std::ssize(patients) < dataset.patients())
    return predict_from(options.resident, model, dataset, patients, options);
  {
    const ResidentCohort resident(device, dataset.sources());
    try {
      return predict_from(&resident, model, dataset, patients, options);
    } catch (const OutOfMemory&) {
      if (!resident.there()) throw;
    }
  }
  return predict_from(nullptr, model, dataset, patients, options);  // with all the room
}

ScoredPredictions scored(const PatientPredictions& predictions, const Dataset& dataset) {
  ScoredPredictions result;
  result.predictions.task = dataset.task();
  result.predictions.outputs = static_cast<std::size_t>(predictions.outputs);
  const auto outputs = static_cast<std::ptrdiff_t>(predictions.outputs);
  for (std::size_t i = 0; i < predictions.patients.size(); ++i) {
    const std::int64_t patient = predictions.patients[i];
    if (!dataset.labelled(patient)) continue;
    const auto begin = predictions.values.begin() + static_cast<std::ptrdiff_t>(i) * outputs;
    result.predictions.values.insert(result.predictions.values.end(), begin, begin + outputs);
    for (std::int64_t t = 0; t < dataset.target_columns(); ++t)
      result.predictions.targets.push_back(dataset.raw_target(patient, t));
    result.index.push_back(i);
  }
  return result;
}

std::vector<double> mean_attention(const PatientPredictions& predictions) {
  if (predictions.weights.empty()) return {};
  const std::size_t modalities = predictions.weights.size() / predictions.patients.size();
  std::vector<double> mean(modalities, 0.0);
  std::int64_t counted = 0;
  for (std::size_t i = 0; i < predictions.patients.size(); ++i) {
    if (predictions.abstains[i] != 0) continue;
    ++counted;
    for (std::size_t m = 0; m < modalities; ++m)
      mean[m] += static_cast<double>(predictions.weights[i * modalities + m]);
  }
  for (double& m : mean) m = counted > 0 ? m / static_cast<double>(counted) : 0.0;
  return mean;
}

}  // namespace plait
