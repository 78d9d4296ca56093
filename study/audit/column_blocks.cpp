#include "study/audit/column_blocks.h"

#include <algorithm>

namespace plait {

std::vector<std::int64_t> audited_patients(const Cohort& cohort, std::size_t modality, std::int64_t most) {
  const std::vector<std::int64_t> all = patients_with(cohort, labelled_patients(cohort), modality);
  if (std::ssize(all) <= most) return all;
  std::vector<std::int64_t> chosen;
  for (std::int64_t k = 0; k < most; ++k) chosen.push_back(all[static_cast<std::size_t>(std::ssize(all) * k / most)]);
  return chosen;
}

void for_each_column(const ModalityData& modality, const std::vector<std::int64_t>& patients,
                     const std::function<void(std::size_t, const std::vector<double>&)>& visit) {
  constexpr std::size_t kBlock = 64;
  std::vector<std::vector<double>> block(kBlock, std::vector<double>(patients.size()));
  for (std::size_t first = 0; first < modality.columns.size(); first += kBlock) {
    const std::size_t count = std::min(kBlock, modality.columns.size() - first);
    for (std::size_t i = 0; i < patients.size(); ++i) {
      const float* cells = modality.row(modality.row_of_patient[static_cast<std::size_t>(patients[i])]);
      for (std::size_t j = 0; j < count; ++j) block[j][i] = static_cast<double>(cells[first + j]);
    }
    for (std::size_t j = 0; j < count; ++j) visit(first + j, block[j]);
  }
}

}  // namespace plait
