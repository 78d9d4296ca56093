// Survival problems and what Cox's partial likelihood of them is, by its definition: for every time of an event a loop
// over everybody.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/support/random_values.h"

namespace plait {

struct CoxProblem {
  std::vector<double> risks;
  std::vector<float> outcomes;  // [n, 2] time, event; in descending order of time
  std::vector<float> weights;

  std::int64_t batch() const { return static_cast<std::int64_t>(risks.size()); }
  double time(std::size_t b) const { return static_cast<double>(outcomes[2 * b]); }
  bool has_event(std::size_t b) const { return outcomes[2 * b + 1] == 1.0f; }
};

// Times 1 .. `times` drawn for `batch` patients (so there are ties), events with the given probability; every fifth
// patient has weight 0, the others 0.5 .. 2.
inline CoxProblem random_cox_problem(std::int64_t batch, std::uint32_t times, double events, std::uint32_t seed = 1) {
  CoxProblem problem;
  problem.risks = random_values<double>(batch, seed, -3.0, 3.0);
  problem.weights = random_values<float>(batch, seed + 1, 0.5, 2.0);
  for (std::size_t b = 2; b < problem.weights.size(); b += 5) problem.weights[b] = 0.0f;
  std::vector<int> drawn = random_integers<int>(batch, seed + 2, times);
  std::sort(drawn.rbegin(), drawn.rend());
  const std::vector<double> uniform = random_values<double>(batch, seed + 3, 0.0, 1.0);
  for (std::size_t b = 0; b < drawn.size(); ++b) {
    problem.outcomes.push_back(static_cast<float>(drawn[b] + 1));
    problem.outcomes.push_back(uniform[b] < events ? 1.0f : 0.0f);
  }
  return problem;
}

struct CoxReference {
  double value = 0.0;
  std::vector<double> gradient;
};

// Of d tied events with mean weight w the l-th term is w log(sum over R_t of w e^x - l/d sum over the events of w e^x).
inline CoxReference cox_reference(const CoxProblem& problem) {
  const std::size_t n = problem.risks.size();
  CoxReference result{.value = 0.0, .gradient = std::vector<double>(n, 0.0)};
  double total = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto weight = [&](std::size_t b) { return static_cast<double>(problem.weights[b]); };
    const auto in_tie = [&](std::size_t b) {
      return problem.weights[b] != 0.0f && problem.has_event(b) && problem.time(b) == problem.time(i);
    };
    if (!in_tie(i)) continue;
    total += weight(i);
    result.value -= weight(i) * problem.risks[i];
    result.gradient[i] -= weight(i);
    std::size_t first = 0;
    while (!in_tie(first)) ++first;
    if (first != i) continue;  // each tie once
    double largest = -std::numeric_limits<double>::infinity(), events = 0.0, mean_weight = 0.0;
    for (std::size_t b = 0; b < n; ++b) {
      if (problem.weights[b] != 0.0f && problem.time(b) >= problem.time(i))
        largest = std::max(largest, problem.risks[b]);
      if (in_tie(b)) events += 1.0, mean_weight += weight(b);
    }
    mean_weight /= events;
    for (double l = 0.0; l < events; l += 1.0) {
      double sum = 0.0;
      const auto part = [&](std::size_t b) {
        if (problem.weights[b] == 0.0f || problem.time(b) < problem.time(i)) return 0.0;
        return weight(b) * std::exp(problem.risks[b] - largest) * (in_tie(b) ? 1.0 - l / events : 1.0);
      };
      for (std::size_t b = 0; b < n; ++b) sum += part(b);
      result.value += mean_weight * (largest + std::log(sum));
      for (std::size_t b = 0; b < n; ++b) result.gradient[b] += mean_weight * part(b) / sum;
    }
  }
  if (total == 0.0) return result;
  result.value /= total;
  for (double& g : result.gradient) g /= total;
  return result;
}

}  // namespace plait
