#include "io/generator/lesion.h"

#include <cmath>

#include "kernels/math/elementary.h"

namespace plait::synth {
namespace {

double log_normal(double centre, double scale, double y) {
  return centre * static_cast<double>(exponential(static_cast<float>(scale * y)));
}

}  // namespace

LesionLoadings make_lesion_loadings(Task task) {
  switch (task) {
    case Task::cardiac:
      return {0.90, 0.90, 0.75};
    case Task::metabolic:
      return {0.90, 0.85, 0.75};
    case Task::cancer:
    case Task::mortality:
      break;
  }
  return {0.85, 0.90, 0.75};
}

double Lesion::radius() const {
  return log_normal(4.8, 0.28, y[0]);
}
double Lesion::contrast() const {
  return log_normal(48.0, 0.38, y[1]);
}
double Lesion::texture() const {
  return log_normal(10.0, 0.40, y[2]);
}

Lesion draw_lesion(const LesionLoadings& loadings, double signal, Draws draws) {
  Lesion lesion;
  for (std::size_t j = 0; j < loadings.size(); ++j)
    lesion.y[j] = loadings[j] * signal + std::sqrt(1.0 - loadings[j] * loadings[j]) * draws.normal();
  lesion.row = draws.uniform(-2.5, 2.5);
  lesion.column = draws.uniform(-2.5, 2.5);
  constexpr std::array<double, 3> roughness = {0.07, 0.05, 0.03};
  for (std::size_t k = 0; k < roughness.size(); ++k) {
    lesion.cosine[k] = roughness[k] * draws.normal();
    lesion.sine[k] = roughness[k] * draws.normal();
  }
  return lesion;
}

Belief lesion_belief(const LesionLoadings& loadings, const Lesion& lesion) {
  double precision = 1.0, sum = 0.0;
  for (std::size_t j = 0; j < loadings.size(); ++j) {
    const double noise = 1.0 - loadings[j] * loadings[j];
    precision += loadings[j] * loadings[j] / noise;
    sum += loadings[j] * lesion.y[j] / noise;
  }
  return {.mean = sum / precision, .variance = 1.0 / precision};
}

}  // namespace plait::synth
