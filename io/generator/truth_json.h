// truth.json: what nobody knows of real patients. Never read by training; docs/synth.md describes every field.
#pragma once

#include <filesystem>
#include <vector>

#include "io/generator/ceilings.h"
#include "io/generator/patient.h"

namespace plait::synth {

struct PatientTruth {
  Patient patient;  // its cells may have been taken away
  std::array<Belief, kModalities> belief{};
  PatientScores scores;
};

struct Truth {
  SynthOptions options;
  Population population;
  std::vector<PatientTruth> patients;
  Ceilings ceilings;
};

// One line a patient.
void write_truth(const std::filesystem::path& path, const Truth& truth);

}  // namespace plait::synth
