#include "io/generator/patient.h"

#include <fmt/format.h>

#include "io/generator/lesion_image.h"

namespace plait::synth {

Patient draw_patient(const Population& population, std::uint64_t seed, std::uint32_t row) {
  Patient patient;
  Draws signals(seed, row, Stream::signals);
  for (double& s : patient.signals) s = signals.normal();
  patient.clinical = draw_clinical(population.clinical, patient.signals[kEhr], {seed, row, Stream::clinical});
  patient.lesion = draw_lesion(population.lesion, patient.signals[kImage], {seed, row, Stream::lesion});
  patient.expression = draw_expression(population.genes, patient.signals[kGenomics], {seed, row, Stream::expression});
  patient.probability = probability_of_logit(population.label.logit(patient.signals));
  patient.positive = Draws(seed, row, Stream::label).uniform() < patient.probability;
  patient.available = draw_available(population.missingness, patient.signals, {seed, row, Stream::missing_modality});
  return patient;
}

PngImage paint_image(const Population& population, std::uint64_t seed, std::uint32_t row, const Patient& patient) {
  return paint_lesion(patient.lesion, population.image_size, {seed, row, Stream::pixels});
}

std::string patient_id(std::int64_t row) {
  return fmt::format("P{:06}", row + 1);
}

std::array<Density, kModalities> observed_densities(const Population& population, const Patient& patient) {
  return {clinical_density(population.clinical, patient.clinical),
          normal_density(lesion_belief(population.lesion, patient.lesion)),
          normal_density(expression_belief(population.genes, patient.expression.x))};
}

}  // namespace plait::synth
