#include "study/explain/explanation.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/error.h"
#include "io/data/loader.h"
#include "study/explain/game.h"
#include "study/explain/shapley.h"
#include "study/explain/subset_inference.h"

namespace plait {
namespace {

constexpr std::int64_t explain_batch = 256;

// The worth of every set of modalities to one patient, output by output and as minus the loss.
class PatientGame {
 public:
  PatientGame(const MultimodalModel& model, const Dataset& dataset)
      : model_(model),
        dataset_(dataset),
        sets_(std::size_t{1} << model.config().inputs.size()),
        outputs_(static_cast<std::size_t>(model.outputs())),
        values_(sets_ * outputs_),
        prior_(prior_values(dataset.target_fit())),
        worth_(sets_) {}

  void play(const SubsetInference& inference, std::int64_t row, std::int64_t patient, ModalityMask available,
            PatientExplanations& out) {
    for (std::size_t set = 0; set < sets_; ++set) {
      const auto shown = static_cast<ModalityMask>(set & available);
      const std::span<double> v{values_.data() + set * outputs_, outputs_};
      if (model_.abstains(shown))
        std::copy(prior_.begin(), prior_.end(), v.begin());
      else
        output_values(dataset_.target_fit(), inference.logits(shown, row), v);
      for (const double value : v)
        if (!std::isfinite(value)) fail(patient);
    }
    const std::span<const double> all{values_.data() + (sets_ - 1) * outputs_, outputs_};
    for (const double value : values_) out.set_values.push_back(static_cast<float>(value));
    out.value.insert(out.value.end(), all.begin(), all.end());
    for (std::size_t k = 0; k < outputs_; ++k) {
      for (std::size_t set = 0; set < sets_; ++set) worth_[set] = values_[set * outputs_ + k];
      share_out(out.shapley, out.ablation);
    }
    out.explained.push_back(static_cast<std::size_t>(std::max_element(all.begin(), all.end()) - all.begin()));
    play_loss(patient, out);
  }

 private:
  void play_loss(std::int64_t patient, PatientExplanations& out) {
    const bool labelled = dataset_.labelled(patient);
    for (std::size_t set = 0; set < sets_; ++set)
      worth_[set] = labelled ? -patient_loss(dataset_, patient, {values_.data() + set * outputs_, outputs_}) : NAN;
    out.loss.push_back(-worth_.back());
    out.prior_loss.push_back(-worth_.front());
    share_out(out.loss_shapley, out.loss_ablation);
  }

  // Appends both measures of the game in worth_.
  void share_out(std::vector<double>& shapley, std::vector<double>& ablation) const {
    const std::size_t modalities = model_.config().inputs.size();
    shapley.resize(shapley.size() + modalities);
    shapley_values(static_cast<int>(modalities), worth_, {shapley.data() + shapley.size() - modalities, modalities});
    for (std::size_t m = 0; m < modalities; ++m)
      ablation.push_back(worth_[sets_ - 1] - worth_[(sets_ - 1) ^ (std::size_t{1} << m)]);
  }

  [[noreturn]] static void fail(std::int64_t patient) {
    throw Error(ExitCode::numeric, "a prediction for the patient in row " + std::to_string(patient) +
                                       " of the labels, counted from 0, is not finite; look for extreme values in this "
                                       "patient's data, or train again with a lower train.learning_rate");
  }

  const MultimodalModel& model_;
  const Dataset& dataset_;
  std::size_t sets_, outputs_;
  std::vector<double> values_;  // [sets, outputs]
  std::vector<double> prior_;
  std::vector<double> worth_;  // [sets] of the game that is played
};

bool any_disagreement(const Rankings& all, ModalityMask mask) {
  return orders_differ(all.shapley, all.ablation, mask) ||
         (!all.attention.empty() &&
          (orders_differ(all.shapley, all.attention, mask) || orders_differ(all.ablation, all.attention, mask)));
}

}  // namespace

bool orders_differ(std::span<const double> a, std::span<const double> b, ModalityMask mask) {
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a.size(); ++j)
      if (has_modality(mask, static_cast<int>(i)) && has_modality(mask, static_cast<int>(j)) && a[i] < a[j] &&
          b[i] > b[j])
        return true;
  return false;
}

bool firsts_differ(std::span<const double> a, std::span<const double> b, ModalityMask mask) {
  if (mask == 0) return false;
  std::size_t first_a = a.size(), first_b = a.size();
  for (std::size_t m = 0; m < a.size(); ++m) {
    if (!has_modality(mask, static_cast<int>(m))) continue;
    if (first_a == a.size() || a[m] > a[first_a]) first_a = m;
    if (first_b == a.size() || b[m] > b[first_b]) first_b = m;
  }
  return a[first_b] < a[first_a] && b[first_a] < b[first_b];
}

Rankings rankings(const PatientExplanations& explanations, std::size_t i) {
  Rankings all;
  const std::size_t output = explanations.explained[i];
  for (const double phi : explanations.of_output(explanations.shapley, i, output))
    all.shapley.push_back(std::fabs(phi));
  for (const double lost : explanations.of_output(explanations.ablation, i, output))
    all.ablation.push_back(std::fabs(lost));
  for (const float weight : explanations.weights_of(i)) all.attention.push_back(static_cast<double>(weight));
  return all;
}

PatientExplanations explain(const MultimodalModel& model, const Dataset& dataset,
                            std::span<const std::int64_t> patients, Trace* trace) {
  PatientExplanations out;
  out.modalities = model.config().inputs.size();
  out.outputs = static_cast<std::size_t>(model.outputs());
  out.patients.assign(patients.begin(), patients.end());
  out.prior = prior_values(dataset.target_fit());
  if (patients.empty()) return out;
  Loader loader(dataset, out.patients,
                {.batch_size = std::min<std::int64_t>(explain_batch, std::ssize(patients)),
                 .keep_size = true,
                 .shuffle = false,
                 .prefetch = false,
                 .trace = trace});
  SubsetInference inference(model);
  PatientGame game(model, dataset);
  loader.start_epoch(0);
  std::size_t done = 0;
  while (const Batch* batch = loader.next()) {
    const Phase phase(trace, "explain");
    inference.run(*batch);
    for (std::int64_t row = 0; row < batch->patients; ++row, ++done) {
      const ModalityMask available = batch->available.as<ModalityMask>()[row];
      const bool abstains = model.abstains(available);
      out.available.push_back(available);
      out.abstains.push_back(abstains ? 1 : 0);
      game.play(inference, row, out.patients[done], available, out);
      for (const float weight : inference.attention(row)) out.weights.push_back(abstains ? 0.0f : weight);
      out.disagrees.push_back(any_disagreement(rankings(out, done), available) ? 1 : 0);
    }
  }
  return out;
}

}  // namespace plait
