// One synthetic patient: latents, what each modality shows of them, the label, and which modalities are there.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "io/formats/png.h"
#include "io/generator/population.h"

namespace plait::synth {

struct Patient {
  Signals signals{};
  ClinicalFindings clinical;  // drawn for everybody, also for those whose modality is then absent
  Lesion lesion;
  Expression expression;
  double probability = 0.0;  // P(y = 1 | signals)
  bool positive = false;
  ModalityMask available = 0;
};

// A function of its arguments alone: patients can be drawn in any order, by any number of threads.
Patient draw_patient(const Population& population, std::uint64_t seed, std::uint32_t row);
PngImage paint_image(const Population& population, std::uint64_t seed, std::uint32_t row, const Patient& patient);

// "P000001" for row 0.
std::string patient_id(std::int64_t row);

// What the data of each modality tell of its signal, were the modality there.
std::array<Density, kModalities> observed_densities(const Population& population, const Patient& patient);

}  // namespace plait::synth
