// All that a cohort is drawn from. Everything but the seed decides the population: two seeds are two samples of the
// same patients' world, so that one can train and the other test.
#pragma once

#include <cstdint>
#include <optional>

#include "io/generator/clinical_table.h"
#include "io/generator/expression.h"
#include "io/generator/label_model.h"
#include "io/generator/lesion.h"
#include "io/generator/missingness.h"

namespace plait::synth {

struct SynthOptions {
  Task task = Task::cancer;
  std::int64_t patients = 2000;
  std::uint64_t seed = 1;
  std::optional<double> prevalence = {};  // in [0.01, 0.99]; none: the task's own
  double missing = 0.1;                   // share of patients that lack a modality, in [0, 0.95]
  Mechanism mechanism = Mechanism::random;
  int genes = 200;
  int image_size = 32;
};

inline constexpr std::int64_t kMostPatients = 10'000'000;
inline constexpr int kMostGenes = 100'000;

// A value out of its range is a usage error that names the option.
void check_options(const SynthOptions& options);

struct Population {
  LabelModel label;
  Missingness missingness;
  ClinicalTable clinical;
  LesionLoadings lesion{};
  GenePanel genes;
  int image_size = 32;
};

Population make_population(const SynthOptions& options);

}  // namespace plait::synth
