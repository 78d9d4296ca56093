// Which columns of its tables and genes a prediction came from: integrated gradients. Source: Sundararajan, Taly, Yan
// 2017.
//
//   IG_j = (x_j - x'_j) * mean over the path x' + t (x - x') of dF / dx_j,  t = 1/2K, 3/2K, ...
//
// F is the explained output (output_values()), x all tables and expression profiles that the model reads, x' = 0 there:
// the training mean of what is standardised, no category, no missing cell. Images stay as they are. The sum over
// columns is F(x) - F(x') as K grows; what is left of the difference is reported.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/trace.h"
#include "fusion/model.h"
#include "io/data/dataset.h"

namespace plait {

// A column of the cohort: all inputs that it became (categories, the missing-value bit) are summed.
struct AttributedColumn {
  std::size_t modality = 0;
  std::string name;
};
// In the order of the fit; empty where the model reads images alone.
std::vector<AttributedColumn> attributed_columns(const MultimodalModel& model, const Preprocess& fit);

struct PatientAttribution {
  std::size_t patient = 0;          // place in `patients`
  std::span<const double> columns;  // one each; 0 where the patient lacks the modality
  double change = 0.0;              // F(x) - F(x')
  double error = 0.0;               // the sum over columns less that
};

struct IntegratedGradientsOptions {
  int steps = 32;  // K
  Trace* trace = nullptr;
};

// The model's parameters are on the CPU. explained: the output of each patient. `take` is called for every patient, in
// order; those on whom the model abstains, and those who have no column, have zeros.
void integrated_gradients(const MultimodalModel& model, const Dataset& dataset, const Preprocess& fit,
                          std::span<const std::int64_t> patients, std::span<const std::size_t> explained,
                          const std::function<void(const PatientAttribution&)>& take,
                          const IntegratedGradientsOptions& options = {});

}  // namespace plait
