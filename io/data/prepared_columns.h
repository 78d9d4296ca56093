// What the columns of a prepared cohort are called; docs/prepared_cohort.md lists them.
#pragma once

#include <cstddef>
#include <string>

namespace plait {

// "m0.cells": a column of the first modality.
inline std::string prepared_column(std::size_t modality, const char* what) {
  return "m" + std::to_string(modality) + "." + what;
}

}  // namespace plait
