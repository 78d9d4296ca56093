// The columns of the clinical table and what each task's signal does to them.
#include "io/generator/clinical_table.h"

namespace plait::synth {
namespace {

// Loadings of the signal, a number a task: cancer, cardiac, metabolic, mortality.
using Loadings = std::array<double, 4>;

struct NumericEntry {
  NumericColumn column;
  Loadings signal;
};

struct CategoricalEntry {
  CategoricalColumn column;
  Loadings signal;
};

constexpr bool kSkewed = true, kNormal = false;

// name, skewed, centre, scale, decimals, age, sex, acute, signal (filled in below), missing; then its loadings. Units:
// kg/m2, mmHg, 1/min, mg/dL, mg/L, 1e9/L, g/dL, 1e9/L, g/dL, U/L, mg/dL, %, mg/dL, mg/dL, mg/dL, ng/L, mmol/L, mmol/L.
const std::vector<NumericEntry>& numeric_entries() {
  static const std::vector<NumericEntry> entries = {
      {{"bmi", kSkewed, 26.5, 0.17, 1, 0.05, 0.05, 0.0, 0.0, 0.03}, {-0.30, 0.45, 0.85, -0.30}},
      {{"systolic_bp", kNormal, 132.0, 18.0, 0, 0.30, 0.05, 0.0, 0.0, 0.03}, {0.0, 0.80, 0.45, 0.0}},
      {{"heart_rate", kNormal, 77.0, 12.0, 0, 0.0, -0.10, 0.40, 0.0, 0.03}, {0.0, 0.60, 0.0, 0.80}},
      {{"creatinine", kSkewed, 0.95, 0.28, 2, 0.25, 0.30, 0.0, 0.0, 0.06}, {0.0, 0.50, 0.45, 0.90}},
      {{"crp", kSkewed, 4.0, 1.2, 2, 0.10, 0.0, 0.70, 0.0, 0.12}, {0.55, 0.25, 0.0, 0.50}},
      {{"wbc", kSkewed, 7.4, 0.30, 1, 0.0, 0.0, 0.55, 0.0, 0.06}, {0.55, 0.0, 0.0, 0.45}},
      {{"hemoglobin", kNormal, 13.8, 1.5, 1, -0.10, 0.40, -0.20, 0.0, 0.06}, {-0.85, -0.25, 0.0, -0.65}},
      {{"platelets", kSkewed, 255.0, 0.28, 0, -0.05, -0.10, 0.30, 0.0, 0.06}, {0.80, 0.0, 0.0, 0.0}},
      {{"albumin", kNormal, 4.1, 0.42, 2, -0.20, 0.0, -0.50, 0.0, 0.10}, {-0.70, 0.0, 0.0, -0.80}},
      {{"ldh", kSkewed, 195.0, 0.25, 0, 0.10, 0.0, 0.20, 0.0, 0.15}, {0.90, 0.25, 0.0, 0.75}},
      {{"glucose", kSkewed, 104.0, 0.22, 0, 0.10, 0.0, 0.10, 0.0, 0.08}, {0.0, 0.30, 0.90, 0.0}},
      {{"hba1c", kSkewed, 5.8, 0.14, 2, 0.15, 0.0, 0.0, 0.0, 0.15}, {0.0, 0.25, 0.90, 0.0}},
      {{"triglycerides", kSkewed, 130.0, 0.50, 0, 0.05, 0.10, 0.0, 0.0, 0.12}, {0.0, 0.55, 0.75, 0.0}},
      {{"hdl", kSkewed, 50.0, 0.26, 0, 0.0, -0.30, -0.10, 0.0, 0.12}, {0.0, -0.65, -0.65, 0.0}},
      {{"ldl", kSkewed, 118.0, 0.30, 0, 0.10, 0.0, 0.0, 0.0, 0.12}, {0.0, 0.75, 0.25, 0.0}},
      {{"troponin", kSkewed, 9.0, 0.90, 1, 0.20, 0.10, 0.10, 0.0, 0.15}, {0.0, 0.90, 0.0, 0.65}},
      {{"sodium", kNormal, 139.5, 3.0, 0, -0.05, 0.0, -0.20, 0.0, 0.05}, {-0.40, 0.0, 0.0, -0.85}},
      {{"lactate", kSkewed, 1.4, 0.40, 2, 0.0, 0.0, 0.30, 0.0, 0.15}, {0.0, 0.0, 0.0, 0.90}},
  };
  return entries;
}

// name, levels, thresholds, age, signal (filled in below), missing; then its loadings.
const std::vector<CategoricalEntry>& categorical_entries() {
  static const std::vector<CategoricalEntry> entries = {
      {{"smoking", {"never", "former", "current"}, {0.1, 1.4}, 0.1, 0.0, 0.08}, {0.9, 0.8, 0.3, 0.4}},
      {{"diabetes", {"no", "yes"}, {1.6}, 0.3, 0.0, 0.04}, {0.0, 0.6, 1.8, 0.3}},
      {{"ecog", {"0", "1", "2", "3"}, {0.2, 1.8, 3.2}, 0.4, 0.0, 0.10}, {1.0, 0.3, 0.0, 1.4}},
      {{"admission", {"elective", "urgent", "emergency"}, {0.3, 1.7}, 0.0, 0.0, 0.03}, {0.2, 0.4, 0.1, 0.8}},
      {{"ward", {"A", "B", "C", "D"}, {-1.1, 0.0, 1.1}, 0.0, 0.0, 0.0}, {0.0, 0.0, 0.0, 0.0}},
  };
  return entries;
}

}  // namespace

ClinicalTable make_clinical_table(Task task) {
  const auto t = static_cast<std::size_t>(task);
  ClinicalTable table;
  for (const NumericEntry& entry : numeric_entries()) {
    table.numeric.push_back(entry.column);
    table.numeric.back().signal = entry.signal[t];
  }
  for (const CategoricalEntry& entry : categorical_entries()) {
    table.categorical.push_back(entry.column);
    table.categorical.back().signal = entry.signal[t];
  }
  return table;
}

}  // namespace plait::synth
