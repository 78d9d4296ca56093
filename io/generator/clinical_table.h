// The clinical table (modality "ehr"): laboratory values, vital signs and categories that follow the signal s, a hidden
// acute-phase factor h ~ N(0, 1) that does not concern the label, age and sex.
//
// A numeric column in standard units:
//   y = signal s + acute h + age (years - 60) / 15 + sex (1 man, -1 woman) + noise e,  noise^2 = 1 - signal^2 - acute^2
// and as the file shows it: centre + scale y, or centre exp(scale y) where it is skewed, rounded to `decimals`.
// A categorical column is ordinal: P(level <= k) = 1 / (1 + exp(-(threshold_k - signal s - age (years - 60) / 15))).
// Age and sex are always known; every other cell is missing with its column's own rate, whatever its value.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "io/generator/draws.h"
#include "io/generator/label_model.h"
#include "io/generator/signal.h"

namespace plait::synth {

struct NumericColumn {
  std::string name;
  bool skewed = false;
  double centre = 0.0, scale = 1.0;
  int decimals = 0;
  double age = 0.0, sex = 0.0, acute = 0.0, signal = 0.0;
  double missing = 0.0;

  double noise() const;
  double value(double y) const;  // the cell that shows y, rounded
};

struct CategoricalColumn {
  std::string name;
  std::vector<std::string> levels;
  std::vector<double> thresholds;  // levels - 1, growing
  double age = 0.0, signal = 0.0;
  double missing = 0.0;

  double level_probability(int level, double signal_value, double age_units) const;
};

// Columns of the file: patient_id, age, sex, the numeric ones, the categorical ones.
struct ClinicalTable {
  std::vector<NumericColumn> numeric;
  std::vector<CategoricalColumn> categorical;
};

// Of the task alone: the same for every seed.
ClinicalTable make_clinical_table(Task task);

// What was found in one patient.
struct ClinicalFindings {
  int age = 60;  // years
  bool man = false;
  std::vector<double> y;   // numeric columns in standard units, not rounded; NaN = missing
  std::vector<int> level;  // categorical columns; -1 = missing
  double acute = 0.0;      // the hidden factor h

  double age_units() const { return (age - 60) / 15.0; }
};

ClinicalFindings draw_clinical(const ClinicalTable& table, double signal, Draws draws);

// The distribution of the signal given age, sex and the cells that are not missing; h and the noise are integrated out
// exactly (numeric cells and h are jointly normal, and no category depends on h).
Density clinical_density(const ClinicalTable& table, const ClinicalFindings& found);

}  // namespace plait::synth
